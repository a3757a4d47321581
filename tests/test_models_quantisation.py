"""Networks with matrices of 4 bits: the values of the matrices taken back, one at a time in loading, and adapters."""

import functools
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from lift.decode.decoder import Decoder, decode
from lift.errors import InputError
from lift.finetune import trainer
from lift.finetune.objectives import lift, loss_sum, vanilla
from lift.miniature.benchmarks import mini_gsm
from lift.models import adapters, checkpoint, quantisation
from lift.models.forward_process import Batch, Draws
from tests import test_finetune
from tests.conftest import GOLDEN, ROOT
from tests.rounding import assert_equal_to_rounding
from tests.stage_config import TRAINING, write_config
from tests.test_finetune import LORA, SETTINGS, KilledError, weights
from tests.test_plan import Live

bitsandbytes = pytest.importorskip("bitsandbytes")
corpus = test_finetune.corpus  # a fixture
load = functools.partial(checkpoint.load, dtype=torch.bfloat16)
NETWORKS = ["llada", "dream"]
EVERYWHERE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def taken_back(folder):
    """The network in bfloat16 whose matrices are what their 4 bits stand for."""
    model = load(folder)
    for name, weight in model.network.named_parameters():
        if "_proj.weight" in name:
            settings = {"blocksize": 64, "compress_statistics": True, "quant_type": "nf4"}
            bits, state = bitsandbytes.functional.quantize_4bit(weight.data, **settings)
            weight.data = bitsandbytes.functional.dequantize_4bit(bits, state)
            assert weight.dtype == torch.bfloat16
    return model


@pytest.fixture(params=NETWORKS)
def folder(request):
    return GOLDEN / f"tiny_{request.param}"


@pytest.fixture
def ids():
    return torch.arange(72).view(3, 24)


# ---- values


@pytest.mark.parametrize("padded", [False, True])
def test_logits_are_those_of_the_matrices_taken_back(folder, ids, padded):
    """Exactly: of whole sequences, and of some positions; and they are not those of the matrices themselves."""
    real = torch.arange(24) >= torch.tensor([0, 3, 7])[:, None] if padded else None
    everywhere, positions = torch.ones_like(ids, dtype=torch.bool), torch.tensor([[23, 4, 9]] * 3)
    found = []
    for model in (load(folder, quantisation="nf4"), taken_back(folder), load(folder)):
        with torch.no_grad():
            states = model.states_at(ids, positions, real)
            found.append(torch.cat([model.logits(ids, everywhere, real), model.head(states).flatten(0, 1)]))
    quantised, expected, plain = found
    assert quantised.dtype == torch.float32
    assert torch.equal(quantised, expected)
    assert not torch.allclose(quantised, plain, atol=0.1)


@pytest.mark.parametrize("cache", ["none", "dual"])
def test_tokens_are_those_of_the_matrices_taken_back(folder, cache):
    decoder, prompts = Decoder(16, 8, 8, cache=cache), [[5, 6, 7], [8, 9]]
    quantised, expected = (
        decode(model, prompts, decoder) for model in (load(folder, quantisation="nf4"), taken_back(folder))
    )
    assert torch.equal(quantised[0], expected[0])


def test_only_the_matrices_of_the_layers_have_4_bits(folder):
    model, plain = load(folder, quantisation="nf4"), load(folder)
    for (name, weight), original in zip(model.named_parameters(), plain.parameters(), strict=True):
        if "_proj.weight" in name:
            assert (weight.dtype, weight.numel(), weight.requires_grad) == (torch.uint8, original.numel() / 2, False)
        else:
            assert torch.equal(weight, original)
    assert model.network.dtype == torch.bfloat16  # of attention masks
    rotary = model.network.model.rotary_emb(torch.zeros(1, 1, 64, dtype=torch.bfloat16), torch.arange(3)[None])
    assert rotary[0].dtype == (torch.float32 if "llada" in folder.name else torch.bfloat16)


class LiveBfloat16(Live):
    """Counts tensors of bfloat16 alone."""

    def add(self, storage, dtype=None):
        if dtype == torch.bfloat16:
            super().add(storage)


