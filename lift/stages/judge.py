"""Judge what a checkpoint answered: a CSV row an answer, and run.json, how and when they were judged."""

import json
import time
from pathlib import Path

import pandas as pd

from lift import provenance, registry
from lift.grade.judge import grade_rows


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True, help="`none` where answers were guessed")
    parser.add_argument("--method", required=True, help="`base` for the model as it is, `guess`")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1, help="answers that are judged at a time")


def main(experiment, args) -> list[Path]:
    started = time.perf_counter()
    place, layout = (args.model, args.method, args.seed), experiment.layout
    view, generations, grades = experiment.grading(*place[1:]), layout.generations(*place), layout.grades(*place)
    written = [grades / "run.json"]
    for benchmark, decoder in experiment.answers(*place[1:]):
        problems = map(json.loads, layout.problems(benchmark).read_text().splitlines())
        lines = (generations / decoder / f"{benchmark}.jsonl").read_text().splitlines()
        grader, output = view["graders"][benchmark], grades / decoder / f"{benchmark}.csv"
        rows = grade_rows(
            *([json.loads(line) for line in lines], {problem["id"]: problem for problem in problems}),
            *(grader, args.threads, view["sandbox"]),
        )
        output.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(output, index=False)
        written.append(output)
    graders = [registry.module_name("grader", name) for name in view["graders"].values()]
    facts = view | {
        "code": provenance.fingerprint("lift.grade.judge", *graders),
        "seconds_this_process": round(time.perf_counter() - started, 1),
    }
    (grades / "run.json").write_text(json.dumps(provenance.record(**facts), indent=2) + "\n")
    return written
