"""Tables from the scores, comparisons, claims and statistics, each as CSV, Markdown and LaTeX.

main, comparisons, claims, reported, pass_at_k, format, decoders, statistics.
"""

import json
from pathlib import Path

import pandas as pd

from lift import tidy
from lift.report import tables
from lift.scores import claims, reported
from lift.scores.scores import read_problems


def add_arguments(parser) -> None:
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--costs", type=Path, required=True, help="costs.csv")
    parser.add_argument("--problems", type=Path, required=True, help="problem_scores.parquet")
    parser.add_argument("--comparisons", type=Path, required=True, help="comparisons.csv")
    parser.add_argument("--statistics", type=Path, nargs="+", required=True, help=".parquet files, one a model")
    parser.add_argument("--claims", type=Path, required=True, help="the claims, a YAML file")
    parser.add_argument("--reported", type=Path, required=True, help="published numbers, a CSV file")
    parser.add_argument("--metrics", type=json.loads, required=True, help="by benchmark, its own metric; as JSON")
    parser.add_argument("--sources", type=json.loads, required=True, help="by benchmark, its source; as JSON")
    parser.add_argument("--decoders", type=json.loads, required=True, help="by benchmark, their names; as JSON")
    parser.add_argument(
        "--bases", type=json.loads, required=True, help="by model, in the order of --statistics; as JSON"
    )
    parser.add_argument("--methods", nargs="+", required=True, help="in the order of the rows")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")


def main(args) -> None:
    every, costs, comparisons = map(tidy.read, (args.scores, args.costs, args.comparisons))
    statistics = dict(zip(args.bases, map(pd.read_parquet, args.statistics), strict=True))
    published = reported.read(args.reported)
    scores = tables.first_decoders(every, args.decoders)
    joined = reported.join(tables.own_scores(scores, args.metrics), published, args.bases, args.sources)
    rest = reported.without_counterpart(joined, published, args.sources)
    stated = claims.read(args.claims)
    decided = claims.decide(stated, claims.cases(stated, read_problems(args.problems), statistics))
    made = {
        "main": tables.main_table(scores, args.metrics, args.methods, comparisons, joined),
        "comparisons": tables.comparison_table(comparisons, args.methods, list(args.metrics)),
        "claims": decided,
        "reported": tables.reported_table(joined, rest, args.methods),
        "pass_at_k": tables.pass_table(scores, args.methods),
        "format": tables.format_table(scores, args.metrics, args.methods),
        "decoders": tables.decoder_table(every, costs, args.metrics, args.decoders, args.methods),
        "statistics": tables.statistics_tables(
            {path.stem: table for path, table in zip(args.statistics, statistics.values(), strict=True)}
        ),
    }
    for name, table in made.items():
        tables.write(table, args.output / name)
