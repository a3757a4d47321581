"""The accelerated decoders on the miniature: what they accept, cost and lose, next to the exact one.

The shipped base model answers the miniature's greedy benchmarks with every decoder; nothing is scripted.

    python perf/miniature_decoders.py            # a few minutes on one core
"""

import argparse
import tempfile
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from decoding import plain
from measurement import report
from tqdm import tqdm

from lift import registry
from lift.data.benchmarks import describe
from lift.decode import answers
from lift.decode.settings import Decoder
from lift.grade.judge import grade_rows
from lift.models import checkpoint
from lift.models.tokenization import decode_response, end_of_turn, load_tokenizer
from lift.scores.intervals import score_interval
from lift.scores.problem_scores import problem_scores

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "lift" / "miniature" / "weights"
KINDS = {
    "exact": {},
    "plain, as published": {},
    "prefix cache": {"cache": "prefix"},
    "dual cache": {"cache": "dual"},
    "threshold 0.9": {"threshold": 0.9},
    "prefix cache, threshold 0.9": {"threshold": 0.9, "cache": "prefix"},
    "dual cache, threshold 0.9": {"threshold": 0.9, "cache": "dual"},
}


def answered(model, tokenizer, name: str, problems: list[dict], decoder: Decoder, batch_size: int):
    """The answers to a benchmark and their cost."""
    prompts = answers.encode_problems(tokenizer, problems)
    batches = dict(enumerate(answers.make_batches(prompts, 1, batch_size)))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "answers.jsonl")
        with tqdm(total=len(problems), desc=name) as bar:
            answers.compute(model, tokenizer, name, problems, prompts, decoder, batches, 0, store, bar)
        return answers.collect(answers.read_store([store]))


def plainly_answered(model, tokenizer, problems: list[dict], length: int, block: int, passes: int, batch_size: int):
    """The same by the plain algorithm; only prompts of the same length share a batch, since it attends to padding."""
    prompts, ends = answers.encode_problems(tokenizer, problems), [model.pad_id, end_of_turn(tokenizer)]
    order, rows, count = sorted(range(len(prompts)), key=lambda i: len(prompts[i])), [], 0
    batches = [list(group) for _, group in groupby(order, key=lambda i: len(prompts[i]))]
    batches = [group[i : i + batch_size] for group in batches for i in range(0, len(group), batch_size)]
    started = time.perf_counter()
    for batch in batches:
        asked = torch.tensor([prompts[i] for i in batch])
        tokens = plain(lambda x: model.head(model.hidden_states(x)), model.mask_id, asked, length, block, passes)
        for i, ids in zip(batch, tokens.tolist(), strict=True):
            text, ended = decode_response(tokenizer, ids, ends)
            count += next((place for place, token in enumerate(ids) if token in ends), len(ids))
            rows.append({"id": problems[i]["id"], "sample": 0, "text": text, "ended": ended})
    nfe, seconds = len(rows) * passes * (length // block), time.perf_counter() - started
    rows.sort(key=lambda row: row["id"])
    return rows, {"answers": len(rows), "nfe": nfe, "tokens": count, "seconds": seconds}


def difference(ours: list[np.ndarray], exact: list[np.ndarray]) -> str:
    """Mean over benchmarks of the difference over the same problems, in points, with its 95% interval."""
    gaps = [a - b for a, b in zip(ours, exact, strict=True)]
    mean = np.mean([gap.mean() for gap in gaps])
    half = 1.96 * np.sqrt(sum(gap.var(ddof=1) / len(gap) for gap in gaps)) / len(gaps)
    return f"{100 * mean:+.1f} [{100 * (mean - half):+.1f}, {100 * (mean + half):+.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few problems, to see that it runs; writes no result")
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    settings = config["decoders"]["greedy"]
    length, block, batch_size = settings["gen_length"], settings["block_length"], settings["batch_size"]
    model, tokenizer = checkpoint.load(SHIPPED), load_tokenizer(SHIPPED)
    benchmarks = {name: entry for name, entry in config["benchmarks"].items() if entry["decoder"] == "greedy"}
    rows, exact, texts = [], None, None
    for kind, own in KINDS.items():
        decoder = Decoder(length, block, None if "threshold" in own else settings["steps"], **own)
        scores, costs, found = [], [], []
        for name, entry in benchmarks.items():
            source = registry.module_of("benchmark", name)
            given = {key: value for key, value in entry.items() if key not in ("decoder", "samples")}
            problems = source.problems(**given | ({"size": 6} if args.quick else {}))
            if kind.startswith("plain"):
                passes = settings["steps"] // decoder.blocks
                answer_rows, cost = plainly_answered(model, tokenizer, problems, length, block, passes, batch_size)
            else:
                answer_rows, cost = answered(model, tokenizer, name, problems, decoder, batch_size)
            about = describe(name, {})
            grades = pd.DataFrame(grade_rows(answer_rows, {p["id"]: p for p in problems}, about["grader"]))
            scores.append(next(iter(problem_scores(grades, about["metric"], k=1).values())))
            costs.append(cost)
            found += [row["text"] for row in answer_rows]
        exact, texts = exact or scores, texts or found
        mean, low, high, _ = score_interval([values[None] for values in scores], None)
        total = pd.DataFrame(costs).sum()
        rows.append(
            {
                "decoder": kind,
                "score": f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]",
                "less exact's": difference(scores, exact) if kind != "exact" else "-",
                "same text as exact's": f"{np.mean([a == b for a, b in zip(found, texts, strict=True)]):.0%}",
                "passes an answer": f"{total['nfe'] / total['answers']:.1f}",
                "tokens a pass": f"{total['tokens'] / total['nfe']:.2f}",
                "tokens a second": f"{total['tokens'] / total['seconds']:.0f}",
                "times faster": f"{total['answers'] / total['seconds']:.6f}",
            }
        )
    first = float(rows[0]["times faster"])
    for row in rows:
        row["times faster"] = f"{float(row['times faster']) / first:.2f}"
    text = f"""
        {len(found)} answers of the shipped base model: the mean score of {", ".join(benchmarks)}, in percent, with 95%
        intervals over problems; differences over the same problems. Length {length}, blocks of {block},
        {settings["steps"]} passes without a threshold, batches of {batch_size}. Tokens are those before the end.
    """
    report("miniature_decoders", "Accelerated decoders on the miniature", rows, text, save=not args.quick)


if __name__ == "__main__":
    main()
