"""Scores with 95% intervals from grades: scores.csv, tidy, and costs.csv, what differs from run to run.

problem_scores.parquet holds what they are made of, by each benchmark's own metric: a row a problem and seed.

A trained method has a row for each seed and one, with seed "all", over them; an untrained one has seed "-" where
nothing was drawn at random. A benchmark's own metric is the one that counts in the average over benchmarks.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from lift.intervals import average_interval, interval, pass_at_k

COLUMNS = (
    *("experiment", "model", "method", "seed", "benchmark", "decoder", "gen_length", "steps", "metric"),
    *("n", "seeds", "value", "ci_low", "ci_high"),
)


def add_arguments(parser) -> None:
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--grades", type=Path, nargs="+", required=True, help=".csv files of grades")
    parser.add_argument(
        "--plan", type=json.loads, required=True, help="by benchmark: decoders with settings, metric; as JSON"
    )
    parser.add_argument("--untrained", nargs="*", default=[], help="methods that have no seed of training")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="run.json of decoding and training")
    parser.add_argument("--output", type=Path, required=True, help="folder for these files")


def problem_scores(grades: pd.DataFrame, metric: str, k: int) -> dict[str, np.ndarray]:
    """By metric, a score for every problem, in the order of their ids; the benchmark's own metric comes first.

    k: of the metric pass@k that counts.
    """
    by_problem = grades.groupby("id")
    scores = {}
    if metric == "pass@k":
        correct, samples = by_problem["correct"].sum().to_numpy(), int(by_problem.size().iloc[0])
        k = min(k, samples)  # guesses may be fewer
        others = {2**i for i in range(1, samples.bit_length())} | {samples}
        for count in (k, *sorted(others - {k, 1})):
            scores[f"pass@{count}"] = pass_at_k(correct, samples, count)
        scores[f"avg@{samples}"] = correct / samples
    elif metric == "cell_accuracy":
        cells = by_problem[["correct_cells", "empty_cells"]].sum()
        scores["cell_accuracy"] = (cells["correct_cells"] / cells["empty_cells"]).to_numpy()
        scores["accuracy"] = by_problem["correct"].mean().to_numpy()
        if "valid" in grades:
            scores["valid_grid"] = by_problem["valid"].mean().to_numpy()
    else:
        scores["accuracy"] = by_problem["correct"].mean().to_numpy()
    scores["invalid_format"] = by_problem["invalid"].mean().to_numpy()
    scores["truncated"] = by_problem["truncated"].mean().to_numpy()
    return scores


def score_rows(files: list[Path], plan: dict, untrained: list[str]) -> tuple[list[dict], pd.DataFrame]:
    """Rows of scores.csv and problem_scores.parquet from grades at MODEL/METHOD/seedK/DECODER/BENCHMARK.csv.

    The average over benchmarks is one of each answer length; of a benchmark's decoders of that length the first counts.
    A method that does not answer all of them, such as guessing, has none.
    """
    found: dict[tuple, dict[str, dict[str, np.ndarray]]] = {}  # (model, method, benchmark, decoder) -> metric -> seed
    problems = []
    for path in files:
        model, method, seed, decoder, benchmark = *path.parts[-5:-1], path.stem
        task, grades = plan[benchmark], pd.read_csv(path)
        scores = problem_scores(grades, task["metric"], task["k"])
        for metric, values in scores.items():
            by_seed = found.setdefault((model, method, benchmark, decoder), {}).setdefault(metric, {})
            by_seed[seed.removeprefix("seed")] = values
        length, metric = task["decoders"][decoder]["gen_length"], next(iter(scores))
        where = {"model": model, "method": method, "seed": int(seed.removeprefix("seed")), "benchmark": benchmark}
        where |= {"decoder": decoder, "gen_length": length, "counts": decoder == _first(task, length), "metric": metric}
        problems.append(pd.DataFrame(where | {"id": sorted(set(grades["id"])), "value": scores[metric]}))
    rows, own = [], {}
    for (model, method, benchmark, decoder), metrics in found.items():
        settings = plan[benchmark]["decoders"][decoder]
        length = settings["gen_length"]
        common = {"model": model, "method": method, "benchmark": benchmark, "decoder": decoder, "gen_length": length}
        first = _first(plan[benchmark], length)
        for position, (metric, by_seed) in enumerate(metrics.items()):
            matrix = np.array([by_seed[seed] for seed in sorted(by_seed)])
            if position == 0 and decoder == first:
                only = "-" if method in untrained else next(iter(by_seed))
                seeds = "all" if len(by_seed) > 1 else only
                own.setdefault((model, method, seeds, length), []).append(matrix)
            groups = {seed: matrix[[i]] for i, seed in enumerate(sorted(by_seed))}
            if method in untrained and not settings["temperature"]:
                groups = {"-": matrix}
            if len(groups) > 1:
                groups["all"] = matrix
            for seed, values in groups.items():
                mean, low, high = interval(values)
                row = {"seed": seed, "steps": settings["steps"] or 0, "metric": metric}
                counts = {"n": values.shape[1], "seeds": values.shape[0]}
                rows.append(common | row | counts | {"value": mean, "ci_low": low, "ci_high": high})
    for (model, method, seed, length), parts in own.items():
        if len(parts) < sum(any(d["gen_length"] == length for d in p["decoders"].values()) for p in plan.values()):
            continue
        mean, low, high = average_interval(parts)
        rows.append(
            {"model": model, "method": method, "seed": seed, "benchmark": "average"}
            | {"decoder": "-", "gen_length": length, "steps": 0, "metric": "mean", "n": sum(p.shape[1] for p in parts)}
            | {"seeds": parts[0].shape[0]}
            | {"value": mean, "ci_low": low, "ci_high": high}
        )
    return rows, pd.concat(problems, ignore_index=True)


def _first(task: dict, length: int) -> str:
    """The decoder of an answer length that counts in tables and averages."""
    return next(name for name, decoder in task["decoders"].items() if decoder["gen_length"] == length)


def cost_rows(records: list[Path]) -> list[dict]:
    """Rows of costs.csv: a row a benchmark decoded, from records at generations/MODEL/METHOD/seedK/run.json, and one a
    fine-tuning run, at runs/MODEL/METHOD/seedK/run.json."""
    rows = []
    for path in records:
        record = json.loads(path.read_text())
        model, method, seed = path.parts[-4:-1]
        common = {"model": model, "method": method, "seed": seed.removeprefix("seed")}
        memory = {"peak_memory_mb": round(record["peak_memory_bytes"] / 2**20), "gpu": record.get("gpu", "-")}
        if "peak_gpu_memory_bytes" in record:
            memory["peak_gpu_memory_mb"] = round(record["peak_gpu_memory_bytes"] / 2**20)
        for cost in record.get("costs", []):
            rate = {"tokens_per_second": round(cost["tokens"] / max(cost["seconds"], 1e-9), 1)}
            rows.append(common | {"stage": "decode"} | cost | rate | memory)
        if "steps" in record:
            facts = {"seconds": record["seconds_this_process"], "tokens": record["masked_tokens"]}
            rows.append(common | {"stage": "finetune"} | facts | memory)
    return rows


def main(args) -> None:
    rows, problems = score_rows(args.grades, args.plan, args.untrained)
    problems.to_parquet(args.output / "problem_scores.parquet", index=False)
    scores = pd.DataFrame(rows)
    scores.insert(0, "experiment", args.experiment)
    order = ["model", "method", "benchmark", "gen_length", "decoder", "metric", "seed"]
    scores = scores[list(COLUMNS)].sort_values(order, kind="stable")
    scores.to_csv(args.output / "scores.csv", index=False, float_format="%.6f")
    pd.DataFrame(cost_rows(args.records)).to_csv(args.output / "costs.csv", index=False)
