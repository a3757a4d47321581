"""Graders, one file each: `grade(answer, problem) -> Grade`. They stand apart from the benchmarks, since a better
grader must never make a benchmark be decoded again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Grade:
    """The verdict on one answer. extracted: what was read from it, None where nothing well-formed was found.

    cells: for Sudoku, the share of the empty cells that are right; None elsewhere.
    """

    extracted: str | None
    correct: bool
    cells: float | None = None
