r"""GSM8K: a number, the first in the first \boxed{} that holds one, else the last in <answer>."""

import re
from fractions import Fraction

from lift.grade.boxes import boxes
from lift.grade.graders import Grade, answer_text
from lift.grade.spelling import LONGEST, plain

_FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
_MIXED = re.compile(r"([0-9]{1,9})\s+([0-9]{1,9})/([0-9]{1,9})(?![0-9])")  # 2 1/2
_ALONE = re.compile(r"[^0-9a-zA-Z\n]*[0-9]{1,3}(?:(?:\s|\\[,;:! ]|~)+[0-9]{3})+(?:\.[0-9]+)?[^0-9]*")  # 1 200 apples
_NEGATIVE = re.compile(r"\s*\$?\s*[-\N{MINUS SIGN}](?:\\[,;:! ]|~)+\$?[0-9][0-9.,]*\s*")  # but "- 5" may be a list
_NUMBER = re.compile(
    r"(?:(?<![\w)}])-)?"  # a minus after a letter, digit or bracket is a difference
    r"(?:[0-9]+(?:,[0-9]{3})+(?![0-9])|[0-9]+|(?<![.\w])(?=\.[0-9]))(?:\.[0-9]+)?"
    r"(?:\s*/\s*[0-9]+)?"
)


def _numbers(text: str, *, prose: bool = False) -> list[str]:
    """The numbers in a text, as written but without commas and spaces."""
    text = re.sub(r"(?<=[a-zA-Z)}])\^\{?-?[0-9]\}?", "", plain(text, prose=prose))  # cm^2
    text = re.sub(r"(?<=[0-9])\s*(?=\\frac)", " ", text)
    text = _FRACTION.sub(r"\1/\2", text)
    text = _MIXED.sub(lambda match: f"{int(match[1]) * int(match[3]) + int(match[2])}/{match[3]}", text)
    return [re.sub(r"[,\s]", "", number) for number in _NUMBER.findall(text)]


def _value(number: str) -> Fraction | None:
    """The exact value; None for 1/0 and for more digits than Python reads."""
    top, _, bottom = number.partition("/")
    try:
        return Fraction(top) / int(bottom or 1)
    except (ValueError, ZeroDivisionError):
        return None


def grade(text: str, problem: dict) -> Grade:
    """Right where the number read equals problem["answer"], a string like "18", "-3" or "1,200", as a number.

    Thousands commas, $, %, units, LaTeX spacing and nested braces are read over; 18.0 is 18; 5/2, 2 1/2 and
    \\frac{5}{2} are one number. extracted is None where there is no number.
    """
    found = next((numbers for numbers in map(_numbers, boxes(text)) if numbers), None)
    if found is None:
        answer = (answer_text(text) or "")[-LONGEST:]
        alone = _ALONE.fullmatch(answer) or _NEGATIVE.fullmatch(answer)
        found = _numbers(answer, prose=not alone)[::-1]
    if not found:
        return Grade(None, False)
    value = _value(found[0])
    return Grade(found[0], value is not None and value == _value(_numbers(str(problem["answer"]))[0]))
