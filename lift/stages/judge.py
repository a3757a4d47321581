"""Judge the answers to some benchmarks: a CSV row an answer, and run.json, how and when they were judged."""

import json
import time
from pathlib import Path

import pandas as pd

from lift import provenance, registry
from lift.grade.judge import grade_rows


def add_arguments(parser) -> None:
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help=".jsonl files of problems")
    parser.add_argument("--generations", type=Path, nargs="+", required=True, help=".jsonl files of answers, in order")
    parser.add_argument("--graders", nargs="+", required=True, help="a grader in lift/grade/graders for each")
    parser.add_argument("--sandbox", choices=["bubblewrap", "process"], default="bubblewrap", help="of code answers")
    parser.add_argument("--threads", type=int, default=1, help="answers that are judged at a time")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help=".csv files, in order")
    parser.add_argument("--record", type=Path, required=True, help="the run record, a .json file")


def main(args) -> None:
    started = time.perf_counter()
    for path, generations, grader, output in zip(
        args.benchmarks, args.generations, args.graders, args.outputs, strict=True
    ):
        problems = {problem["id"]: problem for problem in map(json.loads, path.read_text().splitlines())}
        answers = [json.loads(line) for line in generations.read_text().splitlines()]
        output.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(grade_rows(answers, problems, grader, args.threads, args.sandbox)).to_csv(output, index=False)
    graders = [registry.module_name("grader", name) for name in args.graders]
    facts = {
        "graders": dict(zip([path.stem for path in args.benchmarks], args.graders, strict=True)),
        "code": provenance.fingerprint("lift.grade.judge", *graders),
        "sandbox": args.sandbox,
        "seconds_this_process": round(time.perf_counter() - started, 1),
    }
    args.record.write_text(json.dumps(provenance.record(**facts), indent=2) + "\n")
