"""mbpp: short Python tasks, the sanitised test split (google-research-datasets/mbpp; arXiv 2108.07732), 257 of 427."""

import re
from typing import Literal

from lift.data import sources
from lift.data.problem_checks import check
from lift.data.problems import asked, from_rows
from lift.errors import InputError

GRADER = "code"
METRIC = "accuracy"
PROMPT = "code"
_TEST_SPLIT = range(11, 511)  # task ids, in a file that holds all splits


def problems(
    *,
    path: str = "google-research-datasets/mbpp",
    revision: str = "4bb6404fdc6cacfda99d4ac4205087b89d32030c",
    rows: int = 257,
    tasks: Literal["test", "all"] = "test",
    size: int = 0,
    prompt: str = "",
) -> list[dict]:
    """The question is the task with its tests, as published. tasks: the test split, also of a file with all splits, or
    all of the file.
    """
    fields = ["task_id", "prompt", "code", "test_list", "test_imports"]
    found = sources.read_rows(path, fields=fields, revision=revision, subset="sanitized", split="test")
    found = [row for row in found if tasks == "all" or _task(row) in _TEST_SPLIT]
    if rows and len(found) != rows:
        raise InputError(f"{path} has {len(found)} problems of the {tasks} split, {rows} were expected; see `rows`.")

    def make(row: sources.Row) -> dict:
        tests = {name: row[name] for name in ("test_list", "test_imports")}
        check(GRADER, tests)  # the question is made of them
        question = "\n".join([row.text("prompt"), "Your program must pass these tests:\n", *tests["test_list"]])
        facts = {"task_id": _task(row), "task": row.text("prompt")}
        return asked(PROMPT, prompt, question, row.text("code", empty=True)) | facts | tests

    return from_rows(found, GRADER, size, make)


def _task(row: sources.Row) -> int | str:
    """The task's number, or its name where it has none."""
    task = row.text("task_id")
    return int(float(task)) if re.fullmatch(r"[0-9]+(\.0+)?", task) else task
