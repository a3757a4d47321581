"""Problems of the miniature by task, level and side of the split."""

import random

from lift.errors import InputError
from lift.miniature.language import EOS, RESPONSE_LENGTH, Problem, is_test, write_reasoning

TASKS = ("mini-gsm", "mini-math", "mini-countdown", "mini-sudoku", "mini-contest-a", "mini-contest-b")


def task_module(task: str):
    """The module lift.benchmarks.mini_* of a task."""
    # imported by name, so that a change of any counts as a change of what is made from them
    from lift.benchmarks import mini_contest_a, mini_contest_b, mini_countdown, mini_gsm, mini_math, mini_sudoku

    modules = (mini_gsm, mini_math, mini_countdown, mini_sudoku, mini_contest_a, mini_contest_b)
    return dict(zip(TASKS, modules, strict=True))[task]


def on_test_side(task: str, problem: Problem) -> bool:
    """Whether the problem may only be used for testing."""
    return getattr(task_module(task), "is_test", is_test)(problem.key)


def draw(task: str, level: int, rng: random.Random, test: bool) -> Problem:
    """A random problem of one side of the split, whose response fits RESPONSE_LENGTH whatever its phrases."""
    module = task_module(task)
    levels = getattr(module, "TEST_LEVELS", module.LEVELS) if test else module.LEVELS
    if level not in levels:
        raise InputError(f"{task}: level {level!r} is none of {', '.join(map(str, levels))}.")
    while True:
        problem = module.generate(rng, level)
        if response_length(problem) <= RESPONSE_LENGTH and on_test_side(task, problem) == test:
            return problem


def response_length(problem: Problem) -> int:
    """Tokens after the opening tag: the trace with three words a phrase, three tags, the answer and the end token."""
    trace = sum(3 + len(statement.split()) for statement in problem.statements)
    return trace + 3 + len(problem.answer.split()) + 1


def write_response(problem: Problem, rng: random.Random) -> str:
    """The whole response, opening tag and end token included."""
    reasoning = write_reasoning(problem, rng)
    return f"<reasoning> {reasoning} </reasoning> <answer> {problem.answer} </answer> {EOS}"


def numbered(task: str, problems: list[Problem], seed: int) -> list[dict]:
    """Problems as rows of a benchmark file, each with 16 random well-formed answers, whose score is the floor."""
    rng = random.Random(f"guess/{task}/{seed}")
    guess = task_module(task).guess
    return [
        {"id": i, "prompt": p.prompt, "answer": p.answer, **p.extra, "guesses": [guess(rng, p) for _ in range(16)]}
        for i, p in enumerate(problems)
    ]


def test_problems(task: str, size: int, levels: list[int], seed: int) -> list[dict]:
    """`size` different problems of the test side, the levels taking turns. No two ask the same."""
    rng = random.Random(f"test/{task}/{seed}")
    problems: dict[tuple, Problem] = {}
    for _ in range(100 * size):
        if len(problems) == size:
            break
        problem = draw(task, levels[len(problems) % len(levels)], rng, test=True)
        problems.setdefault((problem.key, problem.prompt if task == "mini-sudoku" else ""), problem)
    else:
        raise InputError(f"{task}: size {size} is too large, {len(problems)} different test problems were found.")
    return numbered(task, list(problems.values()), seed)
