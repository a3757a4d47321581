r"""Countdown: an expression with each given number exactly once, from the last \boxed{}, else from <answer>."""

import re
from collections import Counter
from fractions import Fraction

from lift.grade.boxes import boxes, without_boxes
from lift.grade.graders import Grade, answer_text
from lift.grade.graders.expression import evaluate
from lift.grade.spelling import plain

_TOLERANCE = Fraction(1, 100_000)
_TIMES = re.compile(r"\\(?:times|cdot|ast)(?![a-zA-Z])|(?<=[0-9)\]} ])[xX*](?=\s*[-\\0-9(\[{])")
_DIVIDED = re.compile(r"\\div(?![a-zA-Z])")
_FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
_EQUALS = re.compile(r"=|\\(?:approx|equiv|Rightarrow|to|implies|rightarrow)(?![a-zA-Z])")
_BRACKETS = str.maketrans("[]", "()")
_IMPLIED = re.compile(r"(?<=\))\s*(?=[0-9(])|(?<=[0-9])\s*(?=\()")  # 5(3 + 4)


def _expression(latex: str) -> str:
    """An expression in digits, + - * / and parentheses, if it is one: the first side of = that is not a lone number.

    Where all sides are lone numbers, the first.
    """
    text = _DIVIDED.sub("/", _TIMES.sub("*", plain(latex, compute=False)))
    text = text.replace(r"\{", "(").replace(r"\}", ")").translate(_BRACKETS)
    changed = 1
    while changed:  # from the innermost fraction outwards
        text, changed = _FRACTION.subn(r"((\1)/(\2))", text)
    text = _IMPLIED.sub("*", text.replace("{", "(").replace("}", ")"))
    sides = [" ".join(side.split()).rstrip(" .,") for side in _EQUALS.split(text)]
    return next((side for side in sides if re.search(r"[0-9][\s)]*[-+*/]", side)), sides[0])


def grade(text: str, problem: dict) -> Grade:
    """Right where the value is the target to 1e-5 and the numbers are problem["numbers"], each used once.

    LaTeX is read as plain operators, x between numbers as a product. Of an equation the first side that is an
    expression counts. The arithmetic is exact. extracted is None where there is no well-formed expression.
    """
    content = [box for box in boxes(text) if box] or [without_boxes(answer_text(text) or "")]
    expression = _expression(content[-1])
    # `evaluate` knows no signs: -5 + 17 is 0 - 5 + 17, less the zero
    signed, zeros = re.subn(r"(^|\()\s*(?=[+-])", r"\g<1>0", expression)
    try:
        value, used = evaluate(signed)
    except ValueError:
        return Grade(None, False)
    used -= Counter({0: zeros})
    right = value is not None and abs(value - problem["target"]) < _TOLERANCE
    return Grade(expression, right and used == Counter(problem["numbers"]))
