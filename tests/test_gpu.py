"""What only a GPU can show: the same values, tokens, resumption and memory as promised, and no waiting in a step.

    pytest -m gpu

Skipped where CUDA is not to be had. `LIFT_GPU_TESTS=cpu` runs what also says something on a CPU there, to try the tests
themselves.
"""

import functools
import json
import os
import subprocess
import sys
from dataclasses import replace

import datasets
import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers.utils.import_utils import enable_tf32

from lift import noise
from lift.decode import decoder as decoding
from lift.decode.decoder import decode
from lift.decode.settings import Decoder
from lift.finetune import trainer
from lift.finetune.objectives import Selection, cart, gift, lift, loss_sum, vanilla
from lift.models import adapters, checkpoint, peak_memory, predictor, quantisation
from lift.models.forward_process import Batch, Draws
from lift.models.shape import Shape
from lift.statistics import sums as token_statistics
from tests.conftest import GOLDEN
from tests.rounding import assert_equal_to_rounding
from tests.stage_config import HERE
from tests.test_finetune import LORA, SETTINGS, KilledError, command
from tests.test_plan import network

DEVICE = os.environ.get("LIFT_GPU_TESTS") or ("cuda" if torch.cuda.is_available() else None)
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(DEVICE is None, reason="needs a GPU that PyTorch can use")]
CUDA = pytest.mark.skipif(DEVICE != "cuda", reason="says nothing without CUDA")
NF4 = pytest.param("nf4", marks=pytest.mark.skipif(bool(quantisation.faults("nf4")), reason="needs bitsandbytes"))

DECODERS = {
    "greedy": Decoder(32, 8, 16),
    "sampled": Decoder(32, 8, 16, temperature=0.8),
    "guided": Decoder(32, 8, 16, guidance=1.5),
    "prefix": Decoder(32, 8, 16, cache="prefix"),
    "dual": Decoder(32, 8, 16, cache="dual"),
    "threshold": Decoder(32, 8, threshold=0.05),
    "dual and threshold": Decoder(32, 8, threshold=0.05, cache="dual"),
    "dream": Decoder(32, 32, 16, schedule="timesteps", confidence="entropy", top_p=0.9),
    "dream, drawn": Decoder(32, 32, 16, 0.7, confidence="maskgit_plus", top_k=30, confidence_temperature=0.5),
    "ends": Decoder(32, 8, 16, logits_eos_inf=True, confidence_eos_eot_inf=True),
}
OBJECTIVES = {"vanilla": vanilla.select, "cart": cart.select, "gift": gift.select, "lift": lift.select}


def sequences(count=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 150, (n % 7 + 5,), generator=generator).tolist() for n in range(count)]


def batch_of(rows=4, width=40, device=DEVICE):
    ids = torch.randint(0, 150, (rows, width), generator=torch.Generator().manual_seed(1)).to(device)
    return Batch(ids, torch.full((rows,), 8, device=device), torch.tensor([30, 40, 25, 36][:rows], device=device))


