"""From the text of an answer to a verdict."""

import importlib

from lift.graders import Grade


def answer_text(text: str) -> str | None:
    """What stands between <answer> and its end tag, or the end of the text; None where the tag is missing."""
    _, tag, rest = text.partition("<answer>")
    return rest.partition("</answer>")[0].strip() if tag else None


def grade_rows(answers: list[dict], problems: dict[int, dict], grader: str) -> list[dict]:
    """A row an answer: id, sample, extracted, correct, cells, invalid, truncated.

    invalid: no well-formed answer was found. truncated: the response ran out of room before its end token.
    """
    grade = importlib.import_module(f"lift.graders.{grader}").grade
    rows = []
    for answer in answers:
        text = answer_text(answer["text"])
        verdict = Grade(None, False) if text is None else grade(text, problems[answer["id"]])
        rows.append(
            {
                "id": answer["id"],
                "sample": answer["sample"],
                "extracted": verdict.extracted,
                "correct": int(verdict.correct),
                "cells": verdict.cells if verdict.cells is not None else float(verdict.correct),
                "invalid": int(verdict.extracted is None),
                "truncated": int(not answer["ended"]),
            }
        )
    return rows
