"""Problems of the miniature by task, level and side of the split.

Each task has lower levels (`LOWER_LEVELS`), which pre-training is full of, and upper ones (`UPPER_LEVELS`), of which it
sees a little; held-out problems are of any of them, or of a task's own `HELD_OUT_LEVELS`.
"""

import random

from lift.errors import InputError
from lift.miniature import language
from lift.miniature.language import EOS, RESPONSE_LENGTH, STATEMENT_LENGTH, Problem, write_reasoning

TASKS = ("mini-gsm", "mini-math", "mini-countdown", "mini-sudoku", "mini-contest-a", "mini-contest-b")


def task_module(task: str):
    """The module lift.benchmarks.mini_* of a task."""
    # imported by name, so that a change of any counts as a change of what is made from them
    from lift.benchmarks import mini_contest_a, mini_contest_b, mini_countdown, mini_gsm, mini_math, mini_sudoku

    modules = (mini_gsm, mini_math, mini_countdown, mini_sudoku, mini_contest_a, mini_contest_b)
    return dict(zip(TASKS, modules, strict=True))[task]


def held_out(task: str, problem: Problem) -> bool:
    """Whether the problem may never be trained on."""
    return getattr(task_module(task), "is_held_out", language.is_held_out)(problem)


def draw(task: str, level: int, rng: random.Random, *, training: bool) -> Problem:
    """A random problem for training or a held-out one, whose response fits RESPONSE_LENGTH."""
    module = task_module(task)
    levels = module.LOWER_LEVELS + module.UPPER_LEVELS
    if not training:
        levels = getattr(module, "HELD_OUT_LEVELS", levels)
    if level not in levels:
        raise InputError(f"{task}: level {level!r} is none of {', '.join(map(str, levels))}.")
    while True:
        problem = module.generate(rng, level)
        if response_length(problem) <= RESPONSE_LENGTH and held_out(task, problem) != training:
            return problem


def response_length(problem: Problem) -> int:
    """Tokens after the opening tag: the trace, three tags, the answer and the end token."""
    return STATEMENT_LENGTH * len(problem.statements) + 3 + len(problem.answer.split()) + 1


def write_response(problem: Problem) -> str:
    """The whole response, opening tag and end token included."""
    return f"<reasoning> {write_reasoning(problem)} </reasoning> <answer> {problem.answer} </answer> {EOS}"


def numbered(task: str, problems: list[Problem], seed: int) -> list[dict]:
    """Problems as rows of a benchmark file, each with 16 random well-formed answers, whose score is the floor."""
    rng = random.Random(f"guess/{task}/{seed}")
    guess = task_module(task).guess
    return [
        {"id": i, "prompt": p.prompt, "answer": p.answer, **p.extra, "guesses": [guess(rng, p) for _ in range(16)]}
        for i, p in enumerate(problems)
    ]


def held_out_problems(task: str, size: int, levels: list[int], part: str, seed: int) -> list[dict]:
    """`size` different held-out problems of a part, `test` or `validation`, the levels taking turns.

    No two ask the same, and none is in both parts.
    """
    rng = random.Random(f"{part}/{task}/{seed}")
    problems: dict[tuple, Problem] = {}
    for _ in range(100 * size):
        if len(problems) == size:
            break
        problem = draw(task, levels[len(problems) % len(levels)], rng, training=False)
        if language.is_validation(problem) == (part == "validation"):
            problems.setdefault(problem.key, problem)
    else:
        raise InputError(f"{task}: size {size} is too large, {len(problems)} different {part} problems were found.")
    return numbered(task, list(problems.values()), seed)
