"""mini-countdown: make a target from given numbers, each used exactly once, as in Countdown.

The level is the amount of numbers. The answer is an expression; any that reaches the target is right. The trace is the
first of all solutions in a fixed order: a model that predicts tokens apart from each other would mix several.
"""

import itertools
import random
from collections.abc import Iterator
from typing import Literal

from lift.miniature.language import Problem, calculate
from lift.miniature.task import Task

GRADER = "expression"
METRIC = "accuracy"
PROMPT_TOKENS = 25
GUESSES = True
_LARGEST, _LARGEST_TARGET = 15, 24
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
_NUMBER = 3  # the precedence of a number, which needs no parentheses


def _join(left: tuple[str, int], operation: str, right: tuple[str, int]) -> tuple[str, int]:
    """Two expressions (text, precedence of the outermost sign) joined, with parentheses where they are needed."""
    precedence = _PRECEDENCE[operation]
    a = f"( {left[0]} )" if left[1] < precedence else left[0]
    b = f"( {right[0]} )" if right[1] < precedence or (right[1] == precedence and operation in "-/") else right[0]
    return f"{a} {operation} {b}", precedence


def _solutions(parts: list[tuple[tuple[str, int], int]]) -> Iterator[tuple[str, int, tuple]]:
    """Every expression over all parts ((text, precedence), value): its text, its value from 1 to 24, its statements.

    Larger operands stand first; sums come before differences, products and quotients.
    """
    if len(parts) == 1:
        yield parts[0][0][0], parts[0][1], ()
        return
    for operation in "+-*/":
        for i, j in itertools.combinations(range(len(parts)), 2):
            (left, a), (right, b) = sorted((parts[i], parts[j]), key=lambda part: -part[1])
            try:
                statement, value = calculate(a, operation, b)
            except ValueError:
                continue
            if not 1 <= value <= _LARGEST_TARGET:
                continue
            rest = [part for k, part in enumerate(parts) if k not in (i, j)]
            for text, result, statements in _solutions([(_join(left, operation, right), value), *rest]):
                yield text, result, (statement, *statements)


def generate(rng: random.Random, level: int) -> Problem:
    """`level` numbers from 1 to 15 and a target from 1 to 24 that they can reach by whole intermediate results."""
    while True:
        numbers = [rng.randint(1, _LARGEST) for _ in range(level)]
        solutions = list(_solutions([((str(n), _NUMBER), n) for n in sorted(numbers, reverse=True)]))
        targets = sorted({value for _, value, _ in solutions} - set(numbers))
        if targets:
            break
    target = rng.choice(targets)
    text, _, statements = next(solution for solution in solutions if solution[1] == target)
    prompt = f"make {target} from {' '.join(map(str, numbers))}"
    key = ("mini-countdown", target, *sorted(numbers))
    return Problem(prompt, statements, text, key, {"numbers": numbers, "target": target})


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer: an expression that uses every number once."""
    parts = [(str(n), _NUMBER) for n in problem.extra["numbers"]]
    while len(parts) > 1:
        rng.shuffle(parts)
        parts.append(_join(parts.pop(), rng.choice("+-*"), parts.pop()))
    return parts[0][0]


TASK = Task("mini-countdown", generate, guess, lower=(2, 3))


def problems(
    *,
    size: int = 200,
    levels: list[Literal[2, 3]] = [3],  # noqa: B006
    part: Literal["test", "validation"] = "test",
    seed: int = 0,
) -> list[dict]:
    """Held-out problems, of each level as many."""
    return TASK.held_out(size, levels, part, seed)
