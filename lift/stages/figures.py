"""Figures from scores, statistics and training logs, each as PNG and PDF."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from lift import figures
from lift.tables import first_decoders, pooled
from lift.token_words import by_word, split_by_frequency


def add_arguments(parser) -> None:
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--statistics", type=Path, nargs="+", required=True, help=".parquet files")
    parser.add_argument("--logs", type=Path, nargs="+", required=True, help="log.jsonl of the fine-tuning runs")
    parser.add_argument("--metrics", type=json.loads, required=True, help="by benchmark, its own metric; as JSON")
    parser.add_argument("--decoders", type=json.loads, required=True, help="by benchmark, their names; as JSON")
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
    scores = pooled(first_decoders(pd.read_csv(args.scores, dtype={"seed": str}), args.decoders))
    logs = pd.DataFrame([entry for path in args.logs for entry in read_log(path)])
    plt.rcParams.update(figures.STYLE)
    for model in sorted(set(scores["model"]) - {"none"}):
        for length in sorted(set(scores["gen_length"])):
            part = scores[scores["model"].isin([model, "none"]) & (scores["gen_length"] == length)]
            own = part[part["metric"] == part["benchmark"].map(args.metrics | {"average": "mean"})]
            sampled = part[part["metric"].str.match(r"(pass|avg)@")]
            kind, count = (sampled["metric"].str.extract(r"(pass|avg)@(\d+)")[i] for i in (0, 1))
            sampled = sampled.assign(k=count.astype(int).where(kind == "pass", 1))  # pass@1 is the mean over samples
            methods = [m for m in args.methods if m in set(part["method"])]
            benchmarks = [name for name in [*args.metrics, "average"] if name in set(own["benchmark"])]
            _save(figures.main_scores(own, benchmarks, methods), args.output / f"scores-{model}-{length}")
            contests = list(dict.fromkeys(sampled["benchmark"]))
            _save(figures.pass_at_k(sampled, contests, methods), args.output / f"pass_at_k-{model}-{length}")
        trained = [m for m in args.methods if m in set(logs["method"])]
        _save(figures.held_out_loss(logs[logs["model"] == model], trained), args.output / f"held_out_loss-{model}")
    for path in args.statistics:
        statistics = by_word(pd.read_parquet(path))
        frequent, rare = split_by_frequency(statistics)
        _save(figures.confidence_by_level(statistics, frequent, rare), args.output / f"confidence-{path.stem}")
