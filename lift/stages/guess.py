"""Answer benchmarks by random well-formed answers: the floor that a model must beat."""

import json
from pathlib import Path


def main(experiment, args) -> list[Path]:
    samples, folder = experiment.guessing(), experiment.layout.generations("none", "guess", 0)
    written = []
    for benchmark, decoder in experiment.answers("guess", 0):
        output = folder / decoder / f"{benchmark}.jsonl"
        output.parent.mkdir(parents=True, exist_ok=True)
        problems = experiment.layout.problems(benchmark).read_text().splitlines()
        with open(output, "w", encoding="utf-8") as file:
            for problem in map(json.loads, problems):
                for sample, guess in enumerate(problem["guesses"][: samples[benchmark]]):
                    text = f"<answer> {guess} </answer>"
                    row = {"id": problem["id"], "sample": sample, "text": text, "ended": True, "nfe": 0}
                    file.write(json.dumps(row) + "\n")
        written.append(output)
    return written
