"""A 4x4 grid, 16 digits."""

import re

from lift.grade.graders import Grade, answer_text


def grade(text: str, problem: dict) -> Grade:
    """Right where the whole grid is; cells counts those that the puzzle left empty. White space is ignored."""
    digits = re.sub(r"\s", "", answer_text(text) or "")
    empty = [i for i, given in enumerate(problem["puzzle"]) if given == "0"]
    if not re.fullmatch(r"[1-4]{16}", digits):
        return Grade(None, False, (0, len(empty)))
    solution = re.sub(r"\s", "", problem["answer"])
    cells = sum(digits[i] == solution[i] for i in empty)
    return Grade(digits, digits == solution, (cells, len(empty)))
