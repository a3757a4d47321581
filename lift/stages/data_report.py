"""What fine-tuning and evaluation are made of: lengths and cuts of the corpora, and what they share with benchmarks.

Writes the tables data, contamination and benchmarks (CSV, Markdown, LaTeX), and every shared run of words in
contamination.csv.
"""

import json
from pathlib import Path

import pandas as pd

from lift.data import contamination, overview
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


def main(args) -> None:
    corpora, benchmarks = ({path.stem: _read(path) for path in paths} for paths in (args.corpora, args.benchmarks))
    shared, counts = overview.shared_rows(corpora, benchmarks)
    columns = ["corpus", "benchmark", "problem", "example", "run"]
    pd.DataFrame(shared, columns=columns).to_csv(args.details, index=False)
    tables.write(pd.DataFrame(counts), args.output / "contamination")
    tables.write(pd.DataFrame(overview.length_rows(args.tokenised, args.max_lengths)), args.output / "data")
    tables.write(pd.DataFrame(overview.benchmark_rows(args.benchmarks, args.plan)), args.output / "benchmarks")
    print(f"{len(shared)} pairs of a problem and an example share {contamination.RUN} words or more")
