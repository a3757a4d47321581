"""mini-contest-a: two equations in two unknowns, after AIME. The answer is the pair x , y.

The level says how much stands between the unknowns and the sums (see `generate`), from two steps to five. Guessing hits
one pair in 400.
"""

import itertools
import random
from typing import Literal

from lift.miniature.language import Problem, calculate
from lift.miniature.task import Task

GRADER = "pair"
METRIC = "pass@k"
PROMPT_TOKENS = 25
GUESSES = True
_LARGEST, _LARGEST_SUM, _LARGEST_COEFFICIENT = 20, 50, 3


def _times(coefficient: int, unknown: str) -> str:
    return unknown if coefficient == 1 else f"{coefficient} * {unknown}"


def generate(rng: random.Random, level: int) -> Problem:
    """a x + b = e and c x + d y = f with x and y from 1 to 20, no number above 50, no coefficient above 3.

    Level 1: a = c = d = 1; 2: a > 1; 3: a, c > 1; 4: a, d > 1; 5: all above 1.
    """
    while True:
        x, y = rng.randint(1, _LARGEST), rng.randint(1, _LARGEST)
        a = rng.randint(2, _LARGEST_COEFFICIENT) if level >= 2 else 1
        c = rng.randint(2, _LARGEST_COEFFICIENT) if level in (3, 5) else 1
        d = rng.randint(2, _LARGEST_COEFFICIENT) if level >= 4 else 1
        b = rng.randint(1, 9)
        if max(a * x + b, c * x + d * y) <= _LARGEST_SUM:
            break
    e, f = a * x + b, c * x + d * y
    steps = [(e, "-", b), (a * x, "/", a), (c, "*", x), (f, "-", c * x), (d * y, "/", d)]
    needed = [True, a > 1, c > 1, True, d > 1]
    prompt = f"find x and y : {_times(a, 'x')} + {b} = {e} . {_times(c, 'x')} + {_times(d, 'y')} = {f}"
    statements = tuple(calculate(*step)[0] for step in itertools.compress(steps, needed))
    return Problem(prompt, statements, f"{x} , {y}", ("mini-contest-a", a, b, e, c, d, f))


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer."""
    return f"{rng.randint(1, _LARGEST)} , {rng.randint(1, _LARGEST)}"


TASK = Task("mini-contest-a", generate, guess, lower=(1, 2), upper=(3, 4, 5))


def problems(
    *,
    size: int = 200,
    levels: list[Literal[1, 2, 3, 4, 5]] = [3, 4, 5],  # noqa: B006
    part: Literal["test", "validation"] = "test",
    seed: int = 0,
) -> list[dict]:
    """Held-out problems, of each level as many."""
    return TASK.held_out(size, levels, part, seed)
