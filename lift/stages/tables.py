"""Tables from the scores, comparisons, claims and statistics, each as CSV and, as text, as Markdown and LaTeX.

main, comparisons, claims, reported, pass_at_k, format, decoders, statistics.
"""

from pathlib import Path

import pandas as pd

from lift import tidy
from lift.report import tables, text
from lift.scores import claims, reported
from lift.scores.scores import read_problems


def add_arguments(parser) -> None:
    parser.add_argument("--claims", type=Path, required=True, help="the claims, a YAML file")
    parser.add_argument("--reported", type=Path, required=True, help="published numbers, a CSV file")


def main(experiment, args) -> list[Path]:
    view, layout = experiment.tables(), experiment.layout
    metrics, methods, bases, sources = (view[name] for name in ("metrics", "methods", "bases", "sources"))
    every, costs, comparisons = map(tidy.read, (layout.scores, layout.costs, layout.comparisons))
    files = {model: layout.statistics(model, view["corpus"]) for model in bases}
    statistics = {model: pd.read_parquet(path) for model, path in files.items()}
    published = reported.read(args.reported)
    scores = tables.first_decoders(every, view["decoders"])
    joined = reported.join(tables.own_scores(scores, metrics), published, bases, sources)
    rest = reported.without_counterpart(joined, published, sources)
    stated = claims.read(args.claims)
    decided = claims.decide(stated, claims.cases(stated, read_problems(layout.problem_scores), statistics))
    made = {
        "main": tables.main_table(scores, metrics, methods, comparisons),
        "comparisons": tables.comparison_table(comparisons, methods, list(metrics)),
        "claims": decided,
        "reported": tables.reported_table(joined, rest, methods),
        "pass_at_k": tables.pass_table(scores, methods),
        "format": tables.format_table(scores, metrics, methods),
        "decoders": tables.decoder_table(every, costs, metrics, view["decoders"], methods),
        "statistics": tables.statistics_tables({files[model].stem: table for model, table in statistics.items()}),
    }
    for name, table in made.items():
        tables.write(table, layout.table(name), text.shown(name, table, made["reported"]))
    return layout.table_files(*made)
