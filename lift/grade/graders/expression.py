"""An expression that makes a target from given numbers, each used exactly once."""

import ast
import operator
import re
from collections import Counter
from fractions import Fraction

from lift.grade.graders import Grade, answer_text, parse_python

_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def _value(node: ast.expr, used: list[int]) -> Fraction:
    """The value of a parsed expression; the numbers are appended to `used`. ValueError for anything but + - * /."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        used.append(node.value)
        return Fraction(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left, used), _value(node.right, used))
    raise ValueError("not arithmetic")


def evaluate(expression: str) -> tuple[Fraction | None, Counter]:
    """The exact value of an arithmetic expression, None where it divides by zero, and the numbers in it.

    The text is parsed, never run. ValueError for anything but whole numbers, + - * / and parentheses.
    """
    used: list[int] = []
    if not re.fullmatch(r"[\d\s+\-*/()]{1,200}", expression):
        raise ValueError("not arithmetic")
    try:
        value = _value(parse_python(expression.strip(), "eval").body, used)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError("not arithmetic") from None
    except ZeroDivisionError:
        value = None
    return value, Counter(used)


def grade(text: str, problem: dict) -> Grade:
    """Right where the value is exactly the target and the numbers are the given ones."""
    answer = answer_text(text)
    try:
        value, used = evaluate(answer or "")
    except ValueError:
        return Grade(None, False)
    return Grade(answer, value == problem["target"] and used == Counter(problem["numbers"]))
