"""What fine-tuning and evaluation are made of: lengths and cuts of the corpora, and what they share with benchmarks.

Writes the tables data, contamination and benchmarks (CSV, Markdown, LaTeX), and every shared run of words in
contamination.csv.
"""

import json
from pathlib import Path

import pandas as pd

from lift.data import contamination, overview
from lift.report import tables


def _read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def main(experiment, args) -> list[Path]:
    view, layout = experiment.data_report(), experiment.layout
    corpora = {name: _read(layout.corpus(name)) for name in view["max_lengths"]}
    files = {name: layout.problems(name) for name in view["benchmarks"]}
    shared, counts = overview.shared_rows(corpora, {name: _read(path) for name, path in files.items()})
    columns = ["corpus", "benchmark", "problem", "example", "run"]
    pd.DataFrame(shared, columns=columns).to_csv(layout.contamination, index=False)
    tokenised = [layout.tokenised(model, corpus) for model in experiment.models for corpus in corpora]
    tables.write(pd.DataFrame(counts), layout.table("contamination"))
    tables.write(pd.DataFrame(overview.length_rows(tokenised, view["max_lengths"])), layout.table("data"))
    rows = overview.benchmark_rows(list(files.values()), view["benchmarks"])
    tables.write(pd.DataFrame(rows), layout.table("benchmarks"))
    print(f"{len(shared)} pairs of a problem and an example share {contamination.RUN} words or more")
    return [layout.contamination, *layout.table_files("contamination", "data", "benchmarks")]
