"""Write the examples of a corpus, a JSON object a line: question, prompt and response.

Beside it, in CORPUS.source.json, lies where they come from.
"""

import json
from pathlib import Path

from lift import registry
from lift.data import prompts, sources
from lift.errors import InputError


def add_arguments(parser) -> None:
    parser.add_argument("--corpus", required=True)


def main(experiment, args) -> list[Path]:
    view, output = experiment.corpus(args.corpus), experiment.layout.corpus(args.corpus)
    source, settings = view["source"], view["settings"]
    examples = registry.module_of("corpus", source).examples(**settings)
    if not examples:
        raise InputError(f"corpus {source} has no examples.")
    for number, example in enumerate(examples):
        if not all(isinstance(text := example.get(field), str) and text for field in ("prompt", "response")):
            raise InputError(f"corpus {source}, example {number}: it needs a prompt and a response, both texts.")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(json.dumps(example) + "\n" for example in examples))
    prompt = prompts.prompt_file("reasoning", settings["prompt"]) if "prompt" in settings else None
    facts = sources.facts(source, settings, prompt, output, len(examples))
    output.with_suffix(".source.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{source}: {len(examples)} examples")
    return [output, output.with_suffix(".source.json")]
