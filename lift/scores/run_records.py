"""What the records of an experiment's runs say: what each took, and which weights it decoded with."""

import json
from collections.abc import Iterator
from pathlib import Path


def _read(paths: list[Path]) -> Iterator[tuple[str, str, str, dict]]:
    """Model, method, seed and content of records at .../MODEL/METHOD/seedK/run.json."""
    for path in paths:
        model, method, seed = path.parts[-4:-1]
        yield model, method, seed.removeprefix("seed"), json.loads(path.read_text())


def made_with(record: dict) -> dict[str, str]:
    """What may move a number from one machine to another: processor, CUDA and driver ("-" on the CPU), and torch."""
    processor = record.get("gpu") or f"{record['machine'].split(', ', 1)[1]}, {record.get('instructions', '-')}"
    facts = {"processor": processor, "cuda": record.get("cuda", "-"), "driver": record.get("driver", "-")}
    return facts | {"torch": record["versions"]["torch"]}


def cost_rows(records: list[Path]) -> list[dict]:
    """Rows of costs.csv: a benchmark decoded, or a fine-tuning run; from the records in generations/ and runs/."""
    rows = []
    for model, method, seed, record in _read(records):
        common = {"model": model, "method": method, "seed": seed}
        memory = {"peak_memory_mb": round(record["peak_memory_bytes"] / 2**20)}
        if "peak_gpu_memory_bytes" in record:
            memory["peak_gpu_memory_mb"] = round(record["peak_gpu_memory_bytes"] / 2**20)
        memory |= made_with(record)
        for cost in record.get("costs", []):
            rate = {"tokens_per_second": round(cost["tokens"] / max(cost["seconds"], 1e-9), 1)}
            rows.append(common | {"stage": "decode"} | cost | rate | memory)
        if "steps" in record:
            facts = {"seconds": record["seconds_this_process"], "tokens": record["masked_tokens"]}
            rows.append(common | {"stage": "finetune"} | facts | memory)
    return rows


def decoded_steps(records: list[Path]) -> dict[tuple[str, str, int], int | None]:
    """By (model, method, seed), the step of the weights; from the records in generations/, which hold it."""
    read = _read(records)
    return {(model, method, int(seed)): record["step"] for model, method, seed, record in read if "weights" in record}
