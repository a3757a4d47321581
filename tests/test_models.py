"""Checkpoints in LLaDA's and Dream's layouts: logits as the published code computes them, and clear refusals."""

import json
import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from lift.errors import InputError
from lift.models import adapters, checkpoint, families, model_files, predictor
from tests.conftest import GOLDEN, ROOT, TINY, tiny
from tests.rounding import assert_equal_to_rounding


@pytest.mark.parametrize("name", TINY)
def test_logits(golden, name):
    g = golden(f"{name}_logits")
    model = tiny(name)
    with torch.no_grad():
        logits = model.logits(g["input_ids"], torch.ones_like(g["input_ids"], dtype=torch.bool)).view_as(g["logits"])
    expected = g["logits"]
    if model.shift:  # the golden logits are unshifted
        expected = torch.cat([expected[:, :1], expected[:, :-1]], dim=1)
    assert_equal_to_rounding(logits, expected)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("left", [True, False])
def test_padding_changes_nothing(golden, name, left):
    ids = golden(f"{name}_logits")["input_ids"]
    model = tiny(name)
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


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_cross_entropies_are_those_of_whole_logits(golden, monkeypatch, name, dtype):
    """In chunks of three positions; gradients of all weights, too."""
    ids = golden(f"{name}_logits")["input_ids"]
    where = torch.rand(ids.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    model, results = (
        tiny(name, dtype=predictor.DTYPES[dtype]).train().requires_grad_(True),
        [],
    )
    monkeypatch.setattr(predictor, "LOGIT_BYTES", 4 * 160 * 3)
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
    model = checkpoint.load(GOLDEN / "tiny_llada").requires_grad_(True)
    ids = torch.arange(8).view(2, 4)
    losses = model(ids, torch.zeros_like(ids, dtype=torch.bool), ids)
    assert losses.shape == (0,)
    losses.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in model.parameters())


def test_logits_stand_in_memory_a_chunk_at_a_time(monkeypatch):
    model, sizes = checkpoint.load(GOLDEN / "tiny_llada").train().requires_grad_(True), []
    monkeypatch.setattr(predictor, "LOGIT_BYTES", 4 * 160 * 5)
    model.network.lm_head.register_forward_hook(lambda module, given, out: sizes.append(out.shape[0]))
    ids = torch.arange(48).view(2, 24)
    model(ids, torch.ones_like(ids, dtype=torch.bool), ids).sum().backward()
    assert len(sizes) == 2 * 10  # forward and backward
    assert max(sizes) == 5
    with torch.no_grad():
        model(ids, torch.ones_like(ids, dtype=torch.bool), ids)
    assert len(sizes) == 3 * 10


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("padded", [False, True])
def test_some_positions_have_the_logits_of_the_whole(golden, name, padded):
    ids = golden(f"{name}_logits")["input_ids"]
    model = tiny(name)
    real = None
    if padded:
        real = torch.arange(24) >= torch.tensor([0, 3, 7])[:, None]
    with torch.no_grad():
        whole = model.logits(ids, torch.ones_like(ids, dtype=torch.bool), real).view(3, 24, -1)
        for positions in ([[0, 1, 2, 3]] * 3, [[23, 4, 9], [8, 9, 10], [0, 12, 0]]):
            positions = torch.tensor(positions)
            part = model.head(model.states_at(ids, positions, real))
            assert_equal_to_rounding(part, whole[torch.arange(3)[:, None], positions])


@pytest.mark.parametrize("name", TINY)
def test_save_restores_the_published_layout(tmp_path, name):
    """A tied head is written once, whether the files held it or not. What lies beside the weights is kept in mind."""
    model = tiny(name)
    checkpoint.save(model, TINY[name], tmp_path)
    original, written = (load_file(folder / "model.safetensors") for folder in (GOLDEN / f"tiny_{name}", tmp_path))
    tied = {"lm_head.weight"} if model.network.config.tie_word_embeddings else set()
    assert original.keys() - tied == written.keys()
    assert all(torch.equal(original[key], written[key]) for key in written)
    again = checkpoint.load(tmp_path, family=TINY[name])  # which has no tokenizer
    assert (again.mask_id, again.pad_id, again.shift) == (model.mask_id, model.pad_id, model.shift)
    assert len(list(again.parameters())) == len(list(model.parameters()))


