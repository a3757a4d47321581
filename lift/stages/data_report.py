"""What fine-tuning and evaluation are made of: lengths and cuts of the corpora, and what they share with benchmarks.

Writes the tables data, contamination and benchmarks (CSV, Markdown, LaTeX), and every shared run of words in
contamination.csv.
"""

import json
from pathlib import Path

import datasets
import numpy as np
import pandas as pd

from lift.data import contamination
from lift.data.benchmarks import question_of
from lift.report import tables


def add_arguments(parser) -> None:
    parser.add_argument("--corpora", type=Path, nargs="+", required=True, help=".jsonl files of examples")
    parser.add_argument("--tokenised", type=Path, nargs="+", required=True, help="folders MODEL/CORPUS")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help=".jsonl files of problems")
    parser.add_argument("--max-lengths", type=json.loads, required=True, help="by corpus, where it is cut; as JSON")
    parser.add_argument("--plan", type=json.loads, required=True, help="by benchmark: metric, decoders, samples; JSON")
    parser.add_argument("--details", type=Path, required=True, help="the .csv file of shared runs")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")


def _read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def length_rows(folders: list[Path], max_lengths: dict[str, list[int]]) -> list[dict]:
    """A row a model, corpus and max_length: tokens of an example, and how many examples are cut."""
    rows = []
    for folder in folders:
        splits = datasets.load_from_disk(str(folder))
        both = datasets.concatenate_datasets([splits["train"], splits["held_out"]])
        lengths = np.array([len(ids) for ids in both["input_ids"]])
        prompts = np.array(both["prompt_length"])
        for limit in max_lengths.get(folder.name, [int(lengths.max())]):
            rows.append(
                {
                    "model": folder.parent.name,
                    "corpus": folder.name,
                    "training": len(splits["train"]),
                    "held out": len(splits["held_out"]),
                    "tokens, median": int(np.median(lengths)),
                    "tokens, longest": int(lengths.max()),
                    "max_length": limit,
                    "cut": int((lengths > limit).sum()),
                    "no response left": int((prompts >= limit).sum()),
                }
            )
    return rows


def benchmark_rows(files: list[Path], plan: dict) -> list[dict]:
    """A row a benchmark and decoder: where its problems and its prompt come from, and how it is decoded."""
    rows = []
    for path in files:
        source, wanted = json.loads(path.with_suffix(".source.json").read_text()), plan[path.stem]
        settings = source["settings"]
        prompt = source.get("prompt", "the task's own")
        for name, decoder in wanted["decoders"].items():
            rows.append(
                {
                    "benchmark": path.stem,
                    "source": settings.get("path") or source["source"],
                    "commit": source.get("commit", "-"),
                    "problems": source["count"],
                    "prompt": f"{prompt} (the user's)" if source.get("own_prompt") else prompt,
                    "prompt sha256": source.get("prompt_sha256", "-")[:12],
                    "decoder": name,
                    "length": decoder["gen_length"],
                    "steps": decoder["steps"] or f"threshold {decoder['threshold']}",
                    "cache": decoder["cache"],
                    "temperature": decoder["temperature"],
                    "samples": wanted["samples"],
                    "metric": wanted["metric"],
                }
            )
    return rows


def main(args) -> None:
    shared, counts = [], []
    questions = {path.stem: [question_of(problem) for problem in _read(path)] for path in args.benchmarks}
    for path in args.corpora:
        texts = [f"{question_of(example)}\n{example['response']}" for example in _read(path)]
        for benchmark, asked in questions.items():
            found = contamination.shared_runs(asked, texts)
            pair = {"corpus": path.stem, "benchmark": benchmark}
            shared += [pair | {"problem": q, "example": t, "run": run} for q, t, run in found]
            problems = len({q for q, _, _ in found})
            counts.append(pair | {"problems": len(asked), "shared": problems, "share": f"{problems / len(asked):.1%}"})
    columns = ["corpus", "benchmark", "problem", "example", "run"]
    pd.DataFrame(shared, columns=columns).to_csv(args.details, index=False)
    tables.write(pd.DataFrame(counts), args.output / "contamination")
    tables.write(pd.DataFrame(length_rows(args.tokenised, args.max_lengths)), args.output / "data")
    tables.write(pd.DataFrame(benchmark_rows(args.benchmarks, args.plan)), args.output / "benchmarks")
    print(f"{len(shared)} pairs of a problem and an example share {contamination.RUN} words or more")
