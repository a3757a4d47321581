"""Where the time of a small model goes on a CPU: a step of pre-training, and an answer, in parts and by batch size.

python perf/miniature_steps.py            # some minutes on one core
"""

import argparse
import tempfile
from pathlib import Path

import torch
from measurement import median, report, side_by_side
from torch.profiler import profile
from tqdm import tqdm

from lift import noise
from lift.decode import answers
from lift.decode.settings import Decoder
from lift.miniature import base, pretraining
from lift.miniature.benchmarks import mini_contest_a, mini_gsm
from lift.miniature.sizes import shape
from lift.models import checkpoint
from lift.models.tokenization import load_tokenizer

SHIPPED = Path(__file__).parent.parent / "lift" / "miniature" / "weights"
BATCH, UPPER_SHARE = 32, 0.05
PRODUCTS, ATTENTION = ("aten::mm", "aten::addmm", "aten::bmm"), ("aten::_scaled_dot_product",)


def training_step(micro_batch: int, torchs_muon: bool):
    """A function that takes a step of pre-training: sequences at once, and torch's Muon or ours."""
    tokenizer = base.make_tokenizer()
    model = base.make_model(tokenizer, "llada", shape("llada"))
    optimizers = pretraining.make_optimizers(model.network)
    if torchs_muon:
        optimizers[0] = torch.optim.Muon(optimizers[0].param_groups[0]["params"], weight_decay=0.01)
    batch = pretraining.make_batch(tokenizer, 0, 0, BATCH, UPPER_SHARE)
    keys = torch.tensor([noise.key("base", 0, 0, row) for row in range(BATCH)])

    def step() -> None:
        pretraining.MICRO_BATCH = micro_batch
        pretraining.backward(model, batch, keys)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return step


def decoding(task, samples: int, temperature: float, size: int, batch_size: int):
    """A function that answers `size` problems, and its number of answers."""
    model, tokenizer = checkpoint.load(SHIPPED), load_tokenizer(SHIPPED)
    problems = task.problems(size=size)
    prompts = answers.encode_problems(tokenizer, problems)
    decoder = Decoder(64, 16, 32, temperature=temperature)
    batches = dict(enumerate(answers.make_batches(prompts, samples, batch_size)))

    def answer() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder, "answers.jsonl")
            answers.compute(model, tokenizer, "perf", problems, prompts, decoder, batches, 0, store, tqdm(disable=True))

    return answer, size * samples


def shares(work) -> str:
    """Of one call: matrix products, attention, the rest."""
    with profile() as records:
        work()
    times = {event.key: event.self_cpu_time_total for event in records.key_averages()}
    whole = sum(times.values())
    parts = [sum(t for key, t in times.items() if key.startswith(names)) / whole for names in (PRODUCTS, ATTENTION)]
    return " / ".join(f"{part:.0%}" for part in (*parts, 1 - sum(parts)))


def rows_of(what: str, cases: dict, count: int, repeats: int) -> list[dict]:
    """A row a case; the first is what the others are compared with."""
    times = {name: median(values) / count for name, values in side_by_side(cases, repeats).items()}
    first = next(iter(times.values()))
    return [
        {
            "what": what,
            "how": name,
            "milliseconds": f"{1000 * time:.1f}",
            "times faster": f"{first / time:.2f}",
            "products / attention / rest": shares(cases[name]),
        }
        for name, time in times.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    steps = {
        "torch.optim.Muon, whole batch": training_step(BATCH, torchs_muon=True),
        "Muon in single precision": training_step(BATCH, torchs_muon=False),
        "and sequences of like length together": training_step(pretraining.MICRO_BATCH, torchs_muon=False),
    }
    rows = rows_of("step of pre-training", steps, 1, args.repeats)
    for what, sizes, settings in (
        ("greedy answer, mini-gsm", (20, 40, 80), (mini_gsm, 1, 0.0, 80)),
        ("sampled answer, mini-contest-a", (32, 96, 192), (mini_contest_a, 16, 1.0, 12)),
    ):
        made = {f"batches of {size}": decoding(*settings, size) for size in sizes}
        count = next(iter(made.values()))[1]
        rows += rows_of(what, {name: work for name, (work, _) in made.items()}, count, args.repeats)
    text = f"""
The miniature's network on one thread: a step of {BATCH} sequences, or an answer; medians of {args.repeats} calls in
turns. Shares of the CPU time are by torch's profiler: matrix products, attention, everything else.
"""
    report("miniature_steps", "Where the time of a small model goes", rows, text)


if __name__ == "__main__":
    main()