def test_refusals(tmp_path):
    with pytest.raises(InputError, match=r"config.json does not exist"):
        checkpoint.load(tmp_path)
    shutil.copytree(GOLDEN / "tiny_llada", tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())

    def with_config(**changes):
        (tmp_path / "m/config.json").write_text(json.dumps(config | changes))

    with_config(model_type="gpt2")
    with pytest.raises(InputError, match="'gpt2'; known are llada, Dream"):
        checkpoint.load(tmp_path / "m")
    with_config(n_layers=3)
    with pytest.raises(InputError, match=r"weights are missing, the first is 'model.layers.2"):
        checkpoint.load(tmp_path / "m")
    with_config(mlp_hidden_size=100)
    with pytest.raises(InputError, match="has shape"):
        checkpoint.load(tmp_path / "m")
    with_config(alibi=True)
    with pytest.raises(InputError, match="alibi is True"):
        checkpoint.load(tmp_path / "m")


PUBLISHED = ROOT / "tests/published"


def test_the_published_index_of_llada_maps_completely():
    """291 tensors, each with a place in the network of the published config, and no place left over."""
    name, _, config = checkpoint._network_config(PUBLISHED / "llada")
    family = families.FAMILIES[name]
    with torch.device("meta"):
        network = family.network(config)
    published = json.loads((PUBLISHED / "llada/model.safetensors.index.json").read_text())["weight_map"]
    ours = [checkpoint.translate(name, family.renames) for name in published]
    assert len(published) == 291
    assert sorted(ours) == sorted(network.state_dict())
    assert 2 * sum(p.numel() for p in network.parameters()) == 16_031_162_368  # bytes, as the index says


def test_the_published_config_of_dream_is_read():
    name, _, config = checkpoint._network_config(PUBLISHED / "dream")
    family = families.FAMILIES[name]
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
    model = checkpoint.load(folder)
    single = folder.parent / "single"
    checkpoint.save(model, "llada", single)
    again = checkpoint.load(single)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_missing_shard_is_named(folder):
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"model-00002-of-00002.safetensors does not exist"):
        checkpoint.load(folder)


def test_a_wrong_key_is_named(folder):
    path = folder / "model-00001-of-00002.safetensors"
    weights = load_file(path)
    name = next(iter(weights))
    save_file({"model.transformer.extra.weight" if k == name else k: v for k, v in weights.items()}, path)
    with pytest.raises(InputError, match=r"'model.transformer.extra.weight' has no place in a llada model"):
        checkpoint.load(folder)


def test_a_cut_off_shard_is_named(folder):
    path = folder / "model-00001-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"model-00001-of-00002.safetensors cannot be read"):
        checkpoint.load(folder)


def test_weights_are_held_once(folder):
    """A parameter is the tensor that was read, not a copy of it: no second model in memory."""
    read, original = [], torch.Tensor.to

    def counting(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        read.append((self.data_ptr(), result.data_ptr()))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "to", counting)
        model = checkpoint.load(folder)
    assert {p.data_ptr() for p in model.parameters()} <= {after for before, after in read if before == after}


def test_llada_rotates_in_full_precision():
    """Under bfloat16 too, queries are rotated by fp32 angles, as LLaDA's rope_full_precision says; Dream's are not."""
    for name, dtype in (("llada", torch.float32), ("dream", torch.bfloat16)):
        network = tiny(name, dtype=torch.bfloat16).network
        cos, sin = network.model.rotary_emb(torch.zeros(1, 200, 64, dtype=torch.bfloat16), torch.arange(200)[None])
        assert cos.dtype == sin.dtype == dtype
        exact = tiny(name).network.model.rotary_emb(torch.zeros(1), torch.arange(200)[None])
        torch.testing.assert_close(cos, exact[0].to(dtype), atol=0, rtol=0)


