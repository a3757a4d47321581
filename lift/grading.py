"""From answers to rows of verdicts."""

import importlib


def grade_rows(answers: list[dict], problems: dict[int, dict], grader: str) -> list[dict]:
    """A row an answer: id, sample, extracted, correct, invalid, truncated; for Sudoku the cells and validity as well.

    invalid: no well-formed answer was found. truncated: the response ran out of room before its end token.
    """
    grade = importlib.import_module(f"lift.graders.{grader}").grade
    rows = []
    for answer in answers:
        verdict = grade(answer["text"], problems[answer["id"]])
        row = {
            "id": answer["id"],
            "sample": answer["sample"],
            "extracted": verdict.extracted,
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
