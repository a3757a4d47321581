"""What the token statistics cost beside the forward pass, in time and in memory, and what the plain way costs.

The plain way is that of the published release: a record for each masked token, kept in a Python list by a loop over
positions. Not named like the library's `statistics`, which it would hide from all that it imports.

    python perf/token_statistics.py            some minutes on two CPU cores, or on a GPU
    python perf/token_statistics.py --quick    tiny sizes; nothing is kept
"""

import argparse
import re
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from measurement import median, report, side_by_side
from network import network

from lift import noise, provenance
from lift.models.forward_process import Batch, mask_response
from lift.models.predictor import MaskPredictor
from lift.models.shape import Shape
from lift.statistics.sums import Accumulator, accumulate

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LEVEL = 0.5  # the mean of those of a run
CHUNK = 1024  # made-up masked tokens that are added together
MEMORY_LEVELS, MEMORY_VOCABULARY = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85], 256


@dataclass(frozen=True)
class Sizes:
    """Of the network and its batch, of repeats, and of the masked tokens whose memory is measured."""

    hidden: int
    layers: int
    rows: int
    length: int
    repeats: int
    tokens: tuple[int, ...] = (10**5, 10**6, 10**7)

    @property
    def vocabulary(self) -> int:
        """With 13 hidden^2 parameters a layer, the head has 1/13.5 of the trunk's, as in LLaDA-8B."""
        return round(13 * self.hidden * self.layers / 13.5)


SIZES = {
    "cpu": Sizes(hidden=384, layers=8, rows=4, length=256, repeats=9),
    "cuda": Sizes(hidden=2048, layers=16, rows=16, length=1024, repeats=15),
    "quick": Sizes(hidden=32, layers=2, rows=2, length=16, repeats=2, tokens=(4096,)),
}


