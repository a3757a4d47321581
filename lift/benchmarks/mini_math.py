"""mini-math: equations to undo and functions to chain, after MATH500. The answer is one number.

The level is the number of operations.
"""

import random
from typing import Literal

from lift.miniature.language import Problem
from lift.miniature.problems import test_problems

GRADER = "number"
METRIC = "accuracy"
GUESSES = True
LEVELS = (2, 3, 4)
_LARGEST = 40
_INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}


def _apply(value: int, operation: str, n: int) -> int | None:
    """The result, or None where it is no whole number from 0 to 40."""
    if operation == "/" and value % n:
        return None
    result = {"+": value + n, "-": value - n, "*": value * n, "/": value // n}[operation]
    return result if 0 <= result <= _LARGEST else None


def _chain(rng: random.Random, length: int) -> tuple[list[int], list[tuple[str, int]]]:
    """Values v0, v1, ... and the operations (sign, number) between them."""
    values, operations = [rng.randint(1, 20)], []
    while len(operations) < length:
        operation = rng.choice("+-**/")
        n = rng.randint(2, 5) if operation in "*/" else rng.randint(1, 20)
        result = _apply(values[-1], operation, n)
        if result is not None and not (operations and operations[-1][0] == _INVERSE[operation]):
            values.append(result)
            operations.append((operation, n))
    return values, operations


def generate(rng: random.Random, level: int) -> Problem:
    """Half the problems are equations in x, half are nested functions of one number."""
    values, operations = _chain(rng, level)
    if rng.random() < 0.5:
        left = "x"
        for i, (operation, n) in enumerate(operations):
            left = f"( {left} {operation} {n} )" if i < level - 1 else f"{left} {operation} {n}"
        steps = [
            f"{values[i + 1]} {_INVERSE[operation]} {n} = {values[i]} ."
            for i, (operation, n) in reversed(list(enumerate(operations)))
        ]
        key = ("mini-math", "equation", tuple(operations), values[-1])
        return Problem(f"solve for x : {left} = {values[-1]}", tuple(steps), str(values[0]), key)
    # f takes the first half of the chain, g the rest: g ( f ( n ) )
    half = level // 2
    body = {}
    for name, part in (("f", operations[:half]), ("g", operations[half:])):
        body[name] = "n"
        for i, (operation, n) in enumerate(part):
            body[name] = f"( {body[name]} {operation} {n} )" if i < len(part) - 1 else f"{body[name]} {operation} {n}"
    steps = [f"{values[i]} {operation} {n} = {values[i + 1]} ." for i, (operation, n) in enumerate(operations)]
    prompt = f"f ( n ) = {body['f']} . g ( n ) = {body['g']} . compute g ( f ( {values[0]} ) )"
    key = ("mini-math", "function", tuple(operations), values[0])
    return Problem(prompt, tuple(steps), str(values[-1]), key)


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer."""
    return str(rng.randint(0, _LARGEST))


def problems(*, size: int = 200, levels: list[Literal[2, 3, 4]] = [3], seed: int = 0) -> list[dict]:  # noqa: B006
    """Test problems, of each level as many."""
    return test_problems("mini-math", size, levels, seed)
