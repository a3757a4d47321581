"""Checkpoints in LLaDA's and Dream's layouts: logits as the published code computes them, and clear refusals."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from lift import adapters, models
from lift.errors import InputError
from tests.conftest import GOLDEN, ROOT
from tests.rounding import assert_equal_to_rounding


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_logits(golden, name):
    g = golden(f"{name}_logits")
    model = models.load(GOLDEN / f"tiny_{name}")
    with torch.no_grad():
        logits = model.logits(g["input_ids"], torch.ones_like(g["input_ids"], dtype=torch.bool)).view_as(g["logits"])
    expected = g["logits"]
    if model.shift:  # the golden logits are unshifted
        expected = torch.cat([expected[:, :1], expected[:, :-1]], dim=1)
    assert_equal_to_rounding(logits, expected)


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("left", [True, False])
def test_padding_changes_nothing(golden, name, left):
    ids = golden(f"{name}_logits")["input_ids"]
    model = models.load(GOLDEN / f"tiny_{name}")
    padding = torch.full((3, 5), model.pad_id)
    padded = torch.cat([padding, ids] if left else [ids, padding], dim=1)
    real = torch.zeros_like(padded, dtype=torch.bool)
    inside = slice(5, None) if left else slice(None, -5)
    real[:, inside] = True
    with torch.no_grad():
        alone = model.logits(ids, torch.ones_like(ids, dtype=torch.bool))
        beside = model.logits(padded, real, real)
    first = torch.zeros_like(ids, dtype=torch.bool)
    first[:, 0] = model.shift and left  # position 0 has no predecessor to be predicted from
    keep = ~first.flatten()
    assert_equal_to_rounding(beside[keep], alone[keep])


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_cross_entropies_are_those_of_whole_logits(golden, monkeypatch, name, dtype):
    """In chunks of three positions; gradients of all weights, too."""
    ids = golden(f"{name}_logits")["input_ids"]
    where = torch.rand(ids.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    model, results = models.load(GOLDEN / f"tiny_{name}", dtype=models.DTYPES[dtype]).train().requires_grad_(True), []
    monkeypatch.setattr(models, "LOGIT_BYTES", 4 * 160 * 3)
    assert model.chunk == 3
    weight = torch.rand(int(where.sum()))
    for losses in (
        torch.nn.functional.cross_entropy(model.logits(ids, where), ids[where], reduction="none"),
        model(ids, where, ids),
    ):
        assert losses.dtype == torch.float32
        gradients = torch.autograd.grad((losses * weight).sum(), list(model.parameters()))
        results.append((losses.detach(), torch.cat([g.flatten().float() for g in gradients])))
    (expected, gradient), (losses, found) = results
    assert_equal_to_rounding(losses, expected)
    assert (found - gradient).norm() < (1e-6 if dtype == "float32" else 1e-2) * gradient.norm()


def test_no_position_has_gradients_of_zero():
    """Several processes wait for each other's gradients, even of a batch where nothing is masked."""
    model = models.load(GOLDEN / "tiny_llada").requires_grad_(True)
    ids = torch.arange(8).view(2, 4)
    losses = model(ids, torch.zeros_like(ids, dtype=torch.bool), ids)
    assert losses.shape == (0,)
    losses.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in model.parameters())


def test_logits_stand_in_memory_a_chunk_at_a_time(monkeypatch):
    model, sizes = models.load(GOLDEN / "tiny_llada").train().requires_grad_(True), []
    monkeypatch.setattr(models, "LOGIT_BYTES", 4 * 160 * 5)
    model.network.lm_head.register_forward_hook(lambda module, given, out: sizes.append(out.shape[0]))
    ids = torch.arange(48).view(2, 24)
    model(ids, torch.ones_like(ids, dtype=torch.bool), ids).sum().backward()
    assert len(sizes) == 2 * 10  # forward and backward
    assert max(sizes) == 5
    with torch.no_grad():
        model(ids, torch.ones_like(ids, dtype=torch.bool), ids)
    assert len(sizes) == 3 * 10


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("padded", [False, True])
def test_some_positions_have_the_logits_of_the_whole(golden, name, padded):
    ids = golden(f"{name}_logits")["input_ids"]
    model = models.load(GOLDEN / f"tiny_{name}")
    real = None
    if padded:
        real = torch.arange(24) >= torch.tensor([0, 3, 7])[:, None]
    with torch.no_grad():
        whole = model.logits(ids, torch.ones_like(ids, dtype=torch.bool), real).view(3, 24, -1)
        for positions in ([[0, 1, 2, 3]] * 3, [[23, 4, 9], [8, 9, 10], [0, 12, 0]]):
            positions = torch.tensor(positions)
            part = model.head(model.states_at(ids, positions, real))
            assert_equal_to_rounding(part, whole[torch.arange(3)[:, None], positions])


