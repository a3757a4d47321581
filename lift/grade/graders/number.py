"""One whole number."""

import re

from lift.grade.graders import Grade, answer_text


def grade(text: str, problem: dict) -> Grade:
    """Right where the answer is nothing but the number asked for."""
    match = re.fullmatch(r"\s*(-?\d{1,18})\s*", answer_text(text) or "")
    if not match:
        return Grade(None, False)
    return Grade(match[1], int(match[1]) == int(problem["answer"]))
