"""mini-countdown: make a target from given numbers, each used exactly once, as in Countdown.

The level is the amount of numbers. The answer is an expression; any that reaches the target is right.
"""

import random
from typing import Literal

from lift.miniature.language import Problem
from lift.miniature.problems import test_problems

GRADER = "expression"
METRIC = "accuracy"
GUESSES = True
LEVELS = (3, 4)
_LARGEST, _LARGEST_TARGET = 15, 40
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


def _join(left: tuple[str, int], operation: str, right: tuple[str, int]) -> tuple[str, int]:
    """Two expressions (text, precedence of the outermost sign) joined, with parentheses where they are needed."""
    precedence = _PRECEDENCE[operation]
    a = f"( {left[0]} )" if left[1] < precedence else left[0]
    b = f"( {right[0]} )" if right[1] < precedence or (right[1] == precedence and operation in "-/") else right[0]
    return f"{a} {operation} {b}", precedence


def _random_tree(rng: random.Random, numbers: list[int], whole: bool):
    """(text, precedence), value and statements of a random expression over all numbers; None where it leaves 1..40."""
    parts = [((str(n), 3), n) for n in numbers]
    statements = []
    while len(parts) > 1:
        rng.shuffle(parts)
        (left, a), (right, b) = parts.pop(), parts.pop()
        operation = rng.choice("+-*/" if whole else "+-*")
        if whole:
            if operation == "/" and (b == 0 or a % b):
                return None
            value = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[operation]
            if not 1 <= value <= _LARGEST_TARGET:
                return None
            statements.append(f"{a} {operation} {b} = {value} .")
        else:
            value = 0
        parts.append((_join(left, operation, right), value))
    return parts[0][0], parts[0][1], statements


def generate(rng: random.Random, level: int) -> Problem:
    """`level` numbers from 1 to 15 and a target from 1 to 40 that they can reach by whole intermediate results."""
    while True:
        numbers = [rng.randint(1, _LARGEST) for _ in range(level)]
        tree = _random_tree(rng, numbers, whole=True)
        if tree is not None and tree[1] not in numbers:
            break
    (text, _), target, statements = tree
    prompt = f"make {target} from {' '.join(map(str, numbers))}"
    key = ("mini-countdown", target, *sorted(numbers))
    return Problem(prompt, tuple(statements), text, key, {"numbers": numbers, "target": target})


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer: an expression that uses every number once."""
    return _random_tree(rng, list(problem.extra["numbers"]), whole=False)[0][0]


def problems(*, size: int = 200, levels: list[Literal[3, 4]] = [3], seed: int = 0) -> list[dict]:  # noqa: B006
    """Test problems, of each level as many."""
    return test_problems("mini-countdown", size, levels, seed)