def make_model(sizes: Sizes) -> MaskPredictor:
    """A network of LLaDA's kind with random weights: bfloat16 on a GPU, fp32 on a CPU."""
    heads = max(1, sizes.hidden // 128)
    shape = Shape(sizes.hidden, sizes.layers, heads, heads, 3 * sizes.hidden, sizes.vocabulary)
    return network(shape, DEVICE, dtype=torch.bfloat16 if DEVICE == "cuda" else torch.float32)


class Replay:
    """A model whose states and logits are there already: what is left of an accumulation is all but the network.

    The logits are overwritten by those who use them, which does not change how long they take.
    """

    def __init__(self, model: MaskPredictor, states: torch.Tensor) -> None:
        self.device, self.mask_id, self.states = model.device, model.mask_id, states
        self.chunk = model.chunk
        self.logits = model.head(states.flatten(0, 1)[: self.chunk])

    def hidden_states(self, input_ids: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        return self.states

    def head(self, states: torch.Tensor) -> torch.Tensor:
        return self.logits[: len(states)]


def masked_at(batch: Batch, addresses: list[int], index: int, level: float, device: torch.device) -> torch.Tensor:
    """(B, L) bool: what `accumulate` masks."""
    keys = torch.tensor([noise.key("statistics", address, index) for address in addresses], device=device)
    probability = torch.full((len(addresses),), level, device=device)
    return mask_response(batch, probability, noise.uniform(keys, batch.input_ids.shape[1]))


def keep_records(records: dict[tuple, list], level: int, gold: torch.Tensor, probability: torch.Tensor) -> None:
    """The plain way with N masked tokens, (N,) and probabilities (N, V): (confidence, of the true one, right) each."""
    confidence, predicted = probability.max(-1)
    for i in range(len(gold)):
        token = gold[i].item()
        right = predicted[i].item() == token
        records[level, token].append((confidence[i].item(), probability[i, token].item(), right))


@torch.inference_mode()
def plain(model: MaskPredictor, batch: Batch, addresses: list[int], levels: list[float], records: dict) -> None:
    """As `accumulate`, the plain way."""
    for index, level in enumerate(levels):
        masked = masked_at(batch, addresses, index, level, model.device)
        noisy = batch.input_ids.masked_fill(masked, model.mask_id)
        states, gold = model.hidden_states(noisy, batch.real)[masked], batch.input_ids[masked]
        for part, tokens in zip(states.split(model.chunk), gold.split(model.chunk), strict=True):
            keep_records(records, index, tokens, model.head(part).softmax(-1))


def time_rows(sizes: Sizes) -> list[dict]:
    """Milliseconds a batch of the forward pass and of what is done beside it."""
    model = make_model(sizes)
    ids = torch.randint(sizes.vocabulary - 1, (sizes.rows, sizes.length), device=DEVICE)
    prompts, lengths = (torch.full((sizes.rows,), size, device=DEVICE) for size in (0, sizes.length))
    batch = Batch(ids, prompts, lengths, score_padding=False)
    addresses = list(range(sizes.rows))
    masked = masked_at(batch, addresses, 0, LEVEL, model.device)
    noisy, places = ids.masked_fill(masked, model.mask_id), masked.flatten().nonzero()[:, 0]
    accumulator, records = Accumulator([LEVEL], sizes.vocabulary, DEVICE), defaultdict(list)

    @torch.inference_mode()
    def forward():
        states = model.hidden_states(noisy, batch.real).flatten(0, 1)[places]
        for part in states.split(model.chunk):
            model.head(part).softmax(-1)

    with torch.inference_mode():
        replay = Replay(model, model.hidden_states(noisy, batch.real))

    @torch.inference_mode()
    def softmax():
        for part in places.split(model.chunk):
            replay.head(part).softmax(-1)

    times = side_by_side(
        {
            "forward": forward,
            "ours, whole": lambda: accumulate(model, batch, addresses, [LEVEL], accumulator),
            "softmax": softmax,
            "ours": lambda: accumulate(replay, batch, addresses, [LEVEL], accumulator),
            "plain": lambda: plain(replay, batch, addresses, [LEVEL], records),
        },
        sizes.repeats,
    )
    middle = {name: 1000 * median(values) for name, values in times.items()}
    # in ours the exponentials and their sum stand for the softmax, which is part of the forward pass
    beside = {way: middle[way] - middle["softmax"] for way in ("ours", "plain")}
    what = f"ms a batch of {sizes.rows} x {sizes.length}, {len(places)} masked"
    return [
        row(f"forward pass, {what}", *[f"{middle['forward']:.1f}"] * 2),
        row(f"bookkeeping, {what}", *(f"{time:.1f}" for time in beside.values())),
        row("bookkeeping, share of the forward pass", *(f"{time / middle['forward']:.1%}" for time in beside.values())),
        row(f"all, {what}", f"{middle['ours, whole']:.1f}", f"{middle['forward'] + beside['plain']:.1f} (the sum)"),
    ]


def row(measured: str, ours: str, plain: str) -> dict:
    return {"measured": measured, "lift": ours, "plain way": plain}


def resident(most: bool) -> int:
    """Bytes in main memory and on the GPU, now or at the most.

    Where Linux says so: what `getrusage` calls the most of a process begins with that of the process which started it.
    """
    gpu = (torch.cuda.max_memory_allocated() if most else torch.cuda.memory_allocated()) if DEVICE == "cuda" else 0
    status = Path("/proc/self/status")
    if not status.exists():
        return provenance.peak_memory() + gpu
    return gpu + 1024 * int(re.search(rf"{'VmHWM' if most else 'VmRSS'}:\s+(\d+) kB", status.read_text())[1])


def grow(way: str, tokens: int) -> tuple[float, float]:
    """MB that are held at the most beyond the start, and seconds, as `tokens` tokens with made-up logits are added."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    logits = 4 * torch.randn(CHUNK, MEMORY_VOCABULARY, generator=generator, device=DEVICE)
    accumulator, records = Accumulator(MEMORY_LEVELS, MEMORY_VOCABULARY, DEVICE), defaultdict(list)

    def add(chunk: int, size: int) -> None:
        gold = torch.randint(MEMORY_VOCABULARY, (size,), generator=generator, device=DEVICE)
        level, fresh = chunk % len(MEMORY_LEVELS), logits[:size].clone()
        if way == "lift":
            accumulator.add(level, gold, fresh)
        else:
            keep_records(records, level, gold, fresh.softmax(-1))

    add(0, CHUNK)
    before, started = resident(most=False), time.perf_counter()
    for chunk, first in enumerate(range(0, tokens, CHUNK)):
        add(chunk, min(CHUNK, tokens - first))
    return (resident(most=True) - before) / 1e6, time.perf_counter() - started


def apart(way: str, tokens: int) -> tuple[float, float]:
    """`grow` in a process of its own, since a peak never falls."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(grow, way, tokens).result()


def memory_rows(sizes: Sizes, measure: Callable[[str, int], tuple[float, float]]) -> list[dict]:
    """Two rows for each number of tokens."""
    rows = []
    for tokens in sizes.tokens:
        found = {way: measure(way, tokens) for way in ("lift", "plain")}
        rows += [
            row(
                f"peak memory beyond the start, MB, {tokens:.0e} masked tokens",
                *(f"{mb:.1f}" for mb, _ in found.values()),
            ),
            row(f"softmax and bookkeeping, s, {tokens:.0e} masked tokens", *(f"{s:.1f}" for _, s in found.values())),
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny sizes; nothing is kept")
    quick = parser.parse_args().quick
    sizes = SIZES["quick" if quick else DEVICE]
    text = f"""
The network has {sizes.layers} layers of {sizes.hidden} hidden units and a vocabulary of {sizes.vocabulary}: the head
holds 1/13.5 of the trunk's parameters, as in LLaDA-8B. Medians of {sizes.repeats}, taken in turns. The forward pass is
the trunk, the head at the masked positions and their softmax. The bookkeeping is all else: masks, the most likely
token, and sums or records. It is measured with states and logits of the network that are kept from before, less the
softmax of these, since it would be lost in the noise of the whole.

Memory: logits are made up, {MEMORY_VOCABULARY} a token, at {len(MEMORY_LEVELS)} levels. Each number is from a new
process, after a first chunk of {CHUNK} tokens. Nothing is extrapolated.
"""
    report(
        "statistics",
        "Token statistics",
        time_rows(sizes) + memory_rows(sizes, grow if quick else apart),
        text,
        save=not quick,
    )


if __name__ == "__main__":
    main()
