"""What the records of an experiment's runs say: what each took, and which weights it decoded with."""

import json
from pathlib import Path


def cost_rows(records: list[Path]) -> list[dict]:
    """Rows of costs.csv: a benchmark decoded, or a fine-tuning run.

    records: at generations/MODEL/METHOD/seedK/run.json and at runs/MODEL/METHOD/seedK/run.json.
    """
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
