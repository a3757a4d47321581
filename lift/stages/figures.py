"""Figures from scores, costs, statistics and training logs: each as PNG and PDF, and as CSV what it shows."""

import json
from pathlib import Path

import pandas as pd

from lift import tidy
from lift.report.figures import confidence, cost, heatmap, held_out_loss, pass_at_k, scores, trained_on
from lift.report.figures.style import method_marks, save
from lift.report.tables import first_decoders, pooled
from lift.statistics.words import by_word


def add_arguments(parser) -> None:
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--costs", type=Path, required=True, help="costs.csv")
    parser.add_argument("--statistics", type=Path, nargs="+", required=True, help=".parquet files")
    parser.add_argument("--logs", type=Path, nargs="+", required=True, help="log.jsonl of the fine-tuning runs")
    parser.add_argument("--metrics", type=json.loads, required=True, help="by benchmark, its own metric; as JSON")
    parser.add_argument("--decoders", type=json.loads, required=True, help="by benchmark, their names; as JSON")
    parser.add_argument("--methods", nargs="+", required=True, help="in the order of the legend")
    parser.add_argument("--ablations", nargs="*", default=[], help="further methods, for the scores only")
    parser.add_argument("--output", type=Path, required=True, help="folder for the figures")


def read_log(path: Path) -> list[dict]:
    """The entries of runs/MODEL/METHOD/seedK/log.jsonl."""
    model, method, seed = path.parts[-4:-1]
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [{"model": model, "method": method, "seed": seed, **entry} for entry in entries]


def main(args) -> None:
    everything, costs = pooled(tidy.read(args.scores)), tidy.read(args.costs)
    logs = pd.DataFrame([entry for path in args.logs for entry in read_log(path)])
    marks = method_marks(args.methods, args.ablations)
    for model in sorted(set(everything["model"]) - {"none"}):
        of_model, spent = everything[everything["model"].isin([model, "none"])], costs[costs["model"] == model]
        for length in sorted(set(everything["gen_length"])):
            rows = of_model[of_model["gen_length"] == length]
            shown = first_decoders(rows, args.decoders)

            table = scores.data(shown, args.metrics, [*args.methods, *args.ablations])
            save(scores.draw(table, marks, args.ablations), table, args.output / f"scores-{model}-{length}")

            table = pass_at_k.data(shown, list(args.metrics), args.methods)
            save(pass_at_k.draw(table, marks), table, args.output / f"pass_at_k-{model}-{length}")

            here = {
                benchmark: [d for d in names if d in set(rows["decoder"])] for benchmark, names in args.decoders.items()
            }
            here = {benchmark: names for benchmark, names in here.items() if names}
            paid = spent[(spent["stage"] == "finetune") | (spent["gen_length"] == length)]
            table = cost.data(rows, paid, args.metrics, here, args.methods)
            save(cost.draw(table, marks), table, args.output / f"cost-{model}-{length}")

        log = logs[logs["model"] == model]
        table = held_out_loss.data(log, args.methods)
        save(held_out_loss.draw(table, marks), table, args.output / f"held_out_loss-{model}")

        table = trained_on.data(log, args.methods)
        save(trained_on.draw(table), table, args.output / f"trained_on-{model}")
    for path in args.statistics:
        statistics = pd.read_parquet(path)
        table = confidence.data(by_word(statistics))
        save(confidence.draw(table), table, args.output / f"confidence-{path.stem}")

        table = heatmap.data(statistics)
        save(heatmap.draw(table), table, args.output / f"heatmap-{path.stem}")
