"""mini-contest-b: a sequence in which each term is the sum of the two before it, modulo m, after AIME.

The level is the number of steps. The answer is the pair of the last two terms; guessing hits one pair in m * m.
The split is by what is asked, the last pair under its modulus; the trace of a longer training sequence may run through
the terms of a test sequence.
"""

import random
from typing import Literal

from lift.miniature.language import Problem
from lift.miniature.problems import test_problems

GRADER = "pair"
METRIC = "pass@k"
GUESSES = True
LEVELS = (3, 4, 5, 6)  # of training
TEST_LEVELS = (2, *LEVELS)
_MODULI = (21, 30)


def generate(rng: random.Random, level: int) -> Problem:
    """Two start terms below m, m from 21 to 30, and `level` further terms."""
    m = rng.randint(*_MODULI)
    start = first, second = rng.randrange(m), rng.randrange(m)
    statements = []
    for _ in range(level):
        following = (first + second) % m
        statements.append(f"{first} + {second} = {following}")
        first, second = second, following
    trace = " ".join(statements) + " ."
    prompt = f"start {start[0]} {start[1]} mod {m} steps {level} last two ?"
    return Problem(prompt, (trace,), f"{first} , {second}", ("mini-contest-b", m, first, second), {"modulus": m})


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer."""
    m = problem.extra["modulus"]
    return f"{rng.randrange(m)} , {rng.randrange(m)}"


def problems(*, size: int = 200, levels: list[Literal[2, 3, 4, 5, 6]] = [3], seed: int = 0) -> list[dict]:  # noqa: B006
    """Test problems, of each level as many."""
    return test_problems("mini-contest-b", size, levels, seed)
