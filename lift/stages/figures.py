"""Figures from scores, costs, statistics and training logs: each as PNG and PDF, and as CSV what it shows."""

import json
from pathlib import Path

import pandas as pd

from lift import tidy
from lift.report.figures.every import every
from lift.report.figures.style import save
from lift.report.tables import pooled


def main(experiment, args) -> list[Path]:
    view, layout, runs = experiment.figures(), experiment.layout, []
    for model in view["models"]:
        for method in experiment.trained:
            for seed in experiment.seeds:
                lines = (layout.run(model, method, seed) / "log.jsonl").read_text().splitlines()
                place = {"model": model, "method": method, "seed": f"seed{seed}"}
                runs += [place | json.loads(line) for line in lines]
    layout.figures.mkdir(parents=True, exist_ok=True)
    files = [layout.statistics(model, view["corpus"]) for model in view["models"]]
    drawn = every(
        pooled(tidy.read(layout.scores)),
        tidy.read(layout.costs),
        pd.DataFrame(runs),
        {path.stem: pd.read_parquet(path) for path in files},
        view,
    )
    written = []
    for name, figure, table in drawn:
        save(figure, table, layout.figure(name))
        written += [Path(f"{layout.figure(name)}.{ending}") for ending in ("png", "pdf", "csv")]
    return written