# ---- values


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_golden_logits(golden, name, dtype):
    """In fp32 those of the published code to rounding; in bf16 to a twentieth of the largest, as on the CPU."""
    g = golden(f"{name}_logits")
    model = checkpoint.load(GOLDEN / f"tiny_{name}", DEVICE, predictor.DTYPES[dtype])
    ids = g["input_ids"].to(DEVICE)
    with torch.no_grad():
        logits = model.logits(ids, torch.ones_like(ids, dtype=torch.bool)).view_as(g["logits"]).cpu()
    expected = torch.cat([g["logits"][:, :1], g["logits"][:, :-1]], dim=1) if model.shift else g["logits"]
    if dtype == "float32":
        assert_equal_to_rounding(logits, expected, roundings=256)
    else:
        assert (logits - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("kind", [NF4])
def test_logits_of_4_bits_are_those_of_the_cpu(golden, name, kind):
    """To a twentieth of the largest, as in bf16; the bits and scales of most matrices are the same."""
    ids, found, bits = golden(f"{name}_logits")["input_ids"], [], []
    for device in (DEVICE, "cpu"):
        model = checkpoint.load(GOLDEN / f"tiny_{name}", device, torch.bfloat16, quantisation=kind)
        with torch.no_grad():
            found.append(model.logits(ids.to(device), torch.ones_like(ids, dtype=torch.bool).to(device)).cpu())
        bits.append(torch.cat([p.flatten().cpu() for p in model.parameters() if p.dtype == torch.uint8]))
    assert (bits[0] != bits[1]).float().mean() < 0.01
    assert (found[0] - found[1]).abs().max() < 0.05 * found[1].abs().max()


@pytest.mark.parametrize("device", [DEVICE, "cpu"])
def test_the_head_of_a_bfloat16_network_is_taken_in_fp32(device):
    model = checkpoint.load(GOLDEN / "tiny_llada", device, torch.bfloat16)
    states = torch.randn(7, 5, model.network.config.hidden_size, generator=torch.Generator().manual_seed(0)).bfloat16()
    weight = model.network.lm_head.weight.cpu()
    with torch.no_grad():
        found = model.head(states.to(device)).cpu()
    assert_equal_to_rounding(found, states.double() @ weight.double().T)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_and_gradients_are_those_of_the_cpu(name):
    """In fp32: what is kept is the same, the loss and the adapter's gradients are equal to rounding."""
    found = []
    for device in (DEVICE, "cpu"):
        model = checkpoint.load(GOLDEN / "tiny_llada", device)
        adapters.attach(model, LORA, 0)
        batch, keys = batch_of(device=device), torch.arange(4, device=device)
        with torch.no_grad():
            selection = OBJECTIVES[name](model, batch, Draws.at(keys, batch.input_ids.shape[1]))
        loss = loss_sum(model, selection)[0] / selection.denominator
        loss.backward()
        gradient = torch.cat([p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None])
        found.append((selection.kept.cpu(), loss.detach().cpu(), gradient))
    (kept, loss, gradient), (kept_there, loss_there, gradient_there) = found
    assert torch.equal(kept, kept_there)
    assert_equal_to_rounding(loss, loss_there, roundings=256)
    assert_equal_to_rounding(gradient, gradient_there, roundings=1024)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("network", ["llada", "dream"])
def test_tokens_are_those_of_the_cpu(name, network):
    prompts, keys = sequences(), [noise.key("test", i) for i in range(8)]
    tokens, passes = decode(checkpoint.load(GOLDEN / f"tiny_{network}", DEVICE), prompts, DECODERS[name], keys)
    there, passes_there = decode(checkpoint.load(GOLDEN / f"tiny_{network}"), prompts, DECODERS[name], keys)
    assert torch.equal(tokens.cpu(), there)
    assert torch.equal(passes.cpu(), passes_there)


def test_statistics_are_those_of_the_cpu():
    """Sums of whole numbers: what is counted is the same, what is summed differs by rounding."""
    found = []
    for device in (DEVICE, "cpu"):
        model = checkpoint.load(GOLDEN / "tiny_llada", device)
        accumulator = token_statistics.Accumulator([0.25, 0.84], model.network.config.vocab_size)
        accumulator.sums, accumulator.frequency = accumulator.sums.to(device), accumulator.frequency.to(device)
        token_statistics.accumulate(model, batch_of(device=device), [0, 1, 2, 3], [0.25, 0.84], accumulator)
        found.append(accumulator.sums.cpu())
    assert torch.equal(found[0][..., 0], found[1][..., 0])
    assert_equal_to_rounding(found[0].double(), found[1].double(), roundings=1024)


# ---- precision of products


def products_are_exact():
    """Whether a product in fp32 is one, and not of numbers that TF32 rounded to ten bits."""
    a, b = torch.randn(2, 256, 256, device=DEVICE, generator=torch.Generator(DEVICE).manual_seed(0))
    return bool(((a @ b).double() - a.double() @ b.double()).abs().max() < 1e-3)


@CUDA
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tf32_is_for_the_adapter_of_a_bfloat16_network_alone(corpus, tmp_path, monkeypatch, dtype):
    seen, original = [], trainer.ObjectiveTrainer.compute_loss

    def compute_loss(self, *args, **kwargs):
        seen.append(products_are_exact())
        return original(self, *args, **kwargs)

    monkeypatch.setattr(trainer.ObjectiveTrainer, "compute_loss", compute_loss)
    monkeypatch.setattr(torch.backends, "fp32_precision", torch.backends.fp32_precision)  # and back
    enable_tf32.cache_clear()  # it answers once a process
    assert products_are_exact()
    run(corpus, tmp_path, dtype=predictor.DTYPES[dtype])
    assert set(seen) == {dtype == "float32"}


@CUDA
@pytest.mark.parametrize("name", ["llada", "dream"])
def test_positions_are_exact_where_tf32_is_allowed(name, monkeypatch):
    rotary = checkpoint.load(GOLDEN / f"tiny_{name}", DEVICE, torch.bfloat16).network.model.rotary_emb
    states, positions = torch.zeros(1, dtype=torch.float32, device=DEVICE), torch.arange(4096, device=DEVICE)[None]
    exact = rotary(states, positions)
    monkeypatch.setattr(torch.backends, "fp32_precision", "tf32")
    assert not products_are_exact()
    assert all(torch.equal(a, b) for a, b in zip(rotary(states, positions), exact, strict=True))


# ---- fine-tuning


@pytest.fixture(scope="module")
def corpus():
    generator = torch.Generator().manual_seed(0)
    rows = [
        {"input_ids": [*torch.randint(0, 150, (20 + i % 9,), generator=generator).tolist(), 158], "prompt_length": 5}
        for i in range(54)
    ]
    parts = {"train": rows[:48], "held_out": rows[48:]}
    return datasets.DatasetDict({name: datasets.Dataset.from_list(part) for name, part in parts.items()})


def run(corpus, folder, select=vanilla.select, dtype=torch.float32, kind=None, **changes):
    model = checkpoint.load(GOLDEN / "tiny_llada", DEVICE, dtype, quantisation=kind)
    settings = replace(SETTINGS, **changes)
    trainer.finetune(model, "llada", corpus, select, settings, 0, folder / "run", folder / "resume")
    return load_file(next((folder / "run" / "last").glob("*.safetensors")))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", NF4])
@pytest.mark.parametrize("lora", [LORA | {"dropout": 0.1}, None])
def test_a_killed_run_goes_on_to_the_same_weights(corpus, tmp_path, monkeypatch, dtype, lora):
    if lora is None and dtype != "float32":
        pytest.skip("full fine-tuning is in fp32")
    kind = "nf4" if dtype == "nf4" else None
    settings = {"dtype": predictor.DTYPES["bfloat16" if kind else dtype], "kind": kind, "lora": lora}
    start = functools.partial(run, corpus, select=lift.select, **settings)
    whole = start(tmp_path / "whole")
    original, steps = trainer.ObjectiveTrainer.compute_loss, iter(range(100))

    def dying(self, *args, **kwargs):
        if next(steps) == 3:
            raise KilledError
        return original(self, *args, **kwargs)

    monkeypatch.setattr(trainer.ObjectiveTrainer, "compute_loss", dying)
    with pytest.raises(KilledError):
        start(tmp_path / "killed")
    monkeypatch.undo()
    again = start(tmp_path / "killed")
    assert all(torch.equal(again[name], value) for name, value in whole.items())


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_processes_train_on_two_cards(corpus, tmp_path, monkeypatch):
    """The command, on one card and on two: the same losses to rounding."""
    logs = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        folder.mkdir()
        arguments, output = command(corpus, folder, devices=devices, lora=LORA)
        path = folder / "experiment.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"device": "cuda"}))
        monkeypatch.chdir(folder)
        subprocess.run([sys.executable, "-m", "lift", *arguments], env=HERE, check=True)
        logs.append([json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()])
    for one, two in zip(*logs, strict=True):
        assert one.get("loss", 0) == pytest.approx(two.get("loss", 0), rel=1e-4)


# ---- memory and time


SHAPE = Shape(hidden=4096, layers=3, heads=32, kv_heads=32, mlp=12288, vocabulary=126464)
WIDE = {"r": 128, "alpha": 256, "dropout": 0.05, "target_modules": ["q_proj", "k_proj", "v_proj"]}


def network_on_the_gpu(lora=None, kind=None):
    """Three layers of LLaDA-8B with random weights, in bf16, or their matrices in 4 bits."""
    model = network(SHAPE, torch.bfloat16, None, "llada", DEVICE)
    if kind:
        inner = model.network
        names = quantisation.matrix_names(inner)
        bits = {name: quantisation.quantise(inner.get_parameter(name).data) for name in names}
        quantisation.put_linears(inner, bits)
    if lora:
        adapters.attach(model, lora, 0)
    torch.cuda.empty_cache()
    return model


@CUDA
@pytest.mark.parametrize("kind", [NF4])
def test_loading_never_holds_the_matrices_in_bfloat16(tmp_path, kind):
    """A layer of LLaDA-8B: at most two matrices of it are whole at a time."""
    shape = replace(SHAPE, layers=1, vocabulary=1000)
    checkpoint.save(network(shape, torch.bfloat16, None, "llada", "cpu"), "llada", tmp_path)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    model = checkpoint.load(tmp_path, DEVICE, torch.bfloat16, quantisation=kind)
    held, most = torch.cuda.memory_allocated() - before, torch.cuda.max_memory_allocated() - before
    planned = peak_memory.weight_bytes(shape, "bfloat16", kind)
    print(f"loading: {held / 1e9:.3f} GB held, planned {planned / 1e9:.3f} GB, {most / 1e9:.3f} GB at most")
    assert held == pytest.approx(planned, rel=0.01)
    assert most < planned + 2.5 * 2 * shape.hidden * shape.mlp < peak_memory.weight_bytes(shape, "bfloat16")
    assert model.device.type == "cuda"


@CUDA
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("kind", [None, NF4])
def test_a_training_step_takes_the_memory_that_is_planned(checkpointing, kind):
    """At three layers of LLaDA-8B and 4,096 tokens, all of them kept; within a fifth."""
    torch.cuda.empty_cache()
    before, length = torch.cuda.memory_allocated(), 4096
    model = network_on_the_gpu(WIDE, kind).train()
    trainer.checkpoint_activations(model, checkpointing)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    ids = torch.randint(0, 126000, (1, length), device=DEVICE)
    kept = torch.ones(1, length, dtype=torch.bool, device=DEVICE)
    weight = torch.ones(1, length, device=DEVICE)
    selection = Selection(torch.full_like(ids, model.mask_id), ids, kept, weight, None, weight[:, 0], kept.sum())
    for turn in range(2):  # the first makes the optimiser's state
        if turn:
            torch.cuda.reset_peak_memory_stats()
        loss = loss_sum(model, selection)[0] / selection.denominator
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    most = torch.cuda.max_memory_allocated() - before
    settings = {"checkpointing": checkpointing, "quantisation": kind}
    planned = peak_memory.training_bytes(SHAPE, "bfloat16", WIDE, 1, length, **settings)
    print(f"training, {settings}: {most / 1e9:.2f} GB, planned {planned / 1e9:.2f} GB")
    assert 0.8 * planned < most < 1.2 * planned


@CUDA
@pytest.mark.parametrize("cache", ["none", "dual"])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
@pytest.mark.parametrize("kind", [None, NF4])
def test_decoding_takes_the_memory_that_is_planned(cache, temperature, kind):
    torch.cuda.empty_cache()
    before, settings = torch.cuda.memory_allocated(), {"gen_length": 256, "block_length": 32, "steps": 8}
    settings |= {"temperature": temperature, "cache": cache}
    model, prompts = network_on_the_gpu(kind=kind).eval(), [[5 + i] * 200 for i in range(32)]
    torch.cuda.reset_peak_memory_stats()
    decode(model, prompts, Decoder(**settings), list(range(32)))
    most = torch.cuda.max_memory_allocated() - before
    entry = vars(Decoder(**settings)) | {"batch_size": 32}
    planned = peak_memory.decoding_bytes(SHAPE, "bfloat16", None, 200, entry, kind)
    print(f"decoding, {kind}, {cache}, {temperature}: {most / 1e9:.2f} GB, planned {planned / 1e9:.2f} GB")
    assert 0.8 * planned < most < 1.2 * planned


@CUDA
@pytest.mark.parametrize("name", ["greedy", "guided", "prefix", "dual", "dream", "dream, drawn", "ends"])
@pytest.mark.parametrize("kind", [None, NF4])
def test_a_step_never_waits_for_the_gpu(name, kind, monkeypatch):
    """Every pass of a block is queued without a question back, with a greedy decoder of `steps`."""
    dtype, original = torch.bfloat16 if kind else torch.float32, decoding.fill_block
    model = checkpoint.load(GOLDEN / "tiny_llada", DEVICE, dtype, quantisation=kind)

    def watched(*args):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return original(*args)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    keys = [noise.key("test", i) for i in range(8)]
    decode(model, sequences(), DECODERS[name], keys)  # what is set up once
    monkeypatch.setattr(decoding, "fill_block", watched)
    decode(model, sequences(), DECODERS[name], keys)
