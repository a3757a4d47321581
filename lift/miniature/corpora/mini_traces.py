"""mini-traces: worked problems of the miniature, longer than nearly all that the base has seen.

It plays the part of s1K: levels 3 to 5 of stories, mathematics and the contests. Countdown and Sudoku are left out,
so that what fine-tuning forgets can be seen.
"""

import random

from lift.miniature.language import write_response
from lift.miniature.tasks import TASKS

TAUGHT = ("mini-gsm", "mini-math", "mini-contest-a", "mini-contest-b")
LEVELS = (3, 4, 5)
EXAMPLE_TOKENS = (23, 41)


def examples(*, size: int = 1000, seed: int = 0) -> list[dict[str, str]]:
    """`size` examples: prompt, and the response without its end token."""
    rng = random.Random(f"mini-traces/{seed}")
    rows = []
    for _ in range(size):
        task = rng.choice(TAUGHT)
        problem = TASKS[task].draw(rng.choice(LEVELS), rng, training=True)
        response = write_response(problem).rsplit(" ", 1)[0]
        rows.append({"task": task, "prompt": problem.prompt, "response": response})
    return rows
