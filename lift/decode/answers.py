"""Answers of one checkpoint to one benchmark, computed in fixed batches and kept as they finish.

A store is JSONL with a line a batch, in files named by a hash of all that shapes the answers. A batch that is there is
never computed again; one that was cut off is computed whole, so that a restart gives the same text. Processes share
out the batches and have a file each; so the answers are the same, whoever computed them.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from lift import noise
from lift.decode.decoder import decode
from lift.decode.settings import Decoder
from lift.models.predictor import MaskPredictor
from lift.models.tokenization import OPENING, decode_response, encode, encode_prompts, end_of_turn
from lift.provenance import value_hash


def read_store(files: list[Path]) -> dict[int, dict]:
    """The finished batches of a store by number; a line that was cut off or changed is left out."""
    finished = {}
    for path in files:
        for line in path.read_text(errors="replace").splitlines():
            try:
                batch = json.loads(line)
            except json.JSONDecodeError:
                continue
            if batch.pop("hash", None) == value_hash(batch):
                finished[batch["batch"]] = batch
    return finished


@dataclass(frozen=True)
class Store:
    """The finished batches of one benchmark and decoder: files of `folder` named by `label` and `key`.

    key: a hash of all that shapes the answers.
    """

    folder: Path
    label: str
    key: str

    def remove_stale(self) -> None:
        """Remove what lies there under another key: it is of no use any more."""
        for path in self.folder.glob(f"{self.label}.*.jsonl"):
            if not path.name.startswith(f"{self.label}.{self.key}."):
                path.unlink(missing_ok=True)  # by another process of the same job

    def file(self, part: int, parts: int) -> Path:
        """Where process number `part` adds its batches."""
        return self.folder / f"{self.label}.{self.key}.{part + 1}-of-{parts}.jsonl"

    def finished(self) -> dict[int, dict]:
        """The finished batches of all processes by number."""
        return read_store(sorted(self.folder.glob(f"{self.label}.{self.key}.*.jsonl")))

    def missing(self, batches: dict[int, list]) -> dict[int, list]:
        """Those of some batches, by number, that are not finished."""
        finished = self.finished()
        return {number: pairs for number, pairs in batches.items() if number not in finished}


def bar(label: str, batches: dict[int, list], missing: dict[int, list], silent: bool) -> tqdm:
    """The progress over some batches, of which some are missing."""
    total, left = (sum(map(len, some.values())) for some in (batches, missing))
    return tqdm(total=total, initial=total - left, desc=label, unit="answer", mininterval=5, disable=silent)


def encode_problems(tokenizer, problems: list[dict]) -> list[list[int]]:
    """Token ids of what the model is given of each problem: its prompt, and the opening of the answer."""
    opening = encode(tokenizer, OPENING)
    return [ids + opening for ids in encode_prompts(tokenizer, [problem["prompt"] for problem in problems])]


def make_batches(prompts: list[list[int]], samples: int, batch_size: int) -> list[list[tuple[int, int]]]:
    """(problem, sample) pairs in batches, prompts (token ids) of like length together."""
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    pairs = [(i, sample) for i in order for sample in range(samples)]
    return [pairs[start : start + batch_size] for start in range(0, len(pairs), batch_size)]


def compute(
    model: MaskPredictor,
    tokenizer,
    name: str,
    problems: list[dict],
    prompts: list[list[int]],
    decoder: Decoder,
    batches: dict[int, list[tuple[int, int]]],
    seed: int,
    store: Path,
    progress: tqdm,
) -> None:
    """Answer batches of the benchmark `name`, given by number, and add each to a store's file as it is finished.

    prompts: the problems' token ids, from `encode_problems`. A batch is a line {"batch", "seconds", "tokens",
    "answers", "hash" (of the others)}; an answer is {"id", "sample", "text", "ended", "nfe"}: the text up to the end
    token, whether there was one, and the number of forward passes.
    """
    ends = sorted({model.pad_id, end_of_turn(tokenizer), tokenizer.eos_token_id})
    with open(store, "a", encoding="utf-8") as file:
        file.write("\n")  # ends a line that was cut off
        for number, pairs in batches.items():
            started = time.perf_counter()
            keys = [noise.key(seed, "decode", name, problems[i]["id"], sample) for i, sample in pairs]
            tokens, passes = decode(model, [prompts[i] for i, _ in pairs], decoder, keys, ends)
            rows, count = [], 0
            for (i, sample), ids, nfe in zip(pairs, tokens.tolist(), passes.tolist(), strict=True):
                text, ended = decode_response(tokenizer, ids, ends)
                count += next((place for place, token in enumerate(ids) if token in ends), len(ids))
                rows.append({"id": problems[i]["id"], "sample": sample, "text": text, "ended": ended, "nfe": nfe})
            seconds = round(time.perf_counter() - started, 4)
            batch = {"batch": number, "seconds": seconds, "tokens": count, "answers": rows}
            file.write(json.dumps(batch | {"hash": value_hash(batch)}) + "\n")
            file.flush()
            progress.update(len(pairs))


def collect(finished: dict[int, dict]) -> tuple[list[dict], dict]:
    """The answers of finished batches, sorted by problem and sample, and what they cost."""
    rows = [row for batch in finished.values() for row in batch["answers"]]
    rows.sort(key=lambda row: (row["id"], row["sample"]))
    return rows, {
        "answers": len(rows),
        "nfe": sum(row["nfe"] for row in rows),
        "tokens": sum(batch["tokens"] for batch in finished.values()),
        "seconds": round(sum(batch["seconds"] for batch in finished.values()), 2),
    }
