"""Write the problems of a benchmark, a JSON object a line: id, prompt, answer and what its grader needs.

Beside it, OUTPUT with the ending .source.json, lies where they come from.
"""

import json
from pathlib import Path

from lift import registry
from lift.data import prompts, sources
from lift.data.problem_checks import check
from lift.errors import InputError


def add_arguments(parser) -> None:
    parser.add_argument("--source", required=True, help="a benchmark in lift/data/benchmarks")
    parser.add_argument("--settings", type=json.loads, default={}, help="its settings, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the .jsonl file")


def _line(problem: dict, grader: str, needed: set[str]) -> str:
    """A problem as JSON. ValueError or TypeError where it lacks what it, or its grader, needs."""
    if missing := needed - problem.keys():
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    if not isinstance(problem["id"], int | str):
        raise ValueError("its id must be a number or a text")
    if not isinstance(problem["prompt"], str) or not problem["prompt"].strip():
        raise ValueError("its prompt must be a text")
    check(grader, problem)
    return json.dumps(problem, allow_nan=False) + "\n"


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
            lines.append(_line(problem, module.GRADER, needed))
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
