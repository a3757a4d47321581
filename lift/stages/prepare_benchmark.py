"""Write the problems of a benchmark, a JSON object a line: id, prompt, answer and what its grader needs.

Beside it, in BENCHMARK.source.json, lies where they come from.
"""

import json
from pathlib import Path

from lift import registry
from lift.data import prompts, sources
from lift.data.problem_checks import as_line
from lift.errors import InputError


def add_arguments(parser) -> None:
    parser.add_argument("--benchmark", required=True)


def main(experiment, args) -> list[Path]:
    view, output = experiment.problems(args.benchmark), experiment.layout.problems(args.benchmark)
    source, settings = view["source"], view["settings"]
    module = registry.module_of("benchmark", source)
    where = f"benchmark {source}" + (f", {path}" if (path := settings.get("path")) else "")
    try:
        problems = module.problems(**settings)
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
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(lines))
    own = prompts.prompt_file(module.PROMPT, settings.get("prompt", "")) if hasattr(module, "PROMPT") else None
    facts = sources.facts(source, settings, own, output, len(problems))
    output.with_suffix(".source.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{source}: {len(problems)} problems")
    return [output, output.with_suffix(".source.json")]