def test_loading_holds_one_matrix_at_a_time_in_bfloat16(folder, tmp_path):
    """Beside the weights that are not quantised; the file is in fp32, so that each is a tensor of its own."""
    shutil.copy(folder / "config.json", tmp_path)
    save_file(load_file(folder / "model.safetensors"), tmp_path / "model.safetensors")
    plain = load(tmp_path)
    matrices = [p.nbytes for name, p in plain.named_parameters() if "_proj.weight" in name]
    others = sum(p.nbytes for p in plain.parameters()) - sum(matrices)
    with LiveBfloat16() as live:
        model = load(tmp_path, quantisation="nf4")
    assert live.now == others
    assert live.most <= others + 2 * max(matrices)  # the next is read before the last is let go
    del model
    with LiveBfloat16() as live:
        load(tmp_path)
    assert live.most == others + sum(matrices)


# ---- adapters


def gradients(model, ids, checkpointing=False, **lora):
    """Loss, and by name the gradients of an adapter that does something, of the model's and of a copy."""
    settings = {"r": 4, "alpha": 8, "dropout": 0.1, "target_modules": EVERYWHERE} | lora
    adapters.attach(model, settings, 0)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05, generator=generator)
    trainer.checkpoint_activations(model, checkpointing)
    found = []
    for _ in range(2):
        batch = Batch(ids, torch.full((3,), 4), torch.full((3,), 24))
        torch.manual_seed(0)
        loss, *_ = loss_sum(model.train(), vanilla.select(model, batch, Draws.at(torch.arange(3), 24)))
        loss.backward()
        named = dict(model.named_parameters())
        found.append(
            {name: p.grad.clone() for name, p in named.items() if p.grad is not None} | {"loss": loss.detach()}
        )
        model.zero_grad()
        with torch.no_grad():
            model.eval().logits(ids, torch.ones_like(ids, dtype=torch.bool))  # as for the held-out loss
    return found


def test_the_adapter_alone_has_gradients(folder, ids):
    """In fp32: those of the matrices taken back to rounding of bfloat16, also after a pass without gradient."""
    model = load(folder, quantisation="nf4")
    found, again = gradients(model, ids)
    expected, _ = gradients(taken_back(folder), ids)
    adapter = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert found.keys() == expected.keys() == adapter | {"loss"}
    assert all("lora_" in name for name in adapter)
    for name, value in found.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, again[name])
        assert (value - expected[name]).norm() < 0.1 * expected[name].norm()


def test_activation_checkpointing_changes_nothing(folder, ids):
    kept, again = (
        gradients(load(folder, quantisation="nf4"), ids, checkpointing)[0] for checkpointing in (False, True)
    )
    assert kept.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in kept.items())


def run(corpus, folder, **changes):
    model = load(GOLDEN / "tiny_llada", quantisation="nf4")
    settings = replace(SETTINGS, lora=LORA | {"dropout": 0.1}, **changes)
    trainer.finetune(model, "llada", corpus, lift.select, settings, 0, folder / "run", folder / "resume")
    return folder / "run", model


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_killed_run_goes_on_to_the_same_weights(corpus, tmp_path, monkeypatch, checkpointing):
    whole, _ = run(corpus, tmp_path / "whole", activation_checkpointing=checkpointing)
    original, steps = trainer.ObjectiveTrainer.compute_loss, iter(range(100))

    def dying(self, *args, **kwargs):
        if next(steps) == 3:
            raise KilledError
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.ObjectiveTrainer, "compute_loss", dying)
        with pytest.raises(KilledError):
            run(corpus, tmp_path / "killed", activation_checkpointing=checkpointing)
    killed, _ = run(corpus, tmp_path / "killed", activation_checkpointing=checkpointing)
    for which in ("best", "last"):
        expected, found = weights(whole, which), weights(killed, which)
        assert all("lora_" in name for name in found)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_trained_adapter_stays_apart(corpus, tmp_path, ids):
    """Rounded to bfloat16 as beside a bfloat16 network, on matrices that keep their 4 bits."""
    folder, trained = run(corpus, tmp_path)
    bits = {name: p.clone() for name, p in trained.named_parameters() if p.dtype == torch.uint8}
    model = adapters.load_trained(GOLDEN / "tiny_llada", folder / "last", "cpu", torch.bfloat16, quantisation="nf4")
    named = dict(model.named_parameters())
    assert {p.dtype for p in named.values()} == {torch.uint8, torch.bfloat16}
    assert bits
    assert all(torch.equal(named[name], value) for name, value in bits.items())
    everywhere = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        found, expected = (m.eval().logits(ids, everywhere) for m in (model, trained))
        before = load(GOLDEN / "tiny_llada", quantisation="nf4").logits(ids, everywhere)
    assert_equal_to_rounding(found, expected, torch.bfloat16, 8)
    assert (found - before).norm() > 4 * (found - expected).norm()


