"""Nested dicts as indented lines of text."""

import math
import re
import textwrap

import yaml

_SHORT = 80  # characters of a dict that has no line of its own


def text(chain: dict) -> str:
    """Nested dicts as indented lines: plain values on one line, then each longer dict below its name."""
    return "\n".join(line for name, value in chain.items() for line in _lines(name, value, 0)).strip("\n")


def _lines(name: str, value: object, depth: int) -> list[str]:
    if not isinstance(value, dict):
        return _wrapped(f"{name}: {_plain(value)}", depth)
    dicts = {key: item for key, item in value.items() if isinstance(item, dict)}
    if len(dicts) == len(value) == 1:
        key, item = next(iter(dicts.items()))
        return _lines(f"{name}: {key}", item, depth)
    # short dicts stand among the plain values, if all are short
    inline = len(dicts) < len(value) and all(len(_plain(item)) <= _SHORT for item in dicts.values())
    inner = {} if inline else dicts
    plain = ", ".join(f"{key} {_plain(item)}" for key, item in value.items() if key not in inner)
    lines = _wrapped(f"{name}: {plain}".strip(), depth) if value else []
    lines += [line for key, item in inner.items() for line in _lines(key, item, depth + 1)]
    return ["", *lines] if inner and depth == 0 else lines


def _wrapped(line: str, depth: int) -> list[str]:
    start, whole = "  " * depth, {"break_on_hyphens": False, "break_long_words": False}
    return textwrap.wrap(line, 120, initial_indent=start, subsequent_indent=start + "    ", **whole)


def _plain(value: object) -> str:
    """A value as YAML on one line; the start of a SHA-256 stands for it."""
    if isinstance(value, str):
        return re.sub("^([0-9a-f]{12})[0-9a-f]{52}$", r"\1", value) or "''"
    dumped = yaml.safe_dump(value, default_flow_style=True, width=math.inf, sort_keys=False)
    return dumped.strip().removesuffix("\n...")
