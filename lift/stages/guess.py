"""Answer benchmarks by random well-formed answers: the floor that a model must beat."""

import json
from pathlib import Path


def add_arguments(parser) -> None:
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help=".jsonl files of problems")
    parser.add_argument("--samples", type=json.loads, required=True, help="by benchmark: answers a problem, as JSON")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help=".jsonl files of answers, in order")


def main(args) -> None:
    for path, output in zip(args.benchmarks, args.outputs, strict=True):
        output.parent.mkdir(parents=True, exist_ok=True)
        with open(output, "w", encoding="utf-8") as file:
            for problem in map(json.loads, path.read_text().splitlines()):
                for sample, guess in enumerate(problem["guesses"][: args.samples[path.stem]]):
                    text = f"<answer> {guess} </answer>"
                    row = {"id": problem["id"], "sample": sample, "text": text, "ended": True, "nfe": 0}
                    file.write(json.dumps(row) + "\n")
