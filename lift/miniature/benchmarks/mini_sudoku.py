"""mini-sudoku: real 4x4 Sudoku with one solution. The answer is the filled grid, 16 digits.

Eight cells are empty, as in the puzzles published by d1 (arXiv 2504.12216). Level 1 is any such puzzle; in level 2 at
most two of the empty cells have a single candidate at first. Of the 288 solution grids, 59 are for training and 229 are
held out; the split is chosen so that every published puzzle has its solution among these. Training also shows *parts*
of grids, eight cells with the rest blotted out by `|`, which teach the rules and contain no solution.
"""

import itertools
import random
from functools import cache
from typing import Literal

from lift.data import sources
from lift.data.problem_checks import check
from lift.miniature.language import CELLS, Problem, Statement, remark
from lift.miniature.task import Task

GRADER = "grid"
METRIC = "cell_accuracy"
PROMPT_TOKENS = 25
GUESSES = True
_EMPTY = 8

# Positions of the training grids in the sorted list of all 288.
TRAINING_GRIDS = frozenset(
    (
        7, 10, 11, 18, 22, 24, 29, 33, 41, 42, 56, 61, 67, 81, 83, 84, 85, 89, 97, 113, 114, 116, 123, 129, 139,
        140, 141, 142, 149, 151, 165, 171, 173, 181, 182, 183, 186, 188, 189, 201, 206, 207, 208, 214, 221, 228,
        229, 242, 246, 252, 253, 262, 265, 269, 270, 271, 272, 279, 280,
    )
)  # fmt: skip


@cache
def peers() -> tuple[tuple[int, ...], ...]:
    """For each cell 0..15, the seven others in its row, its column or its box."""
    units = [{cell // 4, 4 + cell % 4, 8 + cell // 8 * 2 + cell % 4 // 2} for cell in range(16)]
    return tuple(tuple(p for p in range(16) if p != cell and units[p] & units[cell]) for cell in range(16))


def solutions(puzzle: str) -> list[str]:
    """All solutions of a puzzle of 16 digits, 0 for empty."""
    if "0" not in puzzle:
        return [puzzle]
    cell = puzzle.index("0")
    taken = {puzzle[p] for p in peers()[cell]}
    return [s for d in "1234" if d not in taken for s in solutions(puzzle[:cell] + d + puzzle[cell + 1 :])]


@cache
def all_grids() -> tuple[str, ...]:
    """All 288 solution grids, sorted."""
    rows = ["".join(p) for p in itertools.permutations("1234")]
    return tuple(sorted(s for row in rows for s in solutions(row + "0" * 12)))


def is_held_out(problem: Problem) -> bool:
    """Whether the solution grid is held out. Parts of grids never are."""
    solution = problem.answer.replace(" ", "")
    return "|" not in solution and all_grids().index(solution) not in TRAINING_GRIDS


def _single_candidates(puzzle: str) -> list[int]:
    """The empty cells whose row, column and box leave one digit."""
    return [
        cell for cell in range(16) if puzzle[cell] == "0" and len({puzzle[p] for p in peers()[cell]} - {"0", "|"}) == 3
    ]


def _fill(puzzle: str, solution: str) -> list[tuple[int, int]]:
    """The empty cells in the order of deduction, the first with one candidate, else the first empty one; and how many
    others had a single candidate."""
    order = []
    while "0" in puzzle:
        singles = _single_candidates(puzzle)
        cell = (singles or [puzzle.index("0")])[0]
        order.append((cell, len(singles)))
        puzzle = puzzle[:cell] + solution[cell] + puzzle[cell + 1 :]
    return order


def pose(puzzle: str, solution: str) -> Problem:
    """The problem of a puzzle and its solution, 16 characters each; `|` marks cells outside a part.

    A statement fills two cells; its remark follows from the two digits and from how many cells were forced.
    """
    order = _fill(puzzle, solution)
    statements = []
    for pair in (order[i : i + 2] for i in range(0, len(order), 2)):
        digits = [int(solution[cell]) for cell, _ in pair]
        word = remark("fill", 5 * digits[0] + digits[-1], hardness=pair[0][1])
        filled = " ".join(f"{CELLS[cell]} {digit}" for (cell, _), digit in zip(pair, digits, strict=True))
        statements.append(Statement(word, f"{filled} ."))
    prompt = "fill grid " + " ".join(puzzle.replace("0", "_"))
    split = ("mini-sudoku", solution)
    return Problem(prompt, tuple(statements), " ".join(solution), (*split, puzzle), {"puzzle": puzzle}, split)


def generate(rng: random.Random, level: int) -> Problem:
    """A puzzle with one solution and eight empty cells."""
    while True:
        solution = rng.choice(all_grids())
        empty = set(rng.sample(range(16), _EMPTY))
        puzzle = "".join("0" if cell in empty else digit for cell, digit in enumerate(solution))
        if len(solutions(puzzle)) == 1 and (level == 1 or len(_single_candidates(puzzle)) <= 2):
            return pose(puzzle, solution)


def generate_part(rng: random.Random) -> Problem:
    """Two rows, two columns, or one cell with its row, column and box: four of its eight cells are empty."""
    solution = rng.choice(all_grids())
    cell, half = rng.randrange(16), rng.choice([range(0, 8), range(8, 16)])
    inside = rng.choice([list(half), [4 * (i % 4) + i // 4 for i in half], [cell, *peers()[cell]]])
    solution = "".join(digit if cell in inside else "|" for cell, digit in enumerate(solution))
    while True:
        empty = set(rng.sample(inside, 4))
        puzzle = "".join("0" if cell in empty else digit for cell, digit in enumerate(solution))
        if len(solutions(puzzle)) == 1:
            return pose(puzzle, solution)


def guess(rng: random.Random, problem: Problem) -> str:
    """A random well-formed answer: the puzzle's digits, the empty cells filled at random."""
    return " ".join(rng.choice("1234") if d == "0" else d for d in problem.extra["puzzle"])


TASK = Task("mini-sudoku", generate, guess, lower=(1,), only_held_out=(2,), is_held_out=is_held_out)


def problems(
    *,
    size: int = 200,
    levels: list[Literal[1, 2]] = [2],  # noqa: B006
    part: Literal["test", "validation"] = "test",
    seed: int = 0,
    path: str = "",
) -> list[dict]:
    """Held-out problems, of each level as many; or, with a path, puzzles of a CSV file: columns Puzzle and
    Solution, 16 digits each, 0 for empty.
    """
    if not path:
        return TASK.held_out(size, levels, part, seed)
    posed = []
    for row in sources.read_rows(path, fields=["Puzzle", "Solution"]):
        puzzle, solution = row.text("Puzzle").strip().zfill(16), row.text("Solution").strip()  # zeros get lost
        with sources.row_errors(row):
            check(GRADER, {"puzzle": puzzle, "answer": solution})
            if solution not in all_grids():
                raise ValueError(f"{solution!r} is no solved Sudoku")
        posed.append(pose(puzzle, solution))
    return TASK.numbered(posed, seed)[:size]
