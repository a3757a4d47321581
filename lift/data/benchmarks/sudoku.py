"""sudoku: 4x4 puzzles of d1 (arXiv 2504.12216), scored by the share of empty cells filled as in the solution."""

from typing import Literal

import numpy as np

from lift.data import prompts, sources
from lift.data.benchmarks import numbered
from lift.data.problem_checks import check

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
    wanted = range(len(found))
    if puzzles == "d1" and len(found) == 500:
        wanted = sorted(np.random.RandomState(_SEED).choice(500, _SAMPLE, replace=False).tolist())
    result = []
    for row in (found[number] for number in wanted):
        puzzle = row.text("Puzzle").strip().zfill(16)  # a spreadsheet drops leading zeros
        problem = {
            "question": f"Solve the following Sudoku puzzle: {puzzle}",
            "prompt": prompts.fill(PROMPT, prompt, puzzle=puzzle),
            "answer": row.text("Solution").strip(),
            "puzzle": puzzle,
        }
        with sources.row_errors(row):
            check(GRADER, problem)
        result.append(problem)
    return numbered(result, size)
