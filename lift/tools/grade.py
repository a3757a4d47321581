"""Judge a file of answers to a published benchmark: a CSV row an answer, and the accuracy with its 95% interval.

A line of the file is {"question", "generation", "ground_truth"}; lift/data/published_answers.py says what the ground
truth is in each benchmark. The response is judged up to its first end token.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from lift.data import published_answers
from lift.errors import InputError
from lift.grade.judge import grade_rows
from lift.scores.intervals import score_interval

_COLUMNS = ["line", "extracted", "correct", "correct_cells", "empty_cells", "valid", "invalid", "truncated"]
_OF_SUDOKU = {"correct_cells", "empty_cells", "valid"}


def add_arguments(parser) -> None:
    names = ", ".join(published_answers.GRADERS)
    parser.add_argument("--benchmark", required=True, metavar="NAME", help=f"one of {names}")
    parser.add_argument(
        "--generations", type=Path, required=True, metavar="FILE", help=".jsonl of answers, or .jsonl.gz"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help=".csv file")
    parser.add_argument(
        "--problems",
        metavar="FILE",
        help="the benchmark's own file or hub data set, for answers whose ground truth is null",
    )
    parser.add_argument("--sandbox", choices=["bubblewrap", "process"], default="bubblewrap", help="of code answers")


def main(args) -> None:
    if args.benchmark not in published_answers.GRADERS:
        known = ", ".join(published_answers.GRADERS)
        raise InputError(f"--benchmark {args.benchmark} is unknown; known are {known}.")
    answers = published_answers.read_answers(args.generations)
    own = published_answers.own_problems(args.benchmark, args.problems) if args.problems else {}
    problems = {answer["line"]: _problem(args, answer, own) for answer in answers}
    grader = published_answers.GRADERS[args.benchmark]
    rows = _rows(answers, problems, grader, args)
    columns = _COLUMNS if args.benchmark == "sudoku" else [name for name in _COLUMNS if name not in _OF_SUDOKU]
    table = pd.DataFrame(rows, columns=columns, dtype=object)  # else a missing verdict makes the others 1.0
    try:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(args.output, index=False, errors="backslashreplace")
    except OSError as error:
        raise InputError(f"{args.output} cannot be written: {error.strerror}.") from None
    _print_scores(args, table)


def _problem(args, answer: dict, own: dict[str, dict]) -> dict | None:
    if answer["ground_truth"] is None:
        return own.get(answer["question"].strip())
    try:
        return published_answers.problem(args.benchmark, answer["question"], answer["ground_truth"])
    except ValueError as error:
        place = f"{args.generations}, line {answer['line'] + 1}"
        raise InputError(f"{place}: the field 'ground_truth' cannot be used: {error}.") from None


def _rows(answers: list[dict], problems: dict[int, dict | None], grader: str, args) -> list[dict]:
    """A row an answer, in order; where there is no problem, without a verdict."""
    rows, tasks = {}, []
    for answer in answers:
        line = answer["line"]
        text, ended = published_answers.response(answer["generation"])
        rows[line] = {"line": line, "truncated": int(not ended)}
        if problems[line] is not None:
            tasks.append({"id": line, "sample": 0, "text": text, "ended": ended})
    threads = os.cpu_count() or 1
    with tqdm(
        total=len(tasks), desc=args.benchmark, unit="answer", disable=None
    ) as progress:  # None: only on a terminal
        for start in range(0, len(tasks), 8 * threads):
            part = tasks[start : start + 8 * threads]
            for row in grade_rows(part, problems, grader, threads, args.sandbox):
                rows[row["id"]] |= row
            progress.update(len(part))
    return list(rows.values())


def _print_scores(args, table: pd.DataFrame) -> None:
    counted = table.dropna(subset=["correct"])
    missing = len(table) - len(counted)
    print(f"{args.benchmark}: {len(counted)} answers from {args.generations}")
    if len(counted):
        if args.benchmark == "sudoku":
            _print("cell accuracy", counted["correct_cells"] / counted["empty_cells"])
            _print("puzzles solved as published", counted["correct"])
            _print("puzzles solved in any way", counted["valid"])
        else:
            _print("accuracy", counted["correct"])
        _print("invalid", counted["invalid"])
        _print("truncated", counted["truncated"])
    if missing:
        print(
            f"{missing} answers do not count, for their ground truth is null"
            + (f" and {args.problems} has no such question." if args.problems else "; --problems FILE can give it.")
        )


def _print(name: str, values: pd.Series) -> None:
    mean, low, high = 100 * np.array(score_interval([values.to_numpy(float)[None]], None)[:3])
    print(f"  {name}: {mean:.1f}% [{low:.1f}, {high:.1f}]")
