"""Write the problems of a benchmark, a JSON object a line: id, prompt, answer and what its grader needs.

Beside it, OUTPUT with the ending .source.json, lies where they come from.
"""

import json
from pathlib import Path

from lift import registry
from lift.data import prompts, sources
from lift.data.problem_checks import as_line
from lift.errors import InputError


def add_arguments(parser) -> None:
    parser.add_argument("--source", required=True, help="a benchmark in lift/data/benchmarks")
    parser.add_argument("--settings", type=json.loads, default={}, help="its settings, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the .jsonl file")


def main(args) -> None:
    module = registry.module_of("benchmark", args.source)
    where = f"benchmark {args.source}" + (f", {path}" if (path := args.settings.get("path")) else "")
    try:
        problems = module.problems(**args.settings)
    except KeyError as error:
        raise InputError(f"{where} has no column {error}.") from None
    needed = {"id", "prompt", "answer"} | ({"guesses"} if hasattr(module, "GUESSES") else set())
    lines = []
    for number, problem in enumerate(problems):
        try:
            lines.append(as_line(problem, module.GRADER, needed))
        except (ValueError, TypeError) as error:
            raise InputError(f"{where}, problem {number}: {error}.") from None
    if not lines:
        raise InputError(f"{where} has no problems.")
    if len({problem["id"] for problem in problems}) < len(lines):
        raise InputError(f"{where}: two problems have the same id.")
    args.output.write_text("".join(lines))
    own = prompts.prompt_file(module.PROMPT, args.settings.get("prompt", "")) if hasattr(module, "PROMPT") else None
    facts = sources.facts(args.source, args.settings, own, args.output, len(problems))
    args.output.with_suffix(".source.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{args.source}: {len(problems)} problems")
