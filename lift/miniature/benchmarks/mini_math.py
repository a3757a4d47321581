"""mini-math: equations to undo and functions to chain, after MATH500. The answer is one number.

The level is the number of operations.
"""

import random
from typing import Literal

from lift.miniature.language import Problem, calculate
from lift.miniature.task import Task

GRADER = "number"
METRIC = "accuracy"
PROMPT_TOKENS = 25
GUESSES = True
_LARGEST = 30
_INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}


def _chain(rng: random.Random, length: int) -> tuple[list[int], list[tuple[str, int]]]:
    """Values v0, v1, ... from 0 to 30 and the operations (sign, number) between them, none undoing the one before."""
    values, operations = [rng.randint(1, _LARGEST)], []
    while len(operations) < length:
        operation = rng.choice("+-**/")
        n = rng.randint(2, 5) if operation in "*/" else rng.randint(1, 9)
        if operations and operations[-1][0] == _INVERSE[operation]:
            continue
        try:
            _, value = calculate(values[-1], operation, n)
        except ValueError:
            continue
        if value <= _LARGEST:
            values.append(value)
            operations.append((operation, n))
    return values, operations


def _nested(innermost: str, operations: list[tuple[str, int]]) -> str:
    """The operations applied one after the other, in parentheses but for the last."""
    text = innermost
    for i, (operation, n) in enumerate(operations):
        text = f"( {text} {operation} {n} )" if i < len(operations) - 1 else f"{text} {operation} {n}"
    return text


def generate(rng: random.Random, level: int) -> Problem:
    """Half the problems are equations in x, half are functions of one number, nested from level 2 on."""
    values, operations = _chain(rng, level)
    if rng.random() < 0.5:
        steps = [(values[i + 1], _INVERSE[operation], n) for i, (operation, n) in enumerate(operations)][::-1]
        prompt = f"solve for x : {_nested('x', operations)} = {values[-1]}"
        key, answer = ("mini-math", "equation", tuple(operations), values[-1]), values[0]
    else:  # f takes the first half of the chain, g the rest: g ( f ( n ) )
        steps = [(value, *operation) for value, operation in zip(values, operations, strict=False)]
        half = level // 2
        f, g = _nested("n", operations[:half]), _nested("n", operations[half:])
        prompt = f"f ( n ) = {f} . g ( n ) = {g} . compute g ( f ( {values[0]} ) )"
        key, answer = ("mini-math", "function", tuple(operations), values[0]), values[-1]
    return Problem(prompt, tuple(calculate(*step)[0] for step in steps), str(answer), key)


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer."""
    return str(rng.randint(0, _LARGEST))


TASK = Task("mini-math", generate, guess, lower=(1, 2), upper=(3, 4, 5))


def problems(
    *,
    size: int = 200,
    levels: list[Literal[1, 2, 3, 4, 5]] = [3, 4, 5],  # noqa: B006
    part: Literal["test", "validation"] = "test",
    seed: int = 0,
) -> list[dict]:
    """Held-out problems, of each level as many."""
    return TASK.held_out(size, levels, part, seed)
