"""4x4 Sudoku: the share of empty cells filled as in the solution, read as the paper's release reads it."""

import re

from lift.grade.graders import Grade

# In the order of the release (divelab/LIFT, eval/scoring.py).
_PLACES = [
    re.compile(r"<answer>.*?```([0-9\s]+)```", re.DOTALL),  # digits in a code fence of the answer
    re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL),
    re.compile(r"</answer>(.*)", re.DOTALL),  # what follows an empty answer
    re.compile(r"([0-9]{16})\s*</answer>"),
    re.compile(r"\b([0-9]{16})\b"),
]
_GROUPS = [
    *([4 * i + j for j in range(4)] for i in range(4)),
    *([4 * i + j for i in range(4)] for j in range(4)),
    *([8 * i + 2 * j + k for k in (0, 1, 4, 5)] for i in range(2) for j in range(2)),
]


def _read(text: str) -> str:
    """The first place that holds anything, without white space; other characters around 16 digits are dropped too."""
    for place in _PLACES:
        match = place.search(text)
        found = re.sub(r"\s", "", match[1]) if match else ""
        if found:
            digits = re.sub(r"[^0-9]", "", found)
            return digits if len(digits) == 16 else found
    return ""


def is_solution(grid: str, puzzle: str) -> bool:
    """Whether 16 digits keep the givens of a puzzle (0 is empty) and have 1 to 4 once in each row, column and box."""
    kept = all(given in ("0", digit) for given, digit in zip(puzzle, grid, strict=True))
    return kept and all({grid[i] for i in group} == set("1234") for group in _GROUPS)


def grade(text: str, problem: dict) -> Grade:
    """Right where the whole grid is problem["answer"]; cells and validity as in `Grade`.

    An answer is read as a grid only where it has exactly 16 digits and all are 1 to 4; any other, an unfinished grid
    too, has extracted None. Its cells count as in the release: padded with 0, or cut, to 16 characters.
    """
    puzzle, solution = problem["puzzle"], problem["answer"]
    found = _read(text)
    padded = found.ljust(16, "0")[:16]
    empty = [i for i, given in enumerate(puzzle) if given == "0"]
    cells = (sum(padded[i] == solution[i] for i in empty), len(empty))
    if not re.fullmatch("[1-4]{16}", found):
        return Grade(None, False, cells, False)
    return Grade(found, found == solution, cells, is_solution(found, puzzle))
