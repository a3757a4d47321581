"""Ten steps of LIFT-3 and 32 answers at the sizes of a config's model, beside what `lift plan` says of them.

    python perf/gpu_configs.py                      # small, small-code, one-gpu and paper-fast; minutes on a GPU
    python perf/gpu_configs.py config/mine.yaml     # or others

The networks have random weights. Batches are as large as the config says, sequences as long as its max_length.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from measurement import report, seconds
from network import network

from lift.config.experiment import Experiment
from lift.data import counts
from lift.decode.decoder import decode
from lift.decode.settings import Decoder
from lift.finetune.objectives import lift, loss_sum
from lift.finetune.takes import takes
from lift.finetune.trainer import checkpoint_activations
from lift.machine.cards import peaks
from lift.models import adapters, peak_memory
from lift.models.forward_process import Batch, Draws
from lift.models.predictor import DTYPES
from lift.models.shape import PUBLISHED, Shape
from lift.plan import costs

CONFIG = Path(__file__).parent.parent / "config"
CONFIGS = [CONFIG / f"{name}.yaml" for name in ("small", "small-code", "one-gpu", "paper-fast")]
METHOD, STEPS, ANSWERS, PROMPT = "lift3", 10, 32, 200


def most(device: str) -> float:
    """The most bytes that tensors held since the last call."""
    if device == "cpu":
        return float("nan")
    held = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return held


def row(what: str, took: float, flops: tuple[float, float], held: float, planned: float) -> dict:
    peak = peaks("cuda", 1)
    least = flops[0] / peak["bfloat16"] + flops[1] / peak["float32"]
    return {
        "what": what,
        "seconds": f"{took:.3f}",
        "of the peak": f"{least / took:.0%}",
        "memory (GB)": f"{held / 1e9:.1f}",
        "planned (GB)": f"{planned / 1e9:.1f}",
    }


def rows(experiment: Experiment, shape: Shape, device: str) -> list[dict]:
    """Of a config's first model: decoding with its first decoder, and a micro-batch of LIFT-3."""
    (name, *_), training = experiment.models, experiment.training(METHOD)
    view, entry = experiment.run(name, METHOD), experiment.config["models"][name]
    dtype, kind, lora = view["dtype"], entry["quantisation"], training["lora"]
    model = network(shape, device, entry["family"], DTYPES[dtype], kind)
    what = experiment.config["experiment"]

    decoder, settings = next(iter(experiment.config["decoders"].items()))
    size, given = settings["batch_size"], settings | {"stop_at_end": False}
    generator = torch.Generator().manual_seed(0)
    prompts = torch.randint(0, shape.vocabulary - 2, (ANSWERS, PROMPT), generator=generator).tolist()
    chosen = Decoder(**{key: value for key, value in given.items() if key != "batch_size"})
    decode(model, prompts[:1], replace(chosen, gen_length=chosen.block_length, steps=1), [0])  # sets up

    def answer() -> None:
        for start in range(0, ANSWERS, size):
            decode(model, prompts[start : start + size], chosen, list(range(size)))

    most(device)
    took = seconds(answer)
    flops = [ANSWERS * one for one in costs.decoding_flops(shape, None, PROMPT, given)]
    planned = peak_memory.decoding_bytes(shape, dtype, None, PROMPT, given, kind)
    found = [row(f"{what}: {ANSWERS} answers, {decoder}", took, (sum(flops), 0), most(device), planned)]

    adapters.attach(model, lora, 0)
    checkpoint_activations(model, training["activation_checkpointing"])
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    length, batch = training["max_length"], training["micro_batch_size"]
    prompt = min(counts.example_tokens(experiment.config["corpora"][training["corpus"]]["source"])[0], length // 4)
    ids = torch.randint(0, shape.vocabulary - 2, (batch, length), generator=generator).to(device)
    examples = Batch(ids, *(torch.full((batch,), n, device=device) for n in (prompt, length)))

    def step(t: float) -> None:
        draws = Draws.at(torch.arange(batch, device=device), length)
        draws.t[:] = t
        with torch.no_grad():
            selection = lift.select(model, examples, draws, **view["settings"])
        (loss_sum(model, selection)[0] / selection.denominator).backward()
        optimizer.step()
        optimizer.zero_grad()

    torch.backends.fp32_precision = "tf32"  # as in fine-tuning: for the adapter
    step(0.5)
    most(device)
    took = sum(seconds(lambda level=level: step((level + 0.5) / STEPS)) for level in range(STEPS)) / STEPS
    torch.backends.fp32_precision = "ieee"
    take, checkpointing = takes("lift", view["settings"]), training["activation_checkpointing"]
    flops = costs.training_flops(shape, lora, take, length, length - prompt, checkpointing)
    planned = peak_memory.training_bytes(
        shape, dtype, lora, batch, length, checkpointing=checkpointing, quantisation=kind
    )
    title = f"{what}: a step of LIFT-3, {batch} x {length:,} tokens"
    return [*found, row(title, took, tuple(batch * one for one in flops), most(device), planned)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", type=Path, nargs="*", default=CONFIGS)
    parser.add_argument("--quick", action="store_true", help="tiny shapes, to see that it runs; writes no result")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not args.quick:
        parser.error("this needs a GPU that PyTorch can use; --quick tries the script without one")
    table = []
    for path in args.configs:
        experiment = Experiment.read(path)
        shape = PUBLISHED[next(iter(experiment.config["models"].values()))["family"]]
        if args.quick:
            shape = replace(shape, hidden=64, layers=2, heads=2, kv_heads=2, mlp=128, vocabulary=300, head_dim=None)
            experiment.config["training"] |= {"max_length": 64, "micro_batch_size": 1}
            for decoder in experiment.config["decoders"].values():
                decoder |= {"gen_length": decoder["block_length"], "steps": decoder["steps"] and 2, "batch_size": 16}
        table += rows(experiment, shape, device)
        if device == "cuda":
            torch.cuda.empty_cache()
    report(
        "gpu-configs",
        "The configs for one card, and the fast paper: steps and answers",
        table,
        f"""
Random weights of the published shapes, in the dtype and quantisation of each config, its adapter and batches, AdamW.
Seconds of a step are means over {STEPS} levels t, those of answers of all {ANSWERS}, with prompts of {PROMPT} tokens.
*of the peak*: the operations that the plan counts, at an H100's 989 TFLOP/s in bfloat16 and 67 in fp32, by the time
taken. Memory is the most that tensors held, by torch's count; planned without CUDA's own share.
""",
        save=not args.quick,
    )


if __name__ == "__main__":
    main()
