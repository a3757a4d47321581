r"""Boxes, \boxed{...}, in a model's answer."""

import re

_OPENING = re.compile(r"\\(?:boxed|fbox)\s*\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace closes nothing
_EMPTY = re.compile(_OPENING.pattern + r"[\s.]*\}")


def boxes(text: str) -> list[str]:
    r"""What stands in each \boxed{} (or \fbox{}), in their order, without the white space around it.

    A box ends at its closing brace or, where that is missing, at the last closing brace in its line; always before a
    tag like </answer>. Without such a brace it is no box. Outer boxes come before inner ones.
    """
    contents = (_content(text, opening.end()) for opening in _OPENING.finditer(text))
    return [content.strip() for content in contents if content is not None]


def without_boxes(text: str) -> str:
    r"""The text of an answer without empty boxes and without the opening of a box that was never closed.

    What stands before that opening goes with it, and so does a > in the closing brace's place.
    """
    text = _EMPTY.sub("", text)
    *before, last = _OPENING.split(text)
    return last.strip().rstrip("> ") if before else last.strip()


def _content(text: str, start: int) -> str | None:
    """What stands in a box whose opening brace ends at `start`, None for no box."""
    text = text[start:].partition("</")[0]
    depth = 1
    for brace in _BRACE.finditer(text):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[: brace.start()]
    line = text.partition("\n")[0]
    return line[: line.rfind("}") + 1] or None
