"""Figures from scores, statistics and training logs, each as PNG and PDF."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from lift import figures
from lift.tables import pooled
from lift.token_words import split_by_frequency


def add_arguments(parser) -> None:
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--statistics", type=Path, nargs="+", required=True, help=".parquet files")
    parser.add_argument("--logs", type=Path, nargs="+", required=True, help="log.jsonl of the fine-tuning runs")
    parser.add_argument("--metrics", type=json.loads, required=True, help="by benchmark, its own metric; as JSON")
    parser.add_argument("--methods", nargs="+", required=True, help="in the order of the legend")
    parser.add_argument("--output", type=Path, required=True, help="folder for the figures")


def _save(figure: plt.Figure, stem: Path) -> None:
    figure.savefig(stem.with_suffix(".png"), metadata={"Software": None})
    figure.savefig(stem.with_suffix(".pdf"), metadata={"CreationDate": None})
    plt.close(figure)


def read_log(path: Path) -> list[dict]:
    """The evaluations in runs/MODEL/METHOD/seedK/log.jsonl."""
    model, method, seed = path.parts[-4:-1]
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [{"model": model, "method": method, "seed": seed, **entry} for entry in entries if "eval_loss" in entry]


def main(args) -> None:
    scores = pooled(pd.read_csv(args.scores, dtype={"seed": str}))
    logs = pd.DataFrame([entry for path in args.logs for entry in read_log(path)])
    own = scores[scores["metric"] == scores["benchmark"].map(args.metrics | {"average": "mean"})]
    sampled = scores[scores["metric"].str.startswith("pass@")]
    sampled = sampled.assign(k=sampled["metric"].str.removeprefix("pass@").astype(int))
    first = scores[scores["metric"].str.startswith("avg@")].assign(k=1)  # pass@1 is the mean over samples
    sampled = pd.concat([sampled, first])
    plt.rcParams.update(figures.STYLE)
    for model in sorted(set(scores["model"]) - {"none"}):
        part = scores["model"].isin([model, "none"])
        methods = [m for m in args.methods if m in set(scores[part]["method"])]
        benchmarks = [*args.metrics, "average"]
        _save(figures.main_scores(own[part], benchmarks, methods), args.output / f"scores-{model}")
        contests = list(dict.fromkeys(sampled["benchmark"]))
        _save(
            figures.pass_at_k(sampled[part.reindex(sampled.index)], contests, methods),
            args.output / f"pass_at_k-{model}",
        )
        _save(figures.held_out_loss(logs[logs["model"] == model], methods), args.output / f"held_out_loss-{model}")
    for path in args.statistics:
        statistics = pd.read_parquet(path)
        frequent, rare = split_by_frequency(statistics)
        _save(figures.confidence_by_level(statistics, frequent, rare), args.output / f"confidence-{path.stem}")
