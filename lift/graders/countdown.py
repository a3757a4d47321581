"""An expression that makes a target from given numbers, each used exactly once."""

import ast
import operator
import re
from collections import Counter
from fractions import Fraction

from lift.graders import Grade

_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def _value(node: ast.expr, used: list[int]) -> Fraction:
    """The value of a parsed expression; the numbers are appended to `used`. ValueError for anything but + - * /."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        used.append(node.value)
        return Fraction(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left, used), _value(node.right, used))
    raise ValueError("not arithmetic")


def grade(answer: str, problem: dict) -> Grade:
    """Right where the value is exactly the target and the numbers are the given ones. The text is parsed, never run."""
    used: list[int] = []
    if not re.fullmatch(r"[\d\s+\-*/()]{1,200}", answer):
        return Grade(None, False)
    try:
        value = _value(ast.parse(answer.strip(), mode="eval").body, used)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Grade(None, False)
    except ZeroDivisionError:
        value = None
    return Grade(answer.strip(), value == problem["target"] and Counter(used) == Counter(problem["numbers"]))
