"""Write the problems of a benchmark, a JSON object a line: id, prompt, answer and what its grader needs.

Beside it, OUTPUT with the ending .source.json, lies where they come from.
"""

import importlib
import json
from pathlib import Path

from lift import prompts, sources
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
    needed = {"id", "prompt", "answer"} | ({"guesses"} if hasattr(module, "GUESSES") else set())
    for problem in problems:
        if missing := needed - problem.keys():
            raise InputError(f"benchmark {args.source}: a problem lacks {', '.join(sorted(missing))}.")
    args.output.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    own = prompts.prompt_file(module.PROMPT, args.settings.get("prompt", "")) if hasattr(module, "PROMPT") else None
    facts = sources.facts(args.source, args.settings, own, args.output, len(problems))
    args.output.with_suffix(".source.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{args.source}: {len(problems)} problems")