@pytest.mark.parametrize("name", TINY)
def test_bfloat16_is_near_to_float32(golden, name):
    ids = golden(f"{name}_logits")["input_ids"]
    everywhere = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        exact = tiny(name).logits(ids, everywhere)
        rounded = tiny(name, dtype=torch.bfloat16).logits(ids, everywhere)
    assert rounded.dtype == torch.float32
    assert (exact - rounded).abs().max() < 0.1 * exact.abs().max()


@pytest.mark.parametrize("name", TINY)
def test_attention_is_full(golden, name):
    """The last token changes the first one's logits."""
    ids = golden(f"{name}_logits")["input_ids"]
    other = ids.clone()
    other[:, -1] = (ids[:, -1] + 1) % 150
    model, everywhere = tiny(name), torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        difference = (model.logits(ids, everywhere) - model.logits(other, everywhere)).view(3, 24, -1).abs().amax(-1)
    assert (difference[:, 1] > 1e-6).all()


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_merging_gives_a_checkpoint_that_others_load(tmp_path, lift_command, name, dtype):
    """An adapter merged by the command: the published names and config, and the adapted model's logits."""
    base = ROOT / "tests/rehearsal/models" / name
    model = checkpoint.load(base)
    adapted = adapters.attach(model, {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj"]}, 0)
    for parameter_name, parameter in adapted.named_parameters():
        if "lora_B" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted.save_pretrained(str(tmp_path / "run"))
    command = ["merge", "--model", base, "--run", tmp_path / "run", "--output", tmp_path / "merged"]
    command += ["--dtype", dtype, "--shard-size", "100KB"]
    assert lift_command(*command)[0] == 0
    assert (tmp_path / "merged/config.json").read_bytes() == (base / "config.json").read_bytes()
    published = {key for path in model_files.weight_files(base) for key in load_file(path)}
    merged = {
        key: value for path in model_files.weight_files(tmp_path / "merged") for key, value in load_file(path).items()
    }
    assert merged.keys() == published
    assert {str(value.dtype) for value in merged.values()} == {f"torch.{dtype}"}
    ids, everywhere = torch.arange(20)[None], torch.ones(1, 20, dtype=torch.bool)
    with torch.no_grad():
        expected, before = model.eval().logits(ids, everywhere), checkpoint.load(base).logits(ids, everywhere)
        found = checkpoint.load(tmp_path / "merged").logits(ids, everywhere)
    assert not torch.allclose(expected, before, atol=1e-2)
    assert_equal_to_rounding(found, expected, predictor.DTYPES[dtype])
    code, _, errors = lift_command(*command)
    assert code == 2
    assert "is not empty" in errors


def test_an_adapter_stays_apart_in_bfloat16(tmp_path):
    """Merged into bfloat16 weights a small update would be rounded away."""
    base = ROOT / "tests/rehearsal/models/llada"
    model = checkpoint.load(base)
    adapted = adapters.attach(model, {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj"]}, 0)
    adapted.save_pretrained(str(tmp_path))
    assert isinstance(adapters.load_trained(base, tmp_path, "cpu"), predictor.MaskPredictor)
    parameters = dict(adapters.load_trained(base, tmp_path, "cpu", torch.bfloat16).named_parameters())
    assert any("lora_A" in name for name in parameters)
    assert {parameter.dtype for parameter in parameters.values()} == {torch.bfloat16}
    assert not any("lora_A" in n for n, _ in adapters.load_trained(base, tmp_path, "cpu").named_parameters())


# ---- tied embeddings

TYING = {"llada": "weight_tying", "dream": "tie_word_embeddings"}
ENDS = {
    "llada": ("model.transformer.wte.weight", "model.transformer.ff_out.weight"),
    "dream": ("model.embed_tokens.weight", "lm_head.weight"),
}


@pytest.fixture
def tied(tmp_path):
    """Make a tied checkpoint: without a head, with the embedding as its head, or with one of its own."""

    def make(name, head=None):
        folder = shutil.copytree(GOLDEN / f"tiny_{name}", tmp_path / f"tied_{name}_{head}")
        config, weights = json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(config | {TYING[name]: True}))
        embedding, own = ENDS[name]
        if head is None:
            weights.pop(own)
        elif head == "embedding":
            weights[own] = weights[embedding].clone()
        save_file(weights, folder / "model.safetensors")
        return folder

    return make


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("head", [None, "embedding"])
def test_a_tied_weight_is_one_parameter(tied, tmp_path, name, head):
    folder = tied(name, head)
    network = checkpoint.load(folder).network
    assert network.lm_head.weight is network.model.embed_tokens.weight
    pointers = [parameter.data_ptr() for parameter in network.parameters()]
    assert len(set(pointers)) == len(pointers)
    checkpoint.save(checkpoint.load(folder), TINY[name], tmp_path / "again")
    written, original = (load_file(path / "model.safetensors") for path in (tmp_path / "again", folder))
    assert written.keys() == original.keys() - {ENDS[name][1]}
    assert all(torch.equal(written[key], original[key]) for key in written)
    again = checkpoint.load(tmp_path / "again").network
    assert again.lm_head.weight is again.model.embed_tokens.weight
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True))


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_a_step_of_full_fine_tuning_moves_a_tied_weight_once(tied, name):
    """As transformers' own tied network moves."""
    model = checkpoint.load(tied(name)).requires_grad_(True)
    reference = type(model.network)(model.network.config)
    reference.load_state_dict(model.network.state_dict())
    reference.model.rotary_emb = model.network.model.rotary_emb
    other = predictor.MaskPredictor(reference, model.mask_id, model.pad_id, model.shift)
    ids, where = torch.arange(24).view(2, 12), torch.ones(2, 12, dtype=torch.bool)
    for one in (model, other):
        optimizer = torch.optim.AdamW(one.parameters(), lr=1e-2, weight_decay=0.1)
        one(ids, where, ids).mean().backward()
        optimizer.step()
    assert len(list(model.parameters())) == len(list(other.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert torch.equal(model.network.lm_head.weight, model.network.model.embed_tokens.weight)


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_a_tied_config_with_a_head_of_its_own_is_not_tied(tied, tmp_path, name):
    """What lies in the files decides, as in transformers 5, and what we write says so."""
    folder = tied(name, "own")
    model, whole = checkpoint.load(folder), tiny(name)
    assert model.network.lm_head.weight is not model.network.model.embed_tokens.weight
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), whole.parameters(), strict=True))
    checkpoint.save(model, TINY[name], tmp_path / "again")
    assert json.loads((tmp_path / "again/config.json").read_text())[TYING[name]] is False
    written, original = (load_file(path / "model.safetensors") for path in (tmp_path / "again", folder))
    assert written.keys() == original.keys()
    assert all(torch.equal(written[key], original[key]) for key in written)