@pytest.mark.parametrize("name, family", [("tiny_llada", "llada"), ("tiny_dream", "Dream")])
def test_save_restores_the_published_layout(tmp_path, name, family):
    models.save(models.load(GOLDEN / name), family, tmp_path)
    original, written = (load_file(folder / "model.safetensors") for folder in (GOLDEN / name, tmp_path))
    assert original.keys() == written.keys()
    assert all(torch.equal(original[key], written[key]) for key in original)
    models.load(tmp_path)


def test_refusals(tmp_path):
    with pytest.raises(InputError, match=r"config.json does not exist"):
        models.load(tmp_path)
    shutil.copytree(GOLDEN / "tiny_llada", tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())

    def with_config(**changes):
        (tmp_path / "m/config.json").write_text(json.dumps(config | changes))

    with_config(model_type="gpt2")
    with pytest.raises(InputError, match="'gpt2'; known are llada, Dream"):
        models.load(tmp_path / "m")
    with_config(n_layers=3)
    with pytest.raises(InputError, match=r"weights are missing, the first is 'model.layers.2"):
        models.load(tmp_path / "m")
    with_config(mlp_hidden_size=100)
    with pytest.raises(InputError, match="has shape"):
        models.load(tmp_path / "m")
    with_config(alibi=True)
    with pytest.raises(InputError, match="alibi is True"):
        models.load(tmp_path / "m")


PUBLISHED = ROOT / "tests/published"


def test_the_published_index_of_llada_maps_completely():
    """291 tensors, each with a place in the network of the published config, and no place left over."""
    family, _, config = models._network_config(PUBLISHED / "llada")
    with torch.device("meta"):
        network = family.network(config)
    published = json.loads((PUBLISHED / "llada/model.safetensors.index.json").read_text())["weight_map"]
    ours = [models.translate(name, family.renames) for name in published]
    assert len(published) == 291
    assert sorted(ours) == sorted(network.state_dict())
    assert 2 * sum(p.numel() for p in network.parameters()) == 16_031_162_368  # bytes, as the index says


def test_the_published_config_of_dream_is_read():
    family, _, config = models._network_config(PUBLISHED / "dream")
    with torch.device("meta"):
        network = family.network(config)
    assert family.shift
    assert 7.6e9 < sum(p.numel() for p in network.parameters()) < 7.7e9
    assert network.model.layers[0].self_attn.k_proj.bias.shape == (512,)


@pytest.fixture
def folder(tmp_path):
    """A checkpoint in two shards, with its index and tokenizer."""
    return shutil.copytree(ROOT / "tests/rehearsal/models/llada", tmp_path / "model")


def test_shards_are_read(folder):
    assert len(list(folder.glob("*.safetensors"))) == 2
    model = models.load(folder)
    single = folder.parent / "single"
    models.save(model, "llada", single)
    again = models.load(single)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_missing_shard_is_named(folder):
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"model-00002-of-00002.safetensors does not exist"):
        models.load(folder)


def test_a_wrong_key_is_named(folder):
    path = folder / "model-00001-of-00002.safetensors"
    weights = load_file(path)
    name = next(iter(weights))
    save_file({"model.transformer.extra.weight" if k == name else k: v for k, v in weights.items()}, path)
    with pytest.raises(InputError, match=r"'model.transformer.extra.weight' has no place in a llada model"):
        models.load(folder)


def test_a_cut_off_shard_is_named(folder):
    path = folder / "model-00001-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"model-00001-of-00002.safetensors cannot be read"):
        models.load(folder)


def test_weights_are_held_once(folder):
    """A parameter is the tensor that was read, not a copy of it: no second model in memory."""
    read, original = [], torch.Tensor.to

    def counting(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        read.append((self.data_ptr(), result.data_ptr()))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "to", counting)
        model = models.load(folder)
    assert {p.data_ptr() for p in model.parameters()} <= {after for before, after in read if before == after}


