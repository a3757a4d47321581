"""What others load: adapters by the published names, configs that hold what the owners' classes would take otherwise.

golden/llada_adapter is an adapter of all seven layers by the published names. golden/llada_adapter_logits holds the
logits of the owner's LLaDAModelLM with this adapter in it, for the tokens of llada_logits: AutoModel, of transformers
4.46.3, read golden/tiny_llada by the code in the copy of the hub's folder in github.com/radi-cho/reasoning-diffusion at
49e3510, whose second head the logits do not pass, and PEFT 0.14.0 attached the adapter.
"""

import json
import shutil
import warnings

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from lift.errors import InputError
from lift.models import adapters, checkpoint, predictor
from lift.models.families import FAMILIES
from lift.models.snapshot import link_snapshot, source_of
from lift.models.tokenization import load_tokenizer
from tests.conftest import GOLDEN, ROOT
from tests.rounding import assert_equal_to_rounding

FAMILY = {"llada": "llada", "dream": "Dream"}
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SOURCE = ("owner/name", "1" * 40)


def logits(name, folder, dtype=torch.float32):
    ids = load_file(GOLDEN / f"{name}_logits.safetensors")["input_ids"]
    with torch.no_grad():
        model = adapters.load_trained(GOLDEN / f"tiny_{name}", folder, "cpu", dtype)
        return model.logits(ids, torch.ones_like(ids, dtype=torch.bool)).view(*ids.shape, -1)


