"""Tables from the scores, comparisons, claims and statistics, each as CSV and, as text, as Markdown and LaTeX.

main, comparisons, claims, reported, pass_at_k, format, decoders, statistics.
"""

import json
from pathlib import Path

import pandas as pd

from lift import tidy
from lift.report import tables, text
from lift.scores import claims, reported
from lift.scores.run_records import made_with
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
    stated = claims.read(args.claims)
    decided = claims.decide(stated, claims.cases(stated, read_problems(layout.problem_scores), statistics))
    made = {
        "main": tables.main_table(scores, metrics, methods, comparisons),
        "comparisons": tables.comparison_table(comparisons, methods, list(metrics)),
        "claims": decided,
        "reported": tables.reported_table(tables.own_scores(scores, metrics), published, bases, sources, methods),
        "pass_at_k": tables.pass_table(scores, methods),
        "format": tables.format_table(scores, metrics, methods),
        "decoders": tables.decoder_table(every, costs, metrics, view["decoders"], methods),
        "statistics": tables.statistics_table({files[model].stem: table for model, table in statistics.items()}),
    }
    seen = [made_with(json.loads(path.with_suffix(".json").read_text())) for path in files.values()]
    foot = {"statistics": text.made_with(pd.DataFrame(seen).assign(stage="statistics", method="base"))}
    for name, table in made.items():
        shown = text.shown(name, table, made["reported"])
        tables.write(table, layout.table(name), shown, foot.get(name, text.made_with(costs)))
    return layout.table_files(*made)
