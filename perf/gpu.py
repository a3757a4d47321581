"""A training step and a pass of decoding at the real size of LLaDA-8B on a GPU, beside what `lift plan` says of them.

The network has random weights, which take the time and memory of trained ones. Needs a card with 60 GB; on a smaller
one `--layers 8` takes a quarter of the layers, and the plan's numbers with it.

    python perf/gpu.py                # about three minutes on an H100
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from measurement import median, report, seconds
from network import network
from torch.nn import functional as F

from lift.decode.decoder import decode
from lift.decode.settings import Decoder
from lift.finetune.objectives import Selection, lift, loss_sum, vanilla
from lift.finetune.takes import takes
from lift.finetune.trainer import checkpoint_activations
from lift.machine.cards import peaks
from lift.models import adapters, peak_memory, predictor
from lift.models.forward_process import Batch, Draws
from lift.models.shape import PUBLISHED, Shape
from lift.plan import costs

LORA = {"r": 128, "alpha": 256, "dropout": 0.05, "target_modules": ["q_proj", "k_proj", "v_proj"]}  # of paper.yaml
LENGTH, PROMPT = 4096, 150  # tokens of a training sequence, and of its prompt
LEVELS = 6  # levels t of a sequence, evenly spaced: a third of them take LIFT-3's random component
DECODING = vars(Decoder(64, 32, 32, stop_at_end=False)) | {"batch_size": 32}
ASKED = 392  # tokens of a prompt: with 64 to write, as long as 200 and 256


def plain_loss(model: predictor.MaskPredictor, s: Selection) -> torch.Tensor:
    """As published code takes it: logits and cross-entropies of all positions, then those that are kept."""
    logits = model.network.lm_head(model.hidden_states(s.noisy)).float()
    losses = F.cross_entropy(logits.flatten(0, 1), s.clean.flatten(), reduction="none").view_as(s.kept)
    return (losses * s.kept * s.weight).sum()


def peak(device: str) -> float:
    """The most bytes that tensors held since the last call."""
    if device != "cuda":
        return float("nan")
    most = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return most


def training_rows(model: predictor.MaskPredictor, shape: Shape, length: int, turns: int) -> list[dict]:
    """A row a way of training a sequence: time by level in turns, the mean over levels, and the most memory."""
    device = model.device.type
    adapters.attach(model, LORA, 0)
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    ids = torch.randint(0, model.pad_id, (1, length), generator=torch.Generator().manual_seed(1)).to(device)
    batch = Batch(ids, *(torch.full((1,), n, device=device) for n in (min(PROMPT, length // 4), length)))

    def train(t: float, select: Callable, loss_of: Callable = lambda model, s: loss_sum(model, s)[0]) -> None:
        draws = Draws.at(torch.zeros(1, dtype=torch.long, device=device), length)
        draws.t[:] = t
        with torch.no_grad():
            selection = select(model, batch, draws)
        (loss_of(model, selection) / selection.denominator).backward()
        optimizer.step()
        optimizer.zero_grad()

    def tf32(precision: str, work: Callable) -> None:
        torch.backends.fp32_precision = precision
        work()
        torch.backends.fp32_precision = "ieee"

    plain, checkpointed = "SFT, logits of all positions", "LIFT-3, activation_checkpointing"
    cases = {
        "SFT": lambda t: tf32("tf32", lambda: train(t, vanilla.select)),
        "SFT, adapter without TF32": lambda t: train(t, vanilla.select),
        plain: lambda t: tf32("tf32", lambda: train(t, vanilla.select, plain_loss)),
        "LIFT-3": lambda t: tf32("tf32", lambda: train(t, lift.select)),
        "LIFT-3, single pass": lambda t: tf32("tf32", lambda: train(t, partial(lift.select, single_pass=True))),
    }
    times, memory = {}, {}

    def measure(cases: dict) -> None:
        for turn in range(-1, turns):  # the first sets up
            for level in range(LEVELS):
                for name, work in cases.items():
                    peak(device)
                    took = seconds(lambda w=work, level=level: w((level + 0.5) / LEVELS))
                    memory[name] = max(memory.get(name, 0), peak(device))
                    if turn >= 0:
                        times.setdefault(name, {}).setdefault(level, []).append(took)

    measure(cases)
    checkpoint_activations(model, True)
    measure({checkpointed: cases["LIFT-3"]})
    mean = {name: sum(map(median, levels.values())) / LEVELS for name, levels in times.items()}
    top, rows = peaks("cuda", 1), []
    for name, took in mean.items():
        kind, checkpointing = "vanilla" if name.startswith("SFT") else "lift", name == checkpointed
        settings = {"components": ["easy", "random", "hard"], "policy": "time", "random_weight": 3.0, "rho_lower": 0.1}
        settings |= {"complementary": False, "single_pass": name.endswith("single pass")}
        taken = takes(kind, settings if kind == "lift" else {})
        flops = costs.training_flops(shape, LORA, taken, length, length - PROMPT, checkpointing)
        least = flops[0] / top["bfloat16"] + flops[1] / top["float32"]
        planned = peak_memory.training_bytes(shape, "bfloat16", LORA, 1, length, checkpointing=checkpointing)
        rows.append(
            {
                "what": name,
                "seconds": f"{took:.3f}",
                "of SFT's": f"{took / mean['SFT']:.3f}",
                "of the peak": f"{least / took:.0%}",
                "memory (GB)": f"{memory[name] / 1e9:.1f}",
                "planned (GB)": "" if name == plain else f"{planned / 1e9:.1f}",
            }
        )
    return rows


def decoding_rows(model: predictor.MaskPredictor, shape: Shape, rows: int, turns: int) -> list[dict]:
    """A row a decoder: seconds of a batch's pass, and the most memory."""
    device = model.device.type
    generator = torch.Generator().manual_seed(0)
    prompts = torch.randint(0, shape.vocabulary - 500, (rows, ASKED), generator=generator).tolist()
    kinds = {"exact": {}, "sampled": {"temperature": 0.8}, "prefix cache": {"cache": "prefix"}}
    kinds |= {"dual cache": {"cache": "dual"}}
    bare = torch.tensor([[*p, *[model.mask_id] * DECODING["gen_length"]] for p in prompts], device=device)

    @torch.inference_mode()
    def bare_pass() -> None:
        model.network.lm_head(model.network.model(input_ids=bare, use_cache=False).last_hidden_state)

    peak(device)
    cases = {"a bare forward pass with all logits": bare_pass}
    for name, changes in kinds.items():
        decoder = Decoder(**{key: value for key, value in (DECODING | changes).items() if key != "batch_size"})
        cases[name] = lambda d=decoder: decode(model, prompts, d, list(range(rows)))
    times, memory = {}, {}
    bare_pass()  # what is set up once
    for _ in range(turns):
        for name, work in cases.items():
            peak(device)
            took = seconds(work) / (1 if work is bare_pass else DECODING["steps"])
            memory[name] = peak(device)
            times.setdefault(name, []).append(took)
    top = peaks("cuda", 1)["bfloat16"]
    base, table = median(times["a bare forward pass with all logits"]), []
    for name, values in times.items():
        given = DECODING | kinds.get(name, {}) | {"batch_size": rows}
        flops = costs.decoding_flops(shape, None, ASKED, given)[0] / DECODING["steps"]
        planned = peak_memory.decoding_bytes(shape, "bfloat16", None, ASKED, given)
        if name not in kinds:
            length = ASKED + DECODING["gen_length"]
            flops = costs.forward_flops(shape, length, length, length)
        table.append(
            {
                "what": f"decoding, {name}",
                "seconds": f"{median(values):.4f}",
                "of the bare pass": f"{median(values) / base:.3f}",
                "of the peak": f"{rows * flops / top / median(values):.0%}",
                "memory (GB)": f"{memory[name] / 1e9:.1f}",
                "planned (GB)": f"{planned / 1e9:.1f}" if name in kinds else "",
            }
        )
    return table