def test_a_head_that_bfloat16_would_make_the_embedding_is_its_own(tied):
    folder = tied("dream", "embedding")
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] *= 1 + 1e-6
    save_file(weights, folder / "model.safetensors")
    for dtype in (torch.float32, torch.bfloat16):
        network = checkpoint.load(folder, dtype=dtype).network
        assert network.lm_head.weight is not network.model.embed_tokens.weight


def test_a_tied_weight_may_be_stored_as_the_head(tied):
    folder = tied("dream", "embedding")
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.embed_tokens.weight")
    save_file(weights, folder / "model.safetensors")
    network = checkpoint.load(folder).network
    assert network.lm_head.weight is network.model.embed_tokens.weight
    assert torch.equal(network.lm_head.weight, weights["lm_head.weight"])


def test_a_tied_model_without_its_embedding_is_named(tied):
    folder = tied("llada")
    weights = load_file(folder / "model.safetensors")
    weights.pop(ENDS["llada"][0])
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"weights are missing, the first is 'lm_head.weight'"):
        checkpoint.load(folder)


def test_a_head_that_came_loose_is_not_lost_in_saving(tied, tmp_path):
    model = checkpoint.load(tied("dream"))
    model.network.lm_head.weight = torch.nn.Parameter(model.network.lm_head.weight + 1)
    with pytest.raises(InputError, match="ties its head to its embedding"):
        checkpoint.save(model, "Dream", tmp_path / "out")


