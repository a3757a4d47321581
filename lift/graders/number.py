"""One whole number."""

import re

from lift.graders import Grade


def grade(answer: str, problem: dict) -> Grade:
    """Right where the answer is nothing but the number asked for."""
    match = re.fullmatch(r"\s*(-?\d{1,18})\s*", answer)
    if not match:
        return Grade(None, False)
    return Grade(match[1], int(match[1]) == int(problem["answer"]))
