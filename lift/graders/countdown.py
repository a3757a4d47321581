r"""Countdown: an expression with each given number exactly once, from the last \boxed{}, else from <answer>."""

import re
from collections import Counter
from fractions import Fraction

from lift.boxes import boxes, without_boxes
from lift.graders import Grade, answer_text
from lift.graders.expression import evaluate

_TOLERANCE = Fraction(1, 100_000)
_OPERATORS = {
    r"\times": "*",
    r"\cdot": "*",
    r"\ast": "*",
    r"\div": "/",
    r"\left": "",
    r"\right": "",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{DOT OPERATOR}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{MINUS SIGN}": "-",
}
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_MARKUP = re.compile(r"\\[()\[\],;:! ]|\\?\$|~")


def _plain(latex: str) -> str:
    """An expression in digits, + - * / and parentheses, if it is one."""
    latex = latex.partition("=")[0]
    for written, operator in _OPERATORS.items():
        latex = latex.replace(written, operator)
    latex = _MARKUP.sub(" ", latex)
    changed = 1
    while changed:  # from the innermost fraction outwards
        latex, changed = _FRACTION.subn(r"((\1)/(\2))", latex)
    latex = latex.replace("{", "(").replace("}", ")").replace("[", "(").replace("]", ")")
    return " ".join(latex.split()).rstrip(" .,")


def grade(text: str, problem: dict) -> Grade:
    """Right where the value is the target to 1e-5 and the numbers are problem["numbers"], each used once.

    LaTeX is read as plain operators, and only what is left of the first = counts. The arithmetic is exact. extracted is
    None where there is no well-formed expression.
    """
    content = [box for box in boxes(text) if box] or [without_boxes(answer_text(text) or "")]
    expression = _plain(content[-1])
    # `evaluate` knows no signs: -5 + 17 is 0 - 5 + 17, less the zero
    signed, zeros = re.subn(r"(^|\()\s*(?=[+-])", r"\g<1>0", expression)
    try:
        value, used = evaluate(signed)
    except ValueError:
        return Grade(None, False)
    used -= Counter({0: zeros})
    right = value is not None and abs(value - problem["target"]) < _TOLERANCE
    return Grade(expression, right and used == Counter(problem["numbers"]))