@torch.inference_mode()
def ties(model: predictor.MaskPredictor, rows: int) -> tuple[int, int, int]:
    """Positions whose two best logits are equal: as the head rounds them to bfloat16, in fp32 products, and of how
    many."""
    ids = torch.randint(0, 1000, (rows, 256), generator=torch.Generator().manual_seed(2)).to(model.device)
    states = model.hidden_states(ids).flatten(0, 1)
    equal = []
    for head in (lambda x: model.network.lm_head(x).float(), model.head):
        best = torch.cat([head(part).topk(2, dim=-1).values for part in states.split(model.chunk)])
        equal.append(int((best[:, 0] == best[:, 1]).sum()))
    return *equal, len(states)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, help="in place of the 32 of LLaDA-8B")
    parser.add_argument("--turns", type=int, default=2, help="of the training steps")
    parser.add_argument("--quick", action="store_true", help="a tiny shape, to see that it runs; writes no result")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not args.quick:
        parser.error("this needs a GPU that PyTorch can use; --quick tries the script without one")
    shape, rows, length = PUBLISHED["llada"], DECODING["batch_size"], LENGTH
    if args.quick:
        shape, rows, length = Shape(64, 2, 2, 2, 192, 1000), 2, 64
    shape = replace(shape, layers=args.layers or shape.layers)
    turns = 1 if args.quick else args.turns
    model = network(shape, device).eval()
    in_bf16, in_fp32, positions = ties(model, rows)
    decoded = decoding_rows(model, shape, rows, 1)  # of 32 passes each
    trained = training_rows(model, shape, length, turns)
    size = f"{shape.layers} layers of width {shape.hidden}, vocabulary {shape.vocabulary:,}, random weights in bfloat16"
    report(
        "gpu-training",
        f"A training step of one sequence of {length:,} tokens",
        trained,
        f"""
{size}; the adapter of config/paper.yaml, AdamW. Means over {LEVELS} levels t, medians of {turns} steps in turns.
*of the peak*: the operations that the plan counts, at the card's {
            peaks("cuda", 1)["bfloat16"]
            / 1e12:g} TFLOP/s in bfloat16 and 67 in fp32, by the time taken. *logits of all positions*: the loss as
published code takes it. Memory is the most that tensors held, by torch's count; planned without CUDA's own share.
""",
        save=not args.quick,
    )
    report(
        "gpu-decoding",
        f"A pass of decoding, {rows} answers in a batch",
        decoded,
        f"""
{size}. {ASKED} tokens of prompt and {DECODING["gen_length"]} to write in blocks of {DECODING["block_length"]}, two
tokens a pass: as long as a prompt of 200 with 256 to write. Seconds are those of a mean pass. Of {positions:,}
positions of random tokens the two best logits were equal at {in_bf16:,} where the head gives bfloat16, at {in_fp32:,}
in fp32 products, which decoding takes.
""",
        save=not args.quick,
    )


if __name__ == "__main__":
    main()
