"""Drills: steps of the tasks by themselves, several in one prompt. Pre-training alone sees them.

They teach what a single step gives and how a long trace is laid out, and no composition: no step needs the result of
another. A drill may hold the one step of a held-out problem of level 1; problems of more steps stay unseen.
"""

import random

from lift.miniature.language import OPENINGS, Problem
from lift.miniature.tasks import TASKS

OF = ("mini-gsm", "mini-math", "mini-contest-a", "mini-contest-b")
FEWEST = 3


def generate(rng: random.Random) -> Problem:
    """Three to seven steps as they occur on the lower levels of one task, in random order; the answer is the last's."""
    task, count = TASKS[rng.choice(OF)], rng.randint(FEWEST, len(OPENINGS))
    modulus, steps = None, []
    while len(steps) < count:
        problem = task.generate(rng, rng.choice(task.lower))
        if modulus in (None, problem.extra.get("modulus")):
            modulus = problem.extra.get("modulus")
            steps += problem.statements
    rng.shuffle(steps)
    steps = steps[:count]
    asked = " . ".join(step.step.partition(" =")[0] for step in steps)
    prompt = f"compute {asked}" if modulus is None else f"mod {modulus} compute {asked}"
    return Problem(prompt, tuple(steps), steps[-1].step.split()[-1], ("drill", prompt))
