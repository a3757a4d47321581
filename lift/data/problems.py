"""From published rows to the problems of a benchmark."""

from collections.abc import Callable

from lift.data import prompts
from lift.data.problem_checks import check
from lift.data.sources import Row, row_errors


def asked(prompt: str, own: str, question: str, answer: str, **fields: str) -> dict[str, str]:
    """What all problems hold: question, prompt and answer.

    prompt: a file in lift/data/prompts; own: the user's in its place, or "". fields: of that file, else its question.
    """
    fields = fields or {"question": question}
    return {"question": question, "prompt": prompts.fill(prompt, own, **fields), "answer": answer}


def from_rows(rows: list[Row], grader: str, size: int, make: Callable[[Row], dict]) -> list[dict]:
    """What `make` makes of each row, numbered in the published order; the first `size`, 0 for all.

    InputError that names the row where `make` raises ValueError, or the grader cannot judge the problem.
    """
    problems = []
    for number, row in enumerate(rows):
        with row_errors(row):
            problem = {"id": number} | make(row)
            check(grader, problem)
        problems.append(problem)
    return problems[: size or None]
