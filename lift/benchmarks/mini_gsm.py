"""mini-gsm: short stories about counting things, after GSM8K. The answer is one number.

The level is the number of sentences that change the count. A sentence about somebody else may stand between them.
"""

import random
from typing import Literal

from lift.miniature.language import NAMES, THINGS, Problem
from lift.miniature.problems import test_problems

GRADER = "number"
METRIC = "accuracy"
GUESSES = True
LEVELS = (2, 3, 4)
_LARGEST = 40


def generate(rng: random.Random, level: int) -> Problem:
    """A story with `level` changes of the count, every intermediate count between 1 and 40."""
    name, other = rng.sample(NAMES, 2)
    thing = rng.choice(THINGS)
    count = start = rng.randint(2, 20)
    sentences = [f"{name} has {start} {thing} ."]
    statements, operations = [], []
    while len(operations) < level:
        kind = rng.choice(("finds", "loses", "bags", "doubles", "triples", "shares"))
        if kind == "finds":
            n = rng.randint(2, 20)
            after, sentence, working = count + n, f"finds {n} .", [f"{count} + {n} = {count + n} ."]
        elif kind == "loses":
            n = rng.randint(1, 20)
            after, sentence, working = count - n, f"loses {n} .", [f"{count} - {n} = {count - n} ."]
        elif kind == "bags":
            bags, size = rng.randint(2, 5), rng.randint(2, 5)
            n = (bags, size)
            after, sentence = count + bags * size, f"buys {bags} bags of {size} ."
            working = [f"{bags} * {size} = {bags * size} . {count} + {bags * size} = {after} ."]
        elif kind in ("doubles", "triples"):
            n = 2 if kind == "doubles" else 3
            after, sentence, working = count * n, f"{kind} them .", [f"{count} * {n} = {count * n} ."]
        else:
            n = rng.randint(2, 5)
            if count % n:
                continue
            after, sentence = count // n, f"shares them among {n} ."
            working = [f"{count} / {n} = {after} ."]
        if not 1 <= after <= _LARGEST:
            continue
        sentences.append(sentence)
        statements += working
        operations.append((kind, n))
        count = after
    if rng.random() < 0.3:
        sentences.insert(rng.randint(1, level), f"{other} has {rng.randint(2, 20)} {rng.choice(THINGS)} .")
    prompt = " ".join(sentences) + f" how many has {name} now ?"
    return Problem(prompt, tuple(statements), str(count), ("mini-gsm", start, *operations))


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer."""
    return str(rng.randint(1, _LARGEST))


def problems(*, size: int = 200, levels: list[Literal[2, 3, 4]] = [3], seed: int = 0) -> list[dict]:  # noqa: B006
    """Test problems, of each level as many."""
    return test_problems("mini-gsm", size, levels, seed)
