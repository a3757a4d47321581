"""mini-contest-b: a sequence in which each term is the sum of the two before it, modulo m, after AIME.

The level is the number of steps. The answer is the pair of the last two terms; guessing hits one pair in m * m.
Sequences that start alike are all for training or all held out; a training sequence may still run through the terms of
a held-out one.
"""

import random
from typing import Literal

from lift.miniature.language import Problem, calculate
from lift.miniature.task import Task

GRADER = "pair"
METRIC = "pass@k"
PROMPT_TOKENS = 25
GUESSES = True
_MODULI = (18, 20)


def generate(rng: random.Random, level: int) -> Problem:
    """Two start terms below m, m from 18 to 20, and `level` further terms."""
    m = rng.randint(*_MODULI)
    start = first, second = rng.randrange(m), rng.randrange(m)
    statements = []
    for _ in range(level):
        statement, following = calculate(first, "+", second, modulus=m)
        statements.append(statement)
        first, second = second, following
    split = ("mini-contest-b", m, *start)
    prompt = f"start {start[0]} {start[1]} mod {m} steps {level} last two ?"
    return Problem(prompt, tuple(statements), f"{first} , {second}", (*split, level), {"modulus": m}, split)


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer."""
    m = problem.extra["modulus"]
    return f"{rng.randrange(m)} , {rng.randrange(m)}"


TASK = Task("mini-contest-b", generate, guess, lower=(1, 2), upper=(3, 4, 5))


def problems(
    *,
    size: int = 200,
    levels: list[Literal[1, 2, 3, 4, 5]] = [3, 4, 5],  # noqa: B006
    part: Literal["test", "validation"] = "test",
    seed: int = 0,
) -> list[dict]:
    """Held-out problems, of each level as many."""
    return TASK.held_out(size, levels, part, seed)
