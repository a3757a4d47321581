"""Judge the answers to some benchmarks: a CSV row an answer."""

import json
import os
from pathlib import Path

import pandas as pd

from lift.grading import grade_rows


def add_arguments(parser) -> None:
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help=".jsonl files of problems")
    parser.add_argument("--generations", type=Path, nargs="+", required=True, help=".jsonl files of answers, in order")
    parser.add_argument("--graders", nargs="+", required=True, help="a grader in lift/graders for each")
    parser.add_argument("--sandbox", choices=["bubblewrap", "process"], default="bubblewrap", help="of code answers")
    parser.add_argument("--threads", type=int, default=1, help="answers that are judged at a time")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help=".csv files, in order")


def main(args) -> None:
    os.environ["LIFT_SANDBOX"] = args.sandbox
    for path, generations, grader, output in zip(
        args.benchmarks, args.generations, args.graders, args.outputs, strict=True
    ):
        problems = {problem["id"]: problem for problem in map(json.loads, path.read_text().splitlines())}
        answers = [json.loads(line) for line in generations.read_text().splitlines()]
        output.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(grade_rows(answers, problems, grader, args.threads)).to_csv(output, index=False)
