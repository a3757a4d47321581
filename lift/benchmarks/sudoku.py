"""sudoku: 4x4 puzzles of d1 (arXiv 2504.12216), scored by the share of empty cells filled as in the solution."""

import re
from typing import Literal

import numpy as np

from lift import prompts, sources
from lift.benchmarks import numbered

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
    for number in wanted:
        with sources.row_errors(path, number):
            puzzle, solution = str(found[number]["Puzzle"]).zfill(16), str(found[number]["Solution"])  # zeros get lost
            well_formed = re.fullmatch("[0-4]{16}", puzzle) and "0" in puzzle and re.fullmatch("[1-4]{16}", solution)
            if not well_formed or any(given not in ("0", solution[i]) for i, given in enumerate(puzzle)):
                raise ValueError(f"{puzzle!r} and {solution!r} are no puzzle of 16 digits and its solution")
        result.append(
            {
                "question": f"Solve the following Sudoku puzzle: {puzzle}",
                "prompt": prompts.fill(PROMPT, prompt, puzzle=puzzle),
                "answer": solution,
                "puzzle": puzzle,
            }
        )
    return numbered(result, size)
