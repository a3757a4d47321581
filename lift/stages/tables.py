"""Tables from the scores and statistics, each as CSV, Markdown and LaTeX.

main, pass_at_k, format, decoders, statistics.
"""

import json
from pathlib import Path

import pandas as pd

from lift import tables
from lift.token_words import by_word, split_by_frequency


def add_arguments(parser) -> None:
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--costs", type=Path, required=True, help="costs.csv")
    parser.add_argument("--statistics", type=Path, nargs="+", required=True, help=".parquet files")
    parser.add_argument("--metrics", type=json.loads, required=True, help="by benchmark, its own metric; as JSON")
    parser.add_argument("--decoders", type=json.loads, required=True, help="by benchmark, their names; as JSON")
    parser.add_argument("--methods", nargs="+", required=True, help="in the order of the rows")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")


def main(args) -> None:
    every = pd.read_csv(args.scores, dtype={"seed": str})
    costs = pd.read_csv(args.costs, dtype={"seed": str})
    decoders = tables.decoder_table(every, costs, args.metrics, args.decoders, args.methods)
    tables.write(decoders, args.output / "decoders")
    scores = tables.first_decoders(every, args.decoders)
    tables.write(tables.main_table(scores, args.metrics, args.methods), args.output / "main")
    tables.write(tables.pass_table(scores, args.methods), args.output / "pass_at_k")
    tables.write(tables.format_table(scores, args.metrics, args.methods), args.output / "format")
    parts = []
    for path in args.statistics:
        statistics = by_word(pd.read_parquet(path))
        frequent, rare = split_by_frequency(statistics)
        part = tables.statistics_table(statistics, {"frequent": frequent, "rare": rare})
        part.insert(0, "model and corpus", path.stem)
        parts.append(part)
    tables.write(pd.concat(parts, ignore_index=True), args.output / "statistics")
