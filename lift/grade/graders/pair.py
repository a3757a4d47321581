"""Two whole numbers, "x , y"."""

import re

from lift.grade.graders import Grade, answer_text


def grade(text: str, problem: dict) -> Grade:
    """Right where both numbers are, in their order."""
    match = re.fullmatch(r"\s*(\d{1,18})\s*,\s*(\d{1,18})\s*", answer_text(text) or "")
    if not match:
        return Grade(None, False)
    extracted = f"{int(match[1])} , {int(match[2])}"
    return Grade(extracted, extracted == problem["answer"])
