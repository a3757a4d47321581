"""Scores with 95% intervals from grades: scores.csv, tidy, and costs.csv, what differs from run to run.

problem_scores.parquet holds what they are made of, by each benchmark's own metric: a row a problem and seed.

A method has a row for each seed and one, with seed "all", over them; an untrained one has a single row with seed "-"
where nothing was drawn at random. A benchmark's own metric is the one that counts in the average over benchmarks.
Column step: of training, of the weights that were decoded with; "the base" where it is 0, "-" for an untrained method.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from lift import tidy
from lift.decoded_step import say
from lift.intervals import average_interval, interval, pass_at_k

COLUMNS = (
    *("experiment", "model", "method", "seed", "step", "benchmark", "decoder", "gen_length", "steps", "metric"),
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


def score_rows(
    files: list[Path], plan: dict, untrained: list[str], steps: dict[tuple[str, str, int], int | None] | None = None
) -> tuple[list[dict], pd.DataFrame]:
    """Rows of scores.csv and problem_scores.parquet from grades at MODEL/METHOD/seedK/DECODER/BENCHMARK.csv.

    steps: of the weights, by (model, method, seed), where they are known. The average over benchmarks is one of each
    answer length; of a benchmark's decoders of that length the first counts. A method that does not answer all of them,
    such as guessing, has none. What was answered once, since nothing is drawn at random, counts for every seed.
    """
    found: dict[tuple, dict[str, dict[str, np.ndarray]]] = {}  # (model, method, benchmark, decoder) -> metric -> seed
    problems, steps = [], steps or {}
    for path in files:
        model, method, seed, decoder, benchmark = *path.parts[-5:-1], path.stem
        task, grades = plan[benchmark], tidy.read(path)
        scores = problem_scores(grades, task["metric"], task["k"])
        for metric, values in scores.items():
            by_seed = found.setdefault((model, method, benchmark, decoder), {}).setdefault(metric, {})
            by_seed[int(seed.removeprefix("seed"))] = values
        length, metric = task["decoders"][decoder]["gen_length"], next(iter(scores))
        number = int(seed.removeprefix("seed"))
        where = {"model": model, "method": method, "seed": number, "step": steps.get((model, method, number))}
        where["benchmark"] = benchmark
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
                own.setdefault((model, method, length), []).append((matrix, sorted(by_seed)))
            groups = {seed: matrix[[i]] for i, seed in enumerate(sorted(by_seed))}
            if method in untrained and not settings["temperature"]:
                groups = {"-": matrix}
            if len(groups) > 1:
                groups["all"] = matrix
            for seed, values in groups.items():
                mean, low, high = interval(values)
                of_seeds = sorted(by_seed) if seed in ("all", "-") else [seed]
                row = {"seed": str(seed), "step": say([steps.get((model, method, one)) for one in of_seeds])}
                row |= {"steps": settings["steps"] or 0, "metric": metric}
                counts = {"n": values.shape[1], "seeds": values.shape[0]}
                rows.append(common | row | counts | {"value": mean, "ci_low": low, "ci_high": high})
    for (model, method, length), found_parts in own.items():
        parts, seeds = [part for part, _ in found_parts], max((of for _, of in found_parts), key=len)
        if len(parts) < sum(any(d["gen_length"] == length for d in p["decoders"].values()) for p in plan.values()):
            continue
        parts = [np.broadcast_to(part, (len(seeds), part.shape[1])) if len(part) == 1 else part for part in parts]
        seed = "all" if len(seeds) > 1 else "-" if method in untrained else str(seeds[0])
        mean, low, high = average_interval(parts)
        rows.append(
            {"model": model, "method": method, "seed": seed, "benchmark": "average"}
            | {"step": say([steps.get((model, method, one)) for one in seeds])}
            | {"decoder": "-", "gen_length": length, "steps": 0, "metric": "mean", "n": sum(p.shape[1] for p in parts)}
            | {"seeds": parts[0].shape[0]}
            | {"value": mean, "ci_low": low, "ci_high": high}
        )
    table = pd.concat(problems, ignore_index=True)
    return rows, table.astype({"step": "Int64"})


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


def decoded_steps(records: list[Path]) -> dict[tuple[str, str, int], int | None]:
    """By (model, method, seed), the step of the weights, from records at generations/MODEL/METHOD/seedK/run.json."""
    found = {}
    for path in records:
        record = json.loads(path.read_text())
        if "weights" in record:
            model, method, seed = path.parts[-4:-1]
            found[model, method, int(seed.removeprefix("seed"))] = record["step"]
    return found


def main(args) -> None:
    rows, problems = score_rows(args.grades, args.plan, args.untrained, decoded_steps(args.records))
    problems.to_parquet(args.output / "problem_scores.parquet", index=False)
    scores = pd.DataFrame(rows)
    scores.insert(0, "experiment", args.experiment)
    order = ["model", "method", "benchmark", "gen_length", "decoder", "metric", "seed"]
    scores = scores[list(COLUMNS)].sort_values(order, kind="stable")
    scores.to_csv(args.output / "scores.csv", index=False, float_format="%.6f")
    pd.DataFrame(cost_rows(args.records)).to_csv(args.output / "costs.csv", index=False)
