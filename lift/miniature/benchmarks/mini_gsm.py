"""mini-gsm: short stories about counting things, after GSM8K. The answer is one number.

The level is the number of sentences that change the count. A sentence about somebody else may stand between them.
"""

import random
from typing import Literal

from lift.miniature.language import NAMES, THINGS, Problem, calculate
from lift.miniature.task import Task

GRADER = "number"
METRIC = "accuracy"
PROMPT_TOKENS = 25
GUESSES = True
_LARGEST = 24


def _change(rng: random.Random) -> tuple[str, str, int]:
    """A sentence that changes the count, the sign of the change and its number."""
    kind = rng.choice(("finds", "loses", "doubles", "triples", "shares"))
    if kind in ("finds", "loses"):
        n = rng.randint(1, 9)
        return f"{kind} {n} .", "+" if kind == "finds" else "-", n
    if kind == "shares":
        n = rng.randint(2, 5)
        return f"shares them among {n} .", "/", n
    return f"{kind} them .", "*", 2 if kind == "doubles" else 3


def generate(rng: random.Random, level: int) -> Problem:
    """A story with `level` changes of the count, every count between 1 and 24."""
    name, other = rng.sample(NAMES, 2)
    thing = rng.choice(THINGS)
    count = start = rng.randint(2, _LARGEST)
    sentences, statements, changes = [f"{name} has {start} {thing} ."], [], []
    while len(changes) < level:
        sentence, operation, n = _change(rng)
        try:
            statement, after = calculate(count, operation, n)
        except ValueError:
            continue
        if 1 <= after <= _LARGEST:
            sentences.append(sentence)
            statements.append(statement)
            changes.append((operation, n))
            count = after
    if rng.random() < 0.3:
        sentences.insert(rng.randint(1, level), f"{other} has {rng.randint(2, _LARGEST)} {rng.choice(THINGS)} .")
    prompt = " ".join(sentences) + f" how many has {name} now ?"
    return Problem(prompt, tuple(statements), str(count), ("mini-gsm", start, *changes))


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer."""
    return str(rng.randint(1, _LARGEST))


TASK = Task("mini-gsm", generate, guess, lower=(1, 2), upper=(3, 4, 5))


def problems(
    *,
    size: int = 200,
    levels: list[Literal[1, 2, 3, 4, 5]] = [3, 4, 5],  # noqa: B006
    part: Literal["test", "validation"] = "test",
    seed: int = 0,
) -> list[dict]:
    """Held-out problems, of each level as many."""
    return TASK.held_out(size, levels, part, seed)
