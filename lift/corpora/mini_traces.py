"""mini-traces: worked problems of the miniature's training side, harder and in another mix than the base has seen.

It plays the part of s1K: the layout is the base's, the problems are each task's hardest levels, mathematics and the
contests above all.
"""

import random

from lift.miniature.language import write_reasoning
from lift.miniature.problems import draw, task_module

TASK_WEIGHTS = {
    "mini-gsm": 0.15,
    "mini-math": 0.25,
    "mini-countdown": 0.15,
    "mini-sudoku": 0.1,
    "mini-contest-a": 0.2,
    "mini-contest-b": 0.15,
}


def examples(*, size: int = 1000, seed: int = 0) -> list[dict[str, str]]:
    """`size` examples: prompt, and the response without its end token."""
    rng = random.Random(f"mini-traces/{seed}")
    rows = []
    for _ in range(size):
        task = rng.choices(list(TASK_WEIGHTS), TASK_WEIGHTS.values())[0]
        problem = draw(task, task_module(task).LEVELS[-1], rng, test=False)
        reasoning = write_reasoning(problem, rng)
        response = f"<reasoning> {reasoning} </reasoning> <answer> {problem.answer} </answer>"
        rows.append({"task": task, "prompt": problem.prompt, "response": response})
    return rows