@pytest.fixture
def shared(tmp_path):
    """A run's adapter, as training writes it, and the folder to share."""

    def make(name, targets=LAYERS):
        model = checkpoint.load(GOLDEN / f"tiny_{name}")
        settings = {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": targets}
        adapted = adapters.attach(model, settings, 0, SOURCE)
        for parameter_name, parameter in adapted.named_parameters():
            if "lora_B" in parameter_name:
                torch.nn.init.normal_(parameter, std=0.3)
        adapted.save_pretrained(str(tmp_path / "run"), save_embedding_layers=False)
        adapters.share(tmp_path / "run", FAMILY[name], tmp_path / "shared", SOURCE)
        return tmp_path / "run", tmp_path / "shared"

    return make


def test_an_adapter_by_the_published_names_has_the_logits_of_the_owners_code(golden):
    expected = golden("llada_adapter_logits")["logits"]
    assert_equal_to_rounding(logits("llada", GOLDEN / "llada_adapter"), expected)
    assert (expected - golden("llada_logits")["logits"]).abs().max() > 1


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_shared_adapter_is_the_runs_by_all_its_names(shared, name, dtype):
    run, folder = shared(name)
    forms = [folder, *folder.glob("transformers")]
    assert len(forms) == (2 if name == "llada" else 1)
    expected = logits(name, run, predictor.DTYPES[dtype])
    assert not torch.allclose(expected, logits(name, None, predictor.DTYPES[dtype]), atol=1e-2)
    for form in forms:
        assert torch.equal(logits(name, form, predictor.DTYPES[dtype]), expected)


def tree(weights):
    """A network that computes nothing, of modules under the names of its weights, as the owner's class has them."""
    root = torch.nn.Module()
    for name, weight in sorted(weights.items(), reverse=True):  # a weight before its bias
        *path, last, _ = name.split(".")
        place = root
        for part in path:
            if not hasattr(place, part):
                place.add_module(part, torch.nn.Module())
            place = getattr(place, part)
        if not hasattr(place, last):
            leaf = torch.nn.Linear(*reversed(weight.shape), bias=False) if weight.dim() == 2 else torch.nn.Module()
            place.add_module(last, leaf)
        setattr(getattr(place, last), name.rpartition(".")[2], torch.nn.Parameter(weight.clone()))
    return root


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("targets", [LAYERS, ["q_proj", "v_proj"], ["down_proj", "o_proj"]])
def test_peft_attaches_a_shared_adapter_to_the_published_layers(shared, name, targets):
    """Every weight finds its layer, no other layer is touched, the head of LLaDA included, and the sums are ours."""
    run, folder = shared(name, targets)
    published = load_file(GOLDEN / f"tiny_{name}/model.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # PEFT only warns of what it does not find
        adapted = peft.PeftModel.from_pretrained(tree(published), str(folder))
    found = adapted.merge_and_unload().state_dict()
    ours = adapters.load_trained(GOLDEN / f"tiny_{name}", run, "cpu").network.state_dict()
    back = checkpoint.published_names(FAMILY[name])
    assert found.keys() == {checkpoint.translate(key, back) for key in ours}
    assert all(torch.equal(found[checkpoint.translate(key, back)], weight) for key, weight in ours.items())
    changed = [key for key in published if not torch.equal(found[key], published[key])]
    assert len(changed) == 2 * len(targets)


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_an_adapter_names_its_base_and_nothing_of_the_machine(shared, tmp_path, name):
    run, folder = shared(name)
    for path in (run, folder, *folder.glob("transformers")):
        config = json.loads((path / "adapter_config.json").read_text())
        assert (config["base_model_name_or_path"], config["revision"]) == SOURCE
        assert config["target_modules"] == sorted(config["target_modules"])
        assert str(tmp_path) not in (path / "adapter_config.json").read_text()


def test_a_run_of_a_local_base_names_none():
    model = checkpoint.load(GOLDEN / "tiny_llada")
    settings = {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj"]}
    config = adapters.attach(model, settings, 0, source_of(GOLDEN / "tiny_llada")).peft_config["default"]
    assert config.base_model_name_or_path is config.revision is None


def test_a_layer_that_is_missing_from_a_shared_adapter_is_named(shared):
    _, folder = shared("llada")
    path = folder / "adapter_model.safetensors"
    save_file({name: weight for name, weight in load_file(path).items() if "blocks.1.ff_out" not in name}, path)
    with pytest.raises(InputError, match=r"2 weights of the adapter are missing, .*layers.1.mlp.down_proj"):
        adapters.load_trained(GOLDEN / "tiny_llada", folder, "cpu")


# ---- merged checkpoints


@pytest.fixture
def snapshot(tmp_path):
    """A base model as the hub's cache and our links have it; and that is all that is fetched, no code."""

    def make(name, **config):
        folder = tmp_path / f"models--owner--{name}" / "snapshots" / ("1" * 40)
        shutil.copytree(ROOT / "tests/rehearsal/models" / name, folder)
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | config))
        link_snapshot(folder, FAMILY[name], tmp_path / "base")
        return tmp_path / "base"

    return make


def test_where_a_snapshot_comes_from_is_read_back(snapshot):
    assert source_of(snapshot("llada")) == ("owner/llada", "1" * 40)
    assert source_of(ROOT / "tests/rehearsal/models/llada") == (None, None)


CODE = {"AutoConfig": "configuration_x.XConfig", "AutoModel": "modeling_x.XModel"}


def merged(lift_command, base, tmp_path, *options):
    run = tmp_path / "run"
    checkpoint.save(checkpoint.load(base), checkpoint.family_of(base), run)
    code, said, _ = lift_command("merge", "--model", base, "--run", run, "--output", tmp_path / "merged", *options)
    assert code == 0
    return json.loads((tmp_path / "merged/config.json").read_text()), said


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_a_merged_model_of_the_hub_names_the_owners_code_there(snapshot, lift_command, tmp_path, name):
    base = snapshot(name, auto_map=CODE, torch_dtype="bfloat16")
    config, said = merged(lift_command, base, tmp_path, "--dtype", "float32")
    assert config["auto_map"] == {
        "AutoConfig": f"owner/{name}--configuration_x.XConfig",
        "AutoModel": f"owner/{name}--modeling_x.XModel",
    }
    assert config["torch_dtype"] == "float32"
    same = json.loads((base / "config.json").read_text())
    assert {**config, "auto_map": CODE, "torch_dtype": "bfloat16"} == same
    assert "not there" not in said
    assert not (tmp_path / "merged/source.json").exists()  # it is no longer what came from there
    assert load_tokenizer(tmp_path / "merged").get_vocab() == load_tokenizer(base).get_vocab()
    if name == "dream":
        tokenizer = json.loads((tmp_path / "merged/tokenizer_config.json").read_text())
        assert tokenizer["auto_map"] == {"AutoTokenizer": ["owner/dream--tokenization_dream.DreamTokenizer", None]}
        tokenizer["auto_map"]["AutoTokenizer"][0] = "tokenization_dream.DreamTokenizer"
        assert tokenizer == json.loads((base / "tokenizer_config.json").read_text())


def test_a_merged_model_of_a_folder_keeps_the_code_beside_it(lift_command, tmp_path):
    base = shutil.copytree(ROOT / "tests/rehearsal/models/llada", tmp_path / "base")
    config = json.loads((base / "config.json").read_text()) | {"auto_map": CODE}
    (base / "config.json").write_text(json.dumps(config))
    for name in ("configuration_x.py", "modeling_x.py"):
        (base / name).write_text("")
    found, said = merged(lift_command, base, tmp_path)
    assert found == config
    assert (tmp_path / "merged/modeling_x.py").is_file()
    assert "not there" not in said
    shutil.rmtree(tmp_path / "merged")
    (base / "modeling_x.py").unlink()
    found, said = merged(lift_command, base, tmp_path)
    assert found == config
    assert "modeling_x.py, not there; --base OWNER/NAME" in said
    shutil.rmtree(tmp_path / "merged")
    found, said = merged(lift_command, base, tmp_path, "--base", "a/b")
    assert found["auto_map"]["AutoModel"] == "a/b--modeling_x.XModel"
    assert "not there" not in said


# ---- config.json for the owners' classes

# What the owners' config classes take where config.json says nothing. LLaDA: ModelConfig and LLaDAConfig in
# configuration_llada.py, in the copy of the hub's folder in github.com/radi-cho/reasoning-diffusion at 49e3510, and the
# same in github.com/NVlabs/Fast-dLLM at 24cc59e. Dream: DreamConfig in configuration_dream.py, in github.com/
# ZHZisZZ/dllm at ca17675, and the same in Fast-dLLM.
DEFAULTS = {
    "llada": {
        "d_model": 768,
        "n_heads": 12,
        "n_kv_heads": None,
        "n_layers": 12,
        "mlp_ratio": 4,
        "mlp_hidden_size": None,
        "activation_type": "swiglu",
        "block_type": "sequential",
        "block_group_size": 1,
        "alibi": False,
        "alibi_bias_max": 8.0,
        "rope": False,
        "rope_full_precision": True,
        "flash_attention": False,
        "attention_dropout": 0.1,
        "multi_query_attention": None,
        "attention_layer_norm": False,
        "residual_dropout": 0.1,
        "embedding_dropout": 0.1,
        "input_emb_norm": False,
        "layer_norm_type": "default",
        "layer_norm_with_affine": True,
        "rms_norm_eps": 1e-5,
        "attention_layer_norm_with_affine": True,
        "max_sequence_length": 1024,
        "rope_theta": 10000.0,
        "include_qkv_bias": False,
        "include_bias": False,
        "bias_for_layer_norm": None,
        "scale_logits": False,
        "vocab_size": 50257,
        "embedding_size": 50304,
        "weight_tying": True,
        "eos_token_id": 50256,
        "pad_token_id": 50256,
        "mask_token_id": 50256,
        "init_device": None,
        "init_fn": "normal",
        "init_std": 0.02,
        "init_cutoff_factor": None,
        "precision": None,
        "use_cache": False,
    },
    "dream": {
        "vocab_size": 151936,
        "hidden_size": 4096,
        "intermediate_size": 22016,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "initializer_range": 0.02,
        "rms_norm_eps": 1e-6,
        "use_cache": False,
        "tie_word_embeddings": False,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "use_sliding_window": False,
        "sliding_window": 4096,
        "max_window_layers": 28,
        "attention_dropout": 0.0,
        "mask_token_id": 151666,
        "pad_token_id": 151643,
    },
}
NO_EFFECT = {
    "llada": {
        *("init_device", "init_fn", "init_std", "init_cutoff_factor"),  # weights are read
        "precision",  # read by the owner's training only
        "bias_for_layer_norm",  # None is what include_bias is
    },
    "dream": {
        "use_cache",  # returns one, and computes the same
        "sliding_window",  # counts only with use_sliding_window
    },
}


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_a_written_config_leaves_no_default_of_the_owners_class_to_change_the_network(tmp_path, name):
    """Of what the class makes of it: sizes and tokens are the model's, all else is as published."""
    checkpoint.save(checkpoint.load(GOLDEN / f"tiny_{name}"), FAMILY[name], tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    tiny = json.loads((GOLDEN / f"tiny_{name}/config.json").read_text())
    published = json.loads((ROOT / f"tests/published/{name}/config.json").read_text())
    own = {*FAMILIES[FAMILY[name]].fields, "vocab_size", "rope_theta", "mask_token_id", "pad_token_id", "eos_token_id"}
    for key in DEFAULTS[name].keys() - NO_EFFECT[name]:
        found = (DEFAULTS[name] | written)[key]
        assert found == (tiny[key] if key in own else published.get(key, DEFAULTS[name][key])), key


def test_the_dropouts_of_llada_are_written():
    """As the shipped base has them: in training, the owner's class would drop a tenth."""
    shipped = json.loads((ROOT / "lift/miniature/weights/config.json").read_text())
    assert {key: value for key, value in shipped.items() if "dropout" in key} == FAMILIES["llada"].written
    assert list(FAMILIES["llada"].written.values()) == [0.0] * 3