# ---- networks that are let in


SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
} | dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))


def small(kind, **changes):
    """A random network of a kind of transformers', norms and biases included."""
    torch.manual_seed(0)
    network = getattr(transformers, f"{kind}ForCausalLM")(getattr(transformers, f"{kind}Config")(**(SMALL | changes)))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize(
    "kind, changes",
    [
        ("Llama", {}),
        ("Llama", {"attention_bias": True, "mlp_bias": True}),
        ("Llama", {"head_dim": 16}),
        ("Llama", {"num_key_value_heads": 1, "hidden_act": "gelu"}),
        ("Llama", {"attention_dropout": 0.3, "tie_word_embeddings": True}),
        ("Llama", {"rope_parameters": {"rope_theta": 1e4, "rope_type": "linear", "factor": 2.0}}),
        ("Llama", {"rope_parameters": {"rope_theta": 1e4, "rope_type": "yarn", "factor": 4.0}}),
        ("Llama", {"num_hidden_layers": 1}),
        ("Qwen2", {}),
        ("Qwen2", {"sliding_window": 4, "use_sliding_window": False}),
        ("Qwen3", {"head_dim": 8}),
        ("Qwen3", {"head_dim": 12, "attention_bias": True, "tie_word_embeddings": True}),
    ],
)
def test_networks_that_are_let_in_have_the_states_of_the_whole(kind, changes, shift):
    model = predictor.MaskPredictor(small(kind, **changes), 0, 1, shift)
    ids, rows = torch.arange(72).view(3, 24) % 50, torch.arange(3)[:, None]
    positions = torch.tensor([[23, 4, 9], [8, 9, 10], [7, 12, 7]])
    for real in (None, torch.arange(24) >= torch.tensor([0, 3, 6])[:, None]):
        with torch.no_grad():
            whole = model.hidden_states(ids, real)[rows, positions]
            part = model.states_at(ids, positions, real)
        torch.testing.assert_close(part, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "kind, changes",
    [
        *(("Mistral", {}), ("Gemma2", {"head_dim": 8}), ("Granite", {}), ("Olmo2", {}), ("Cohere", {})),
        *(("Phi3", {}), ("SmolLM3", {}), ("StableLm", {}), ("Qwen3Moe", {})),
        *(
            (kind, {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 2})
            for kind in ("Qwen2", "Qwen3")
        ),
    ],
)
def test_networks_that_do_more_are_refused(kind, changes):
    with pytest.raises(InputError, match=r"not supported|layer_types"):
        predictor.MaskPredictor(small(kind, **changes), 0, 1, False)


def test_a_layer_of_another_kind_is_refused():
    network, other = small("Llama"), small("Qwen3")
    network.model.layers[-1] = other.model.layers[-1]
    with pytest.raises(InputError, match="Layer 2 of the LlamaForCausalLM is Qwen3DecoderLayer with Qwen3Attention"):
        predictor.MaskPredictor(network, 0, 1, False)
    network = small("Llama")
    network.model.layers[1].self_attn = other.model.layers[1].self_attn
    with pytest.raises(InputError, match="Layer 1 of the LlamaForCausalLM is LlamaDecoderLayer with Qwen3Attention"):
        predictor.MaskPredictor(network, 0, 1, False)


