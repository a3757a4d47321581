"""mini-contest-a: two equations in two unknowns, after AIME. The answer is the pair x , y.

The level is the largest coefficient. Guessing hits one pair in 400.
"""

import random
from typing import Literal

from lift.miniature.language import Problem
from lift.miniature.problems import test_problems

GRADER = "pair"
METRIC = "pass@k"
GUESSES = True
LEVELS = (2, 3, 4)
_LARGEST, _LARGEST_SUM = 20, 60


def generate(rng: random.Random, level: int) -> Problem:
    """a x + b y = e and c x + d y = f with one solution, x and y from 1 to 20, both sums at most 60."""
    while True:
        x, y = rng.randint(1, _LARGEST), rng.randint(1, _LARGEST)
        a, b, c, d = (rng.randint(1, level) for _ in range(4))
        e, f = a * x + b * y, c * x + d * y
        if a * d != b * c and max(e, f) <= _LARGEST_SUM:
            break
    prompt = f"find x and y : {a} * x + {b} * y = {e} . {c} * x + {d} * y = {f}"
    statements = (f"{a} * {x} + {b} * {y} = {e} . {c} * {x} + {d} * {y} = {f} .",)
    equations, swapped = [(a, b, e), (c, d, f)], [(b, a, e), (d, c, f)]
    key = ("mini-contest-a", *min(sorted(equations), sorted(swapped)))  # neither order nor names change what is asked
    return Problem(prompt, statements, f"{x} , {y}", key)


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer."""
    return f"{rng.randint(1, _LARGEST)} , {rng.randint(1, _LARGEST)}"


def problems(*, size: int = 200, levels: list[Literal[2, 3, 4]] = [3], seed: int = 0) -> list[dict]:  # noqa: B006
    """Test problems, of each level as many."""
    return test_problems("mini-contest-a", size, levels, seed)
