"""The plan of networks with matrices of 4 bits: bytes against what small ones hold, and a card of 24 GB."""

import sys
from dataclasses import replace

import pytest
import torch

from lift.config import configuration
from lift.decode import decoder as decoding
from lift.finetune import trainer
from lift.finetune.objectives import loss_sum
from lift.machine.cards import CARDS
from lift.models import adapters, checkpoint, peak_memory, predictor
from lift.models import shape as shapes
from lift.plan import planning, preflight
from tests import test_plan
from tests.conftest import GOLDEN
from tests.test_plan import CONFIGS, EVERYWHERE, GREEDY, QKV, SHAPE, Live, everything, network, resolved

dropout_of_a_gpu = test_plan.dropout_of_a_gpu  # a fixture
bitsandbytes = pytest.importorskip("bitsandbytes")
NF4 = {"dtype": torch.bfloat16, "quantisation": "nf4"}


def stored(model):
    """All tensors that hold a model's weights, scales of 4 bits and their tables included."""
    for weight in model.parameters():
        yield weight.data
        if isinstance(weight, bitsandbytes.nn.Params4bit):
            state = weight.quant_state
            yield from (state.absmax, state.code, state.offset, state.state2.absmax, state.state2.code)


@pytest.mark.parametrize("folder", ["tiny_llada", "tiny_dream"])
def test_weights_are_what_is_held(folder):
    shape = shapes.read_shape(GOLDEN / folder / "config.json")
    held = sum(tensor.nbytes for tensor in stored(checkpoint.load(GOLDEN / folder, **NF4)))
    assert held == peak_memory.weight_bytes(shape, "bfloat16", "nf4")
    llada = shapes.PUBLISHED["llada"]
    matrices = llada.layers * sum(shapes.matrix_weights(llada).values())
    saved = peak_memory.weight_bytes(llada, "bfloat16") - peak_memory.weight_bytes(llada, "bfloat16", "nf4")
    assert 16 - 8 * saved / matrices == pytest.approx(4.127, abs=1e-3)  # bits a weight


