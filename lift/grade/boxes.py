r"""Boxes, \boxed{...}, in a model's answer."""

import re

# A box may have lost its backslash, or its \b have become a backspace; \framebox may have its sizes.
_FRAMED = r"(?:b?[bB]oxed|fbox|framebox(?:\s*\[[^\]]*\])*)"
_NAME = rf"(?:(?:\\n?|(?<![a-zA-Z\\])){_FRAMED}|\\b?box(?:\s*\[[^\]]*\])?|(?<![a-zA-Z])\\?oxed|\x08oxed)"
_BRACED = re.compile(_NAME + r"\s*\{")
_BARE = re.compile(
    rf"\\(?:{_FRAMED})\s*(?=((?:[-+]\s*)?(?:\$|\\(?![a-z]*box)[a-zA-Z,!{{]|[0-9.(\[])[^\n]*))"
)  # \boxed 73
_OPENING = re.compile(rf"{_BRACED.pattern}|{_BARE.pattern}")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace closes nothing
_EMPTY = re.compile(_BRACED.pattern + r"[\s.]*\}")
_END = re.compile(r"</|(?<!\\)\$|\\[)\]]|[.,;]?(?:\s*$|\s+(?:[A-Za-z]{2}|\\b?boxed))")  # of what follows a bare one
_BETWEEN = re.compile(
    r"(?:[\s,;.$&]|\\[()\[\],;:! \\]|\\q?quad|\\text\{[^{}]*\}|\b(?:and|or|[a-z](?:_\{?\w\}?)?\s*=))*"
)


def boxes(text: str) -> list[str]:
    r"""What stands in each \boxed{} (or \fbox{} and the like), in their order, without the white space around it.

    A box ends at its closing brace or, where that is missing, at the last closing brace in its line; always before a
    tag like </answer>. Without such a brace it is no box, but \boxed 73 is. Outer boxes come before inner ones.
    """
    return [content for content, _, _ in _boxes(text)]


def last_boxes(text: str) -> list[str]:
    """The boxes at the end that only commas, "and", "x =" and the like separate, as one list is written in several."""
    found = _boxes(text)
    run = found[-1:]
    for box in found[-2::-1]:
        if box[2] > run[0][1] or not _BETWEEN.fullmatch(text, box[2], run[0][1]):
            break
        run.insert(0, box)
    return [content for content, _, _ in run]


def without_boxes(text: str) -> str:
    r"""The text of an answer without empty boxes and without the opening of a box that was never closed.

    What stands before that opening goes with it, and so does a > in the closing brace's place.
    """
    text = _EMPTY.sub("", text)
    text = re.sub(rf"^\s*{_NAME}\s+(?!\{{)", "", text)  # boxed 73
    *before, last = _BRACED.split(text)
    return last.strip().rstrip("> ") if before else last.strip()


def _boxes(text: str) -> list[tuple[str, int, int]]:
    """What stands in each box, where the box begins and where it ends."""
    found = []
    for opening in _OPENING.finditer(text):
        start = opening.end() if opening[1] is None else opening.start(1)
        content = _content(text, start) if opening[1] is None else _END.split(opening[1].lstrip("$ "), maxsplit=1)[0]
        if content is not None:
            end = start + len(content) + (opening[1] is None)
            found.append((content.strip(), opening.start(), end))
    return found


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