def test_llada_rotates_in_full_precision():
    """Under bfloat16 too, queries are rotated by fp32 angles, as LLaDA's rope_full_precision says; Dream's are not."""
    for name, dtype in (("llada", torch.float32), ("dream", torch.bfloat16)):
        network = models.load(GOLDEN / f"tiny_{name}", dtype=torch.bfloat16).network
        cos, sin = network.model.rotary_emb(torch.zeros(1, 200, 64, dtype=torch.bfloat16), torch.arange(200)[None])
        assert cos.dtype == sin.dtype == dtype
        exact = models.load(GOLDEN / f"tiny_{name}").network.model.rotary_emb(torch.zeros(1), torch.arange(200)[None])
        torch.testing.assert_close(cos, exact[0].to(dtype), atol=0, rtol=0)


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_bfloat16_is_near_to_float32(golden, name):
    ids = golden(f"{name}_logits")["input_ids"]
    everywhere = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        exact = models.load(GOLDEN / f"tiny_{name}").logits(ids, everywhere)
        rounded = models.load(GOLDEN / f"tiny_{name}", dtype=torch.bfloat16).logits(ids, everywhere)
    assert rounded.dtype == torch.float32
    assert (exact - rounded).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_attention_is_full(golden, name):
    """The last token changes the first one's logits."""
    ids = golden(f"{name}_logits")["input_ids"]
    other = ids.clone()
    other[:, -1] = (ids[:, -1] + 1) % 150
    model, everywhere = models.load(GOLDEN / f"tiny_{name}"), torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        difference = (model.logits(ids, everywhere) - model.logits(other, everywhere)).view(3, 24, -1).abs().amax(-1)
    assert (difference[:, 1] > 1e-6).all()


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_merging_gives_a_checkpoint_that_others_load(tmp_path, lift_command, name, dtype):
    """An adapter merged by the command: the published names and config, and the adapted model's logits."""
    base = ROOT / "tests/rehearsal/models" / name
    model = models.load(base)
    adapted = adapters.attach(model, {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj"]}, 0)
    for parameter_name, parameter in adapted.named_parameters():
        if "lora_B" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted.save_pretrained(str(tmp_path / "run"))
    command = ["merge", "--model", base, "--run", tmp_path / "run", "--output", tmp_path / "merged"]
    command += ["--dtype", dtype, "--shard-size", "100KB"]
    assert lift_command(*command)[0] == 0
    assert (tmp_path / "merged/config.json").read_bytes() == (base / "config.json").read_bytes()
    published = {key for path in models.weight_files(base) for key in load_file(path)}
    merged = {key: value for path in models.weight_files(tmp_path / "merged") for key, value in load_file(path).items()}
    assert merged.keys() == published
    assert {str(value.dtype) for value in merged.values()} == {f"torch.{dtype}"}
    ids, everywhere = torch.arange(20)[None], torch.ones(1, 20, dtype=torch.bool)
    with torch.no_grad():
        expected, before = model.eval().logits(ids, everywhere), models.load(base).logits(ids, everywhere)
        found = models.load(tmp_path / "merged").logits(ids, everywhere)
    assert not torch.allclose(expected, before, atol=1e-2)
    assert_equal_to_rounding(found, expected, models.DTYPES[dtype])
    code, _, errors = lift_command(*command)
    assert code == 2
    assert "is not empty" in errors


def test_an_adapter_stays_apart_in_bfloat16(tmp_path):
    """Merged into bfloat16 weights a small update would be rounded away."""
    base = ROOT / "tests/rehearsal/models/llada"
    model = models.load(base)
    adapted = adapters.attach(model, {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj"]}, 0)
    adapted.save_pretrained(str(tmp_path))
    assert isinstance(adapters.load_trained(base, tmp_path, "cpu"), models.MaskPredictor)
    parameters = dict(adapters.load_trained(base, tmp_path, "cpu", torch.bfloat16).named_parameters())
    assert any("lora_A" in name for name in parameters)
    assert {parameter.dtype for parameter in parameters.values()} == {torch.bfloat16}
    assert not any("lora_A" in n for n, _ in adapters.load_trained(base, tmp_path, "cpu").named_parameters())