class LiveProducts(Live):
    """Sees into the products of 4 bits: what stands beside them is made by operations of bitsandbytes."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.bitsandbytes.gemm_4bit.default:
            from bitsandbytes.backends.default.ops import _gemm_4bit_default_impl  # the CPU's

            with self:
                return _gemm_4bit_default_impl(*args, **(kwargs or {}))
        return super().__torch_dispatch__(func, types, args, kwargs)


@pytest.fixture
def quantised(tmp_path):
    """A random network of a shape, in 4 bits, with an adapter."""

    def make(shape, lora=None, family="llada"):
        checkpoint.save(network(shape, family=family), family, tmp_path)
        model = checkpoint.load(tmp_path, **NF4)
        if lora:
            adapters.attach(model, lora, 0)
        return model

    return make


def step(model, shape, rows, length, checkpointing=False):
    """Bytes that a training step has beyond the weights: stored by the forward pass, and at most."""
    batch = everything(shape, rows, length)
    trainer.checkpoint_activations(model.train(), checkpointing)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    batch_tensors = [tensor for tensor in vars(batch).values() if isinstance(tensor, torch.Tensor)]
    with LiveProducts(*stored(model), *model.buffers(), *gradients, *batch_tensors) as live:
        loss, *_ = loss_sum(model, batch)
        kept = live.now
        loss.backward()
    return kept, live.most


@pytest.mark.parametrize("lora,family", [(QKV, "llada"), (EVERYWHERE, "Dream"), (QKV | {"dropout": 0.0}, "Dream")])
def test_activations_are_those_of_bfloat16(dropout_of_a_gpu, quantised, lora, family):
    rows, length = 2, 48
    shape = [replace(SHAPE, layers=n, qkv_bias=family == "Dream") for n in (2, 3)]
    few, more = (step(quantised(one, lora, family), one, rows, length)[0] for one in shape)
    assert more - few == rows * length * peak_memory.activation_bytes(SHAPE, "bfloat16", lora)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("vocabulary,chunk,length", [(9000, 96, 48), (9000, 8, 48), (300, 96, 48), (300, 96, 6)])
def test_a_training_step_holds_what_is_planned(
    dropout_of_a_gpu,
    monkeypatch,
    quantised,
    checkpointing,
    vocabulary,
    chunk,
    length,
):
    for module in (shapes, predictor):
        monkeypatch.setattr(module, "LOGIT_BYTES", 4 * vocabulary * chunk)
    shape, rows = replace(SHAPE, vocabulary=vocabulary, layers=6, qkv_bias=False), 2
    settings = {"checkpointing": checkpointing, "quantisation": "nf4"}
    state = 16 * shapes.adapter_parameters(shape, QKV) + peak_memory.weight_bytes(shape, "bfloat16", "nf4")
    planned = peak_memory.training_bytes(shape, "bfloat16", QKV, rows, length, **settings) - state
    most = step(quantised(shape, QKV), shape, rows, length, checkpointing)[1]
    assert 0.85 * planned < most < 1.01 * planned


@pytest.mark.parametrize("cache", ["none", "dual"])
@pytest.mark.parametrize("temperature,guidance", [(0.0, 0.0), (1.0, 1.0)])
@pytest.mark.parametrize("vocabulary,prompt", [(9000, 300), (300, 300), (300, 4)])
def test_decoding_holds_what_is_planned(quantised, cache, temperature, guidance, vocabulary, prompt):
    shape = replace(SHAPE, vocabulary=vocabulary, layers=2, qkv_bias=False)
    given = GREEDY | {"temperature": temperature, "guidance": guidance, "cache": cache, "steps": 4}
    settings = {key: value for key, value in given.items() if key != "batch_size"}
    model = quantised(shape).eval()
    prompts = [[5 + i] * prompt for i in range(given["batch_size"])]  # equal ones would share a pass
    with LiveProducts(*stored(model), *model.buffers()) as live, torch.no_grad():
        decoding.decode(model, prompts, decoding.Decoder(**settings), list(range(len(prompts))))
    held = peak_memory.weight_bytes(shape, "bfloat16", "nf4")
    planned = peak_memory.decoding_bytes(shape, "bfloat16", None, prompt, given, "nf4") - held
    assert 0.78 * planned < live.most < 1.01 * planned


def test_the_paper_on_a_small_card(tmp_path):
    """Less memory, and the same operations and disk; what is not counted is said."""
    config = configuration.load_config(CONFIGS[0])
    training = config["training"] | {"activation_checkpointing": True}
    models = {name: entry | {"quantisation": "nf4"} for name, entry in config["models"].items()}
    plain, small = (
        planning.plan(resolved(CONFIGS[0], training=training, models=models), tmp_path)
        for models in (config["models"], models)
    )
    for one, other in zip(plain.parts, small.parts, strict=True):
        assert (one.what, one.flops, one.disk, one.memory) == (other.what, other.flops, other.disk, other.memory)
        assert (other.gpu_memory < one.gpu_memory - 9e9) == bool(one.flops)
    shape = shapes.PUBLISHED["llada"]
    saved = peak_memory.weight_bytes(shape, "bfloat16") - peak_memory.weight_bytes(shape, "bfloat16", "nf4")
    tuned = [next(p for p in made.parts if (p.model, p.what) == ("llada", "sft")) for made in (plain, small)]
    beside = (2 + 1 / 8) * shape.hidden * shape.mlp  # a matrix taken back, with its scales
    assert tuned[0].gpu_memory - tuned[1].gpu_memory == pytest.approx(saved - beside)
    card = CARDS["4090"]
    assert not preflight.memory_faults(small, "gpu_memory", card.memory, "the 4090")
    assert {note for note in small.notes if "4 bits" in note} == set(small.notes) - set(plain.notes)
    assert len(set(small.notes) - set(plain.notes)) == 2


def test_bitsandbytes_is_asked_for_before_anything_runs(tmp_path, monkeypatch):
    entry = {"base": "shipped", "dtype": "bfloat16", "quantisation": "nf4"}
    training = configuration.load_config(CONFIGS[2])["training"] | {"lora": QKV}
    config = resolved(CONFIGS[2], models={"mini": entry}, training=training)
    assert preflight.faults(config, tmp_path) == []
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    (fault,) = preflight.faults(config, tmp_path)
    assert "pip install -e '.[qlora]'" in fault
    assert preflight.faults(config, tmp_path, models=False) == []  # jobs run elsewhere
    assert preflight.faults(resolved(CONFIGS[2]), tmp_path) == []