def test_merging_adds_the_adapter_to_the_base_itself(corpus, tmp_path, lift_command):
    folder, _ = run(corpus, tmp_path)
    base = ROOT / "tests/golden/tiny_llada"
    arguments = ("--model", base, "--run", folder / "last", "--output", tmp_path / "merged", "--dtype", "float32")
    code, _, errors = lift_command("merge", *arguments)
    assert code == 0, errors
    adapter, merged = weights(folder), load_file(tmp_path / "merged/model.safetensors")
    for name, weight in load_file(base / "model.safetensors").items():
        number, _, part = name.removeprefix("model.transformer.blocks.").partition(".")
        if part.removesuffix(".weight") in LORA["target_modules"]:
            place = f"base_model.model.model.layers.{number}.self_attn.{part.removesuffix('.weight')}"
            low, high = (adapter[f"{place}.lora_{which}.weight"] for which in "AB")
            weight = weight + LORA["alpha"] / LORA["r"] * (high @ low)
        assert_equal_to_rounding(merged[name], weight, roundings=2)


# ---- stages


def test_the_stages_take_it_from_the_config(tmp_path, monkeypatch, lift_command):
    """Statistics, fine-tuning and decoding of the miniature's base, whose records say it."""
    entry = {"base": "shipped", "family": "llada", "dtype": "bfloat16", "quantisation": "nf4"}
    training = TRAINING | {"lora": LORA, "epochs": 0.1, "max_length": 64}
    benchmarks = {"mini-gsm": {"decoder": "greedy", "size": 3}}
    path, experiment = write_config(tmp_path, models={"m": entry}, training=training, benchmarks=benchmarks)
    layout = experiment.layout
    shutil.copytree(ROOT / "lift/miniature/weights", layout.model("m"))
    layout.problems("mini-gsm").parent.mkdir()
    layout.problems("mini-gsm").write_text("".join(json.dumps(row) + "\n" for row in mini_gsm.problems(size=3)))
    monkeypatch.chdir(tmp_path)
    run = layout.run("m", "lift", 0)
    for stage, *names in (
        ("prepare-corpus", "--corpus", "c"),
        ("tokenise", "--model", "m", "--corpus", "c"),
        ("statistics", "--model", "m"),
        ("finetune", "--model", "m", "--method", "lift", "--seed", 0),
        ("decode", "--model", "m", "--method", "lift", "--seed", 0),
    ):
        code, _, errors = lift_command(stage, "--config", path, *names)
        assert code == 0, errors
    said = f"nf4, bitsandbytes {bitsandbytes.__version__}"
    assert json.loads(layout.statistics("m", "c").with_suffix(".json").read_text())["settings"]["quantisation"] == said
    assert yaml.safe_load((run / "config.yaml").read_text())["quantisation"] == said
    decoded = layout.generations("m", "lift", 0)
    assert json.loads((decoded / "run.json").read_text())["quantisation"] == said
    answers = (decoded / "greedy/mini-gsm.jsonl").read_text()
    assert len(answers.splitlines()) == 3
    model = adapters.load_trained(layout.model("m"), run / "best", "cpu", torch.bfloat16, quantisation="nf4")
    assert any(parameter.dtype == torch.uint8 for parameter in model.parameters())


# ---- what it needs


def test_without_bitsandbytes_it_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    for work in (
        functools.partial(load, GOLDEN / "tiny_llada", quantisation="nf4"),
        lambda: quantisation.described("nf4"),
    ):
        with pytest.raises(InputError, match=r"bitsandbytes is not installed; .*pip install -e '\.\[qlora\]'"):
            work()
    assert len(quantisation.faults(None, "nf4", "nf4")) == 1
    assert quantisation.faults(None) == []
    load(GOLDEN / "tiny_llada")


def test_no_code_of_a_hub_is_taken_by_bitsandbytes(tmp_path):
    """Where the package `kernels` is installed, it would fetch one of its kernels as soon as it is imported."""
    (tmp_path / "kernels.py").write_text("print('fetched')")
    code = "import lift.models.adapters, bitsandbytes, sys; print(sys.modules['kernels'])"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "None\n", done.stderr
    assert "kernels" not in done.stderr
