"""The passes over a corpus that the token statistics are made of, in batches; a run that was stopped goes on."""

import time
from pathlib import Path

import datasets
import numpy as np
import pyarrow.compute
import torch
from tqdm import tqdm

from lift.models.forward_process import Batch
from lift.models.predictor import MaskPredictor
from lift.statistics.sums import Accumulator, accumulate


def make_batches(corpus: datasets.Dataset, batch_size: int) -> list[np.ndarray]:
    """Indices of examples of like length, the longest first: what does not fit into memory fails at once."""
    lengths = pyarrow.compute.list_value_length(corpus.with_format("arrow")[:]["input_ids"]).to_numpy()
    order = np.argsort(lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)][::-1]


def read_batch(corpus: datasets.Dataset, indices: np.ndarray, max_length: int, pad_id: int, device: str) -> Batch:
    """Some examples of a corpus, cut at `max_length` tokens and padded to the longest of them."""
    rows = corpus[indices]
    ids = [row[:max_length] for row in rows["input_ids"]]
    width = max(map(len, ids))
    padded = torch.tensor([row + [pad_id] * (width - len(row)) for row in ids])
    values = padded, torch.tensor(rows["prompt_length"]), torch.tensor([len(row) for row in ids])
    return Batch(*(value.to(device) for value in values), score_padding=False)


def measure(
    model: MaskPredictor,
    corpus: datasets.Dataset,
    view: dict,
    part: int,
    parts: int,
    kept: Path,
    save_seconds: float,
) -> None:
    """The sums over every `parts`-th batch of the corpus, from batch number `part` on.

    view: of lift.config.experiment.Experiment.statistics. kept: the file of the sums, saved every `save_seconds` while
    they grow and at the end; one that is there is gone on from.
    """
    device, levels = str(model.device), view["levels"]
    batches = make_batches(corpus, view["batch_size"])[part::parts]
    steps = [(batch, i) for batch in batches for i in range(view["passes"])]
    accumulator, done = Accumulator(levels, model.network.config.vocab_size, device), 0
    if kept.exists():
        accumulator, facts = Accumulator.load(levels, kept, device)
        done = int(facts["done"])
        print(f"{done} of {len(steps)} batches found", flush=True)
    sizes = [len(levels) * len(indices) for indices, _ in steps]
    bar = tqdm(total=sum(sizes), initial=sum(sizes[:done]), unit="sequence", mininterval=5, disable=part > 0)
    saved = time.monotonic()
    for indices, repeat in steps[done:]:
        batch = read_batch(corpus, indices, view["max_length"], model.pad_id, device)
        if repeat == 0:
            accumulator.count(batch.input_ids[batch.content])
        addresses = [int(i) + repeat * len(corpus) for i in indices]
        accumulate(model, batch, addresses, levels, accumulator)
        done += 1
        bar.update(len(levels) * len(indices))
        if time.monotonic() - saved >= save_seconds:
            accumulator.save(kept, done=done)
            saved = time.monotonic()
    bar.close()
    accumulator.save(kept, done=done)