# ---- values in config.json


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize(
    "key, value",
    [
        *(("hidden_size", value) for value in ("64", None, 64.5, True, -64, 0, [64], {})),
        *(("num_hidden_layers", value) for value in ("2", None, 0)),
        *(("num_attention_heads", value) for value in ("4", None, 3)),
        *(("num_key_value_heads", value) for value in ("2", 3, 0)),
        *(("vocab_size", value) for value in ("160", None, 0)),
        *(("rms_norm_eps", value) for value in ("1e-6", None, True, float("nan"))),
        *(("rope_theta", value) for value in ("10000", None, float("inf"), [1])),
        *(("tie_word_embeddings", value) for value in ("false", None, 0)),
        *((key, value) for key in ("mask_token_id", "pad_token_id") for value in ("3", None, -1, 160, 1.0, [3], True)),
        *(("eos_token_id", value) for value in ("3", 1.5, {}, ["3"])),
        *(("model_type", value) for value in (None, 7, [], ["llada"], {})),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(tmp_path, name, key, value):
    folder = shutil.copytree(GOLDEN / f"tiny_{name}", tmp_path / "m")
    theirs = next((theirs for theirs, ours in families.FAMILIES[TINY[name]].fields.items() if ours == key), key)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {theirs: value}))
    with pytest.raises(InputError, match=rf"config.json: .*{theirs}"):
        checkpoint.load(folder)


def test_what_may_be_left_open_may_be(tmp_path):
    """LLaDA takes as many heads of keys as of queries where their number is null; ends may be several or none."""
    folder = shutil.copytree(GOLDEN / "tiny_llada", tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    for changes in ({"n_kv_heads": None}, {"eos_token_id": [158, 157]}, {"eos_token_id": None}, {"rope_theta": 500000}):
        (folder / "config.json").write_text(json.dumps(config | changes))
        checkpoint.load(folder)


def test_clipped_queries_are_refused(tmp_path):
    folder = shutil.copytree(GOLDEN / "tiny_llada", tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"clip_qkv": 8.0}))
    with pytest.raises(InputError, match=r"clip_qkv is 8.0"):
        checkpoint.load(folder)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_config_with_a_byte_order_mark_is_read(folder, encoding):
    for path in (folder / "config.json", folder / "model.safetensors.index.json"):
        path.write_text(path.read_text(), encoding=encoding)
    assert checkpoint.family_of(folder) == "llada"
    checkpoint.load(folder)


# ---- adapters


@pytest.fixture
def adapter(tmp_path):
    """The folder of an adapter of the rehearsal's LLaDA."""
    model = checkpoint.load(ROOT / "tests/rehearsal/models/llada")
    settings = {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj", "v_proj"]}
    adapters.attach(model, settings, 0).save_pretrained(str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"{", b"version https://git-lfs.github.com/spec/v1\n", None])
def test_a_broken_adapter_is_named(adapter, file, content):
    if content is not None:
        (adapter / file).write_bytes(content)
    elif file == "adapter_model.safetensors":
        (adapter / file).unlink()
    else:
        (adapter / file).write_text(json.dumps(json.loads((adapter / file).read_text()) | {"r": "2"}))
    with pytest.raises(InputError, match=file):
        adapters.load_trained(ROOT / "tests/rehearsal/models/llada", adapter, "cpu")


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.replace("layers", "blocks"),
        lambda name: name.replace("base_model.model.model.", "base_model.model.model.transformer."),
        lambda name: name if "layers.1" in name else "extra." + name,
        lambda name: name if "lora_A" in name else "extra." + name,
    ],
)
def test_an_adapter_that_would_not_be_attached_is_refused(adapter, rename):
    path = adapter / "adapter_model.safetensors"
    save_file({rename(name): weight for name, weight in load_file(path).items()}, path)
    with pytest.raises(InputError, match=r"weights of the adapter are missing, the first is 'base_model"):
        adapters.load_trained(ROOT / "tests/rehearsal/models/llada", adapter, "cpu")


def test_an_adapter_of_another_shape_is_refused(adapter):
    path = adapter / "adapter_model.safetensors"
    save_file({name: weight.repeat(2, 2) for name, weight in load_file(path).items()}, path)
    with pytest.raises(InputError, match="do not fit"):
        adapters.load_trained(ROOT / "tests/rehearsal/models/llada", adapter, "cpu")
