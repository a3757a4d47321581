"""sudoku: 4x4 puzzles of d1 (arXiv 2504.12216), scored by the share of empty cells filled as in the solution."""

from typing import Literal

import numpy as np

from lift.data import sources
from lift.data.problems import asked, from_rows

GRADER = "sudoku"
METRIC = "cell_accuracy"
PROMPT = "sudoku"
_SAMPLE, _SEED = 256, 42


def problems(
    *,
    path: str = "https://raw.githubusercontent.com/dllm-reasoning/d1/837888f22c21a5da91a0af2b0d7b19e81d9b47ec/dataset/4x4_test_sudoku.csv",
    rows: int = 500,
    puzzles: Literal["d1", "all"] = "d1",
    size: int = 0,
    prompt: str = "",
) -> list[dict]:
    """Columns Puzzle and Solution, 16 digits each, 0 for an empty cell.

    puzzles: the 256 of the 500 that d1 drew with numpy's seed 42 and published answers to (the paper's release draws
    another 256), or all of the file. With "d1" and another number of rows than 500, all are taken.
    """
    found = sources.read_rows(path, fields=["Puzzle", "Solution"], rows=rows)
    if puzzles == "d1" and len(found) == 500:
        found = [found[i] for i in sorted(np.random.RandomState(_SEED).choice(500, _SAMPLE, replace=False))]

    def make(row: sources.Row) -> dict:
        puzzle = row.text("Puzzle").strip().zfill(16)  # a spreadsheet drops leading zeros
        question, solution = f"Solve the following Sudoku puzzle: {puzzle}", row.text("Solution").strip()
        return asked(PROMPT, prompt, question, solution, puzzle=puzzle) | {"puzzle": puzzle}

    return from_rows(found, GRADER, size, make)
