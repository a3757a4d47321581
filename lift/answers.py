"""Answers of one checkpoint to one benchmark, computed in fixed batches and kept as they finish.

A store is a JSONL file with a line a batch, named by a hash of all that shapes the answers. A batch that is there is
never computed again; one that was cut off is computed whole, so that a restart gives the same text.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from lift import noise
from lift.decoding import Decoder, decode
from lift.models import MaskPredictor
from lift.tokenization import OPENING, decode_response, encode, encode_prompts, end_of_turn


def read_store(path: Path) -> dict[int, dict]:
    """The finished batches of a store by number; a line that was cut off is left out."""
    finished = {}
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                batch = json.loads(line)
            except json.JSONDecodeError:
                continue
            finished[batch["batch"]] = batch
    return finished


def make_batches(lengths: list[int], samples: int, batch_size: int) -> Iterator[list[tuple[int, int]]]:
    """(problem, sample) pairs in batches, prompts of like length (in tokens) together."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    pairs = [(i, sample) for i in order for sample in range(samples)]
    for start in range(0, len(pairs), batch_size):
        yield pairs[start : start + batch_size]


def answer(
    model: MaskPredictor,
    tokenizer,
    name: str,
    problems: list[dict],
    decoder: Decoder,
    samples: int,
    batch_size: int,
    seed: int,
    store: Path,
) -> tuple[list[dict], dict]:
    """All answers, sorted by problem and sample, and what they cost.

    An answer is {"id", "sample", "text", "ended", "nfe"}: the text up to the end token, whether there was one, and the
    number of forward passes.
    """
    opening = encode(tokenizer, OPENING)
    prompts = [ids + opening for ids in encode_prompts(tokenizer, [problem["prompt"] for problem in problems])]
    ends = sorted({model.pad_id, end_of_turn(tokenizer)})
    finished = read_store(store)
    batches = list(enumerate(make_batches([len(p) for p in prompts], samples, batch_size)))
    missing = [(number, pairs) for number, pairs in batches if number not in finished]
    done = len(batches) - len(missing)
    if done:
        print(f"{name}: {done} of {len(batches)} batches found", flush=True)
    with open(store, "a", encoding="utf-8") as file:
        file.write("\n")  # ends a line that was cut off
        for number, pairs in tqdm(missing, desc=name, unit="batch", mininterval=5):
            started = time.perf_counter()
            keys = [noise.key(seed, "decode", name, problems[i]["id"], sample) for i, sample in pairs]
            tokens, passes = decode(model, [prompts[i] for i, _ in pairs], decoder, keys, ends)
            rows, count = [], 0
            for (i, sample), ids, nfe in zip(pairs, tokens.tolist(), passes.tolist(), strict=True):
                text, ended = decode_response(tokenizer, ids, ends)
                count += next((place for place, token in enumerate(ids) if token in ends), len(ids))
                rows.append({"id": problems[i]["id"], "sample": sample, "text": text, "ended": ended, "nfe": nfe})
            finished[number] = {
                "batch": number,
                "seconds": round(time.perf_counter() - started, 4),
                "tokens": count,
                "answers": rows,
            }
            file.write(json.dumps(finished[number]) + "\n")
            file.flush()
    rows = [row for batch in finished.values() for row in batch["answers"]]
    rows.sort(key=lambda row: (row["id"], row["sample"]))
    cost = {
        "answers": len(rows),
        "nfe": sum(row["nfe"] for row in rows),
        "tokens": sum(batch["tokens"] for batch in finished.values()),
        "seconds": round(sum(batch["seconds"] for batch in finished.values()), 2),
    }
    return rows, cost
