"""Write the problems of a benchmark, a JSON object a line: id, prompt, answer and what its grader needs."""

import importlib
import json
from pathlib import Path

from lift.errors import InputError


def add_arguments(parser) -> None:
    parser.add_argument("--source", required=True, help="a benchmark in lift/benchmarks")
    parser.add_argument("--settings", type=json.loads, default={}, help="its settings, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the .jsonl file")


def main(args) -> None:
    module = importlib.import_module("lift.benchmarks." + args.source.replace("-", "_"))
    try:
        problems = module.problems(**args.settings)
    except FileNotFoundError as error:
        raise InputError(f"benchmark {args.source}: the file {error.filename} does not exist.") from None
    except KeyError as error:
        raise InputError(f"benchmark {args.source}: the file {args.settings['path']} has no column {error}.") from None
    for problem in problems:
        missing = {"id", "prompt", "answer", "guesses"} - problem.keys()
        if missing:
            raise InputError(f"benchmark {args.source}: a problem lacks {', '.join(sorted(missing))}.")
    args.output.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    print(f"{args.source}: {len(problems)} problems")
