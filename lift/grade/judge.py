"""From answers to rows of verdicts."""

import functools
from concurrent.futures import ThreadPoolExecutor

from lift import registry


def grade_rows(
    answers: list[dict], problems: dict[int, dict], grader: str, threads: int = 1, isolation: str = "bubblewrap"
) -> list[dict]:
    """A row an answer: id, sample, extracted, correct, invalid, truncated; for Sudoku the cells and validity as well.

    invalid: no well-formed answer was found. truncated: the response ran out of room before its end token. threads:
    answers that are judged at a time. isolation: of a grader that runs code.
    """
    grade = registry.module_of("grader", grader).grade
    if "isolation" in registry.settings("grader")[grader]:
        grade = functools.partial(grade, isolation=isolation)
    with ThreadPoolExecutor(threads) as pool:
        verdicts = list(pool.map(lambda answer: grade(answer["text"], problems[answer["id"]]), answers))
    rows = []
    for answer, verdict in zip(answers, verdicts, strict=True):
        row = {
            "id": answer["id"],
            "sample": answer["sample"],
            # a lone carriage return would end the row when the file is read again
            "extracted": verdict.extracted and verdict.extracted.replace("\r", " "),
            "correct": int(verdict.correct),
            "invalid": int(verdict.extracted is None),
            "truncated": int(not answer["ended"]),
        }
        if verdict.cells is not None:
            row |= {"correct_cells": verdict.cells[0], "empty_cells": verdict.cells[1]}
        if verdict.valid is not None:
            row["valid"] = int(verdict.valid)
        rows.append(row)
    return rows
