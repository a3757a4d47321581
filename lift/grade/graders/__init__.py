"""Graders, one file each: `grade(text, problem) -> Grade`, from a whole response to a verdict.

text is what the model wrote after the opening <reasoning> tag, up to its end token; problem is a row of a benchmark
file. One that runs code takes the `isolation` of its sandbox, a keyword. No text may make a grader fail. Graders stand
apart from the benchmarks, since a better grader must never make a benchmark be decoded again.
"""

import ast
import threading
from dataclasses import dataclass

_PARSER = threading.Lock()  # Python 3.11's parser may fail when two threads use it at a time


@dataclass(frozen=True)
class Grade:
    """The verdict on one response. extracted: what was read from it, None where nothing well-formed was found.

    cells: for Sudoku, how many of the empty cells are filled as in the solution, and how many there are. valid: for
    Sudoku, whether the grid solves the puzzle, be it as the solution does or otherwise.
    """

    extracted: str | None
    correct: bool
    cells: tuple[int, int] | None = None
    valid: bool | None = None


def parse_python(source: str, mode: str = "exec") -> ast.AST:
    """The syntax tree of a text, never run. Raises SyntaxError, ValueError, RecursionError or MemoryError for none."""
    with _PARSER:
        return ast.parse(source, mode=mode)


def answer_text(text: str) -> str | None:
    """What stands between <answer> and its end tag, or the end of the text; None where the tag is missing."""
    _, tag, rest = text.partition("<answer>")
    return rest.partition("</answer>")[0].strip() if tag else None
