"""Write the examples of a corpus, a JSON object a line: question, prompt and response.

Beside it, OUTPUT with the ending .source.json, lies where they come from.
"""

import json
from pathlib import Path

from lift import registry
from lift.data import prompts, sources
from lift.errors import InputError


def add_arguments(parser) -> None:
    parser.add_argument("--source", required=True, help="a corpus in lift/data/corpora")
    parser.add_argument("--settings", type=json.loads, default={}, help="its settings, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the .jsonl file")


def main(args) -> None:
    module = registry.module_of("corpus", args.source)
    examples = module.examples(**args.settings)
    if not examples:
        raise InputError(f"corpus {args.source} has no examples.")
    for number, example in enumerate(examples):
        if not all(isinstance(text := example.get(field), str) and text for field in ("prompt", "response")):
            raise InputError(f"corpus {args.source}, example {number}: it needs a prompt and a response, both texts.")
    args.output.write_text("".join(json.dumps(example) + "\n" for example in examples))
    prompt = prompts.prompt_file("reasoning", args.settings["prompt"]) if "prompt" in args.settings else None
    facts = sources.facts(args.source, args.settings, prompt, args.output, len(examples))
    args.output.with_suffix(".source.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{args.source}: {len(examples)} examples")
