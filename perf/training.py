"""What a training step costs: memory of its loss, and LIFT's time next to its floor.

The network has LLaDA's family and LLaDA-8B's proportion: its head holds 1/13.5 of its layers' parameters. Run from the
repository: `PYTHONPATH=. python perf/training.py`. `--quick` takes a tiny shape, to see that the script runs.
"""

import argparse
import functools
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import measurement
import torch
from measurement import median, report, seconds
from network import network
from torch.nn import functional as F

from lift.finetune.objectives import Selection, lift, loss_sum, vanilla
from lift.models import adapters, predictor
from lift.models.forward_process import Batch, Draws
from lift.models.shape import Shape

HEAD_TO_LAYERS = 13.5  # of LLaDA-8B: parameters of the layers for one of the head
LORA = {"r": 16, "alpha": 32, "dropout": 0.0, "target_modules": ["q_proj", "k_proj", "v_proj"]}
LIFT3, LIFT2 = {"components": ["easy", "random", "hard"]}, {"components": ["easy", "hard"]}
OBJECTIVES = {"lift3": LIFT3, "lift2": LIFT2, "lift3, single pass": LIFT3 | {"single_pass": True}}
WAYS = ("plain", "chunks")  # of taking the loss


def make_model(hidden: int, layers: int, vocabulary: int, device: str) -> predictor.MaskPredictor:
    """A model of LLaDA's family with random weights and a fresh adapter, in training mode."""
    heads = max(1, hidden // 64)
    model = network(Shape(hidden, layers, heads, heads, 3 * hidden, vocabulary), device, dtype=torch.float32)
    adapters.attach(model, LORA, 0)
    return model.train()


def batch_of(model: predictor.MaskPredictor, rows: int, length: int) -> Batch:
    """Random tokens, an eighth of them prompt."""
    ids = torch.randint(0, model.pad_id, (rows, length), generator=torch.Generator().manual_seed(1)).to(model.device)
    prompt, full = (torch.full((rows,), n, device=model.device) for n in (length // 8, length))
    return Batch(ids, prompt, full)


def plain_loss(model: predictor.MaskPredictor, s: Selection) -> torch.Tensor:
    """As the public release takes it: logits of all positions and their cross-entropies, then those that are kept."""
    everywhere = torch.ones_like(s.kept)
    losses = F.cross_entropy(model.logits(s.noisy, everywhere, s.real), s.clean.flatten(), reduction="none")
    return (losses.view_as(s.kept) * s.kept * s.weight).sum()


def step(model: predictor.MaskPredictor, selection: Selection, way: str = "chunks") -> None:
    """Loss and gradients of a selection."""
    loss = plain_loss(model, selection) if way == "plain" else loss_sum(model, selection)[0]
    loss.backward()
    model.zero_grad()


class Peak:
    """Bytes that stand in memory at most while it is entered: CUDA's own count, or resident pages, read every 2 ms."""

    def __init__(self, device: str) -> None:
        self.device, self.most, self.done = device, 0, threading.Event()

    def now(self) -> int:
        if self.device == "cuda":
            return torch.cuda.memory_allocated()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    def watch(self) -> None:
        while not self.done.wait(0.002):
            self.most = max(self.most, self.now())

    def __enter__(self) -> "Peak":
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        self.thread.join()
        if self.device == "cuda":
            self.most = torch.cuda.max_memory_allocated()


def measure_loss(way: str, shape: dict, length: int, device: str) -> dict:
    """Of one way, in this process: bytes of the step beyond the weights, of the layers alone, and seconds."""
    model = make_model(**shape, device=device)
    batch = batch_of(model, 1, length)
    draws = Draws.at(torch.zeros(1, dtype=torch.long, device=device), length)
    draws.t[:] = 0.5
    selection = vanilla.select(model, batch, draws)

    def layers() -> None:
        model.hidden_states(selection.noisy)[selection.kept].sum().backward()
        model.zero_grad()

    layers()  # what is set up once
    found = {}
    for name, work in (("layers", layers), ("step", lambda: step(model, selection, way))):
        peak = Peak(device)
        before = peak.now()
        with peak:
            found[f"{name}_seconds"] = seconds(work)
        found[name] = peak.most - before
    found["step_seconds"] = min(found["step_seconds"], seconds(lambda: step(model, selection, way)))
    return found


def in_a_process(way: str) -> dict:
    """measure_loss in a process of its own, whose memory nothing else has filled."""
    command = [sys.executable, __file__, "--way", way]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def loss_rows(measure: Callable[[str], dict]) -> list[dict]:
    """A row a way: memory of the loss is the step's less the layers' own."""
    found = {way: measure(way) for way in WAYS}
    memory = {way: run["step"] - run["layers"] for way, run in found.items()}
    times = {way: run["step_seconds"] for way, run in found.items()}
    return [
        {
            "what": f"loss, {way}",
            "memory of the loss (MB)": f"{memory[way] / 1e6:,.0f}",
            "of plain": f"{memory[way] / memory['plain']:.3f}",
            "layers (MB)": f"{found[way]['layers'] / 1e6:,.0f}",
            "step (s)": f"{times[way]:.3f}",
            "time of plain": f"{times[way] / times['plain']:.3f}",
        }
        for way in WAYS
    ]


def scores(settings: dict, t: torch.Tensor) -> torch.Tensor:
    """(B,) which sequences at levels t (B,) have a scoring pass of their own."""
    chosen = lift.choose_component(t, t, settings["components"], "time", 3.0)
    return (chosen != 0) & (not settings.get("single_pass"))


def lift_rows(shape: dict, rows: int, length: int, rounds: int, device: str) -> list[dict]:
    """A row an objective: its step by the time of an SFT step, next to what the scoring pass must cost.

    Each round takes new draws, with the levels t on a grid so that their share of each component is exact, and times
    each sequence's SFT step, its LIFT steps, and the scoring pass alone of the sequences that need one, in turns.
    """
    model = make_model(**shape, device=device)
    batch = batch_of(model, 1, length)
    times = {name: [] for name in ("sft", "score", *OBJECTIVES)}
    scored = dict.fromkeys(OBJECTIVES, 0)

    def train(select, draws, **settings) -> None:
        with torch.no_grad():
            selection = select(model, batch, draws, **settings)
        step(model, selection)

    @torch.no_grad()
    def score(draws) -> None:
        level = draws.t + lift.excess_level(draws.t, draws.by_sequence(lift.RHO), 0.1)
        masked = batch.response & (draws.mask < level[:, None])
        model.eval()
        model(batch.input_ids.masked_fill(masked, model.mask_id), masked, batch.input_ids)
        model.train()

    for turn in range(-1, rounds):
        for i in range(rows):
            draws = Draws.at(torch.tensor([1000 * turn + i], device=device), length)
            draws.t[:] = (i + 0.5) / rows
            cases = {"sft": lambda d=draws: train(vanilla.select, d), "score": lambda d=draws: score(d)}
            for name, settings in OBJECTIVES.items():
                cases[name] = lambda d=draws, s=settings: train(lift.select, d, **s)
                scored[name] += int(scores(settings, draws.t).sum()) * (turn >= 0)
            for name, work in cases.items():
                took = seconds(work)
                if turn >= 0:
                    times[name].append(took)
    by_level = {name: [median(values[i::rows]) for i in range(rows)] for name, values in times.items()}
    sft = sum(by_level["sft"])
    table = []
    for name in OBJECTIVES:
        needs = scores(OBJECTIVES[name], torch.tensor([(i + 0.5) / rows for i in range(rows)])).tolist()
        scoring = sum(value for value, need in zip(by_level["score"], needs, strict=True) if need)
        cost, floor = sum(by_level[name]) / sft, 1 + scoring / sft
        table.append(
            {
                "what": name,
                "step (s)": f"{sum(by_level[name]) / rows:.4f}",
                "SFT step (s)": f"{sft / rows:.4f}",
                "share scored": f"{scored[name] / (rounds * rows):.3f}",
                "scoring pass (s)": f"{scoring / sum(needs):.4f}" if any(needs) else "-",
                "cost (SFT steps)": f"{cost:.3f}",
                "floor": f"{floor:.3f}",
                "above the floor": f"{cost / floor - 1:+.1%}",
            }
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tiny shape")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)  # what a process of this script measures
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # a head of LLaDA's vocabulary; few layers, since memory of the loss is told apart from theirs
    wide = {"hidden": 64, "layers": 2, "vocabulary": 2000 if args.quick else 126_464}
    length = 128 if args.quick else 4096
    if args.way:
        print(json.dumps(measure_loss(args.way, wide, length, device)))
        return
    hidden, layers = (64, 2) if args.quick else (256, 8)
    deep = {"hidden": hidden, "layers": layers, "vocabulary": round(13 * hidden * layers / HEAD_TO_LAYERS)}
    if args.quick:
        measurement.RESULTS = Path(tempfile.mkdtemp())  # which says nothing about speed
    started, repeats = time.perf_counter(), 1 if args.quick else args.repeats
    here = functools.partial(measure_loss, shape=wide, length=length, device=device)
    table = loss_rows(here if args.quick else in_a_process)
    levels, width = (3, 64) if args.quick else (6, 256)
    report(
        "training-loss",
        f"The loss of a training step at {length:,} tokens and a vocabulary of {wide['vocabulary']:,}",
        table,
        f"""
A training step (forward, loss, backward) of one sequence at t = 0.5 with an adapter, float32, {wide["layers"]} layers
of width {wide["hidden"]}. *plain*: logits of all positions, then `F.cross_entropy`; *chunks*: `MaskPredictor.forward`.
Memory of the loss is the most that the step holds less the most that forward and backward through the layers alone
hold, both beyond what stands before: on the CPU resident pages, read every 2 ms in a process of its own; on a GPU
CUDA's own count. Time: the faster of two steps.
""",
    )
    report(
        "training-lift",
        "A step of LIFT next to its floor",
        lift_rows(deep, levels, width, repeats, device),
        f"""
Steps of one sequence of {width} tokens at {levels} levels t, evenly spaced, with an adapter, float32, {layers} layers
of width {hidden}, vocabulary {deep["vocabulary"]}: the head has 1/{HEAD_TO_LAYERS} of the layers' parameters, as in
LLaDA-8B. Cost: mean time of a step by that of an SFT step. Floor: 1 + share of the sequences that are scored x (time of
their scoring pass / SFT step). All were timed in turns, each level {repeats} times, and the median of each level taken.
""",
    )
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
