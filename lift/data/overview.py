"""What an experiment is made of: lengths and cuts of its corpora, what they share with benchmarks, and sources."""

import json
from pathlib import Path

import datasets
import numpy as np

from lift.data import contamination
from lift.data.benchmarks import question_of


def shared_rows(corpora: dict[str, list[dict]], benchmarks: dict[str, list[dict]]) -> tuple[list[dict], list[dict]]:
    """A row a run of words that an example of a corpus shares with a question of a benchmark, and a row a pair of them.

    corpora: examples by corpus; benchmarks: problems by benchmark.
    """
    shared, counts = [], []
    questions = {name: [question_of(problem) for problem in problems] for name, problems in benchmarks.items()}
    for corpus, examples in corpora.items():
        texts = [f"{question_of(example)}\n{example['response']}" for example in examples]
        for benchmark, asked in questions.items():
            found = contamination.shared_runs(asked, texts)
            pair = {"corpus": corpus, "benchmark": benchmark}
            shared += [pair | {"problem": q, "example": t, "run": run} for q, t, run in found]
            problems = len({q for q, _, _ in found})
            counts.append(pair | {"problems": len(asked), "shared": problems, "share": problems / len(asked)})
    return shared, counts


def length_rows(folders: list[Path], max_lengths: dict[str, list[int]]) -> list[dict]:
    """A row a model, corpus and max_length: tokens of an example, and how many examples are cut."""
    rows = []
    for folder in folders:
        splits = datasets.load_from_disk(str(folder))
        both = datasets.concatenate_datasets([splits["train"], splits["held_out"]])
        lengths = np.array([len(ids) for ids in both["input_ids"]])
        prompts = np.array(both["prompt_length"])
        for limit in max_lengths.get(folder.name, [int(lengths.max())]):
            rows.append(
                {
                    "model": folder.parent.name,
                    "corpus": folder.name,
                    "training": len(splits["train"]),
                    "held out": len(splits["held_out"]),
                    "tokens, median": int(np.median(lengths)),
                    "tokens, longest": int(lengths.max()),
                    "max_length": limit,
                    "cut": int((lengths > limit).sum()),
                    "no response left": int((prompts >= limit).sum()),
                }
            )
    return rows


# What few decoders set, and what the others have: a column each where a decoder sets it.
_SELDOM = {"schedule": "equal", "confidence": "probability", "confidence_temperature": 0, "top_p": None, "top_k": None}
_SELDOM |= {"guidance": 0, "logits_eos_inf": False, "confidence_eos_eot_inf": False}


def benchmark_rows(files: list[Path], plan: dict) -> list[dict]:
    """A row a benchmark and decoder: where its problems and its prompt come from, and how it is decoded."""
    rows, decoders = [], [decoder for wanted in plan.values() for decoder in wanted["decoders"].values()]
    further = [key for key, usual in _SELDOM.items() if any(decoder[key] != usual for decoder in decoders)]
    for path in files:
        source, wanted = json.loads(path.with_suffix(".source.json").read_text()), plan[path.stem]
        settings = source["settings"]
        prompt = source.get("prompt", "the task's own")
        for name, decoder in wanted["decoders"].items():
            rows.append(
                {
                    "benchmark": path.stem,
                    "source": settings.get("path") or source["source"],
                    "commit": source.get("commit", "-"),
                    "problems": source["count"],
                    "prompt": f"{prompt} (the user's)" if source.get("own_prompt") else prompt,
                    "prompt sha256": source.get("prompt_sha256", "-")[:12],
                    "decoder": name,
                    "length": decoder["gen_length"],
                    "steps": decoder["steps"],
                    "threshold": decoder["threshold"],
                    "cache": decoder["cache"],
                    "temperature": decoder["temperature"],
                    **{key: decoder[key] for key in further},
                    "samples": wanted["samples"],
                    "metric": wanted["metric"],
                }
            )
    return rows
