"""Published models by their configs, as public material shows them (docs/models.md), whole and as small networks."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lift.config import configuration
from lift.config.experiment import Experiment
from lift.errors import InputError
from lift.models import adapters, checkpoint, families, special_tokens, tokenization
from lift.models import shape as shapes
from lift.models.snapshot import link_snapshot
from tests.conftest import GOLDEN, ROOT, TINY, tiny
from tests.rounding import assert_equal_to_rounding
from tests.stage_config import TRAINING, write_config

LLADA, DREAM = (json.loads((ROOT / f"tests/published/{name}/config.json").read_text()) for name in ("llada", "dream"))
QWEN = {
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "rope_scaling": None,
    "use_sliding_window": False,
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "vocab_size": 151936,
}
QWEN_05B = QWEN | {
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": True,
}
QWEN3 = QWEN | {
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "attention_bias": False,
    "max_position_embeddings": 40960,
}
ILLADA = {
    "model_type": "illada",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 155136,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "layer_norm_eps": None,
    "rms_norm_eps": 1e-6,
    "rope_theta": 5e5,  # not seen, as rms_norm_eps
    "rope_scaling": None,
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
}
CHATML = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
# Name: family, config.json, parameters, tokens beside the words, and which of them are the mask, the padding, the end.
PUBLISHED = {
    "LLaDA-8B-Base": ("llada", LLADA, 8_015_581_184, ("<|endoftext|>", "<|mdm_mask|>"), (None, 0, 0)),
    "LLaDA-1.5": ("llada", LLADA, 8_015_581_184, ("<|endoftext|>", "<|mdm_mask|>"), (None, 0, 0)),
    "DiffuCoder-7B": ("Dream", DREAM, 7_615_616_512, (*CHATML, "<|mask|>", "<|dlm_pad|>"), (3, 4, 2)),
    "Dream-Coder-7B": ("Dream", DREAM | {"bos_token_id": 151665}, 7_615_616_512, (*CHATML, "<|mask|>"), (3, 2, 2)),
    "Qwen2.5-Coder-0.5B-mdlm": (
        *("a2d-qwen2", QWEN_05B | {"model_type": "a2d-qwen2"}, 494_032_768, (*CHATML, "<|mask|>"), (3, 2, 1)),
    ),
    "Qwen3-0.6B-mdlm": (
        "a2d-qwen3",
        QWEN3
        | {"model_type": "a2d-qwen3", "hidden_size": 1024, "intermediate_size": 3072, "tie_word_embeddings": True},
        *(596_049_920, (*CHATML, "<|mask|>"), (3, 2, 1)),
    ),
    "open-dcoder-0.5B": (
        *("open-dcoder", QWEN_05B | {"model_type": "qwen2"}, 494_032_768, (*CHATML, "<M>"), (3, 2, 2)),
    ),
    "CoDA-v0-Instruct": (
        "CoDA",
        QWEN3
        | {"model_type": "CoDA", "hidden_size": 2048, "intermediate_size": 6144}
        | {"mask_token_id": 151669, "pad_token_id": 151643},
        *(2_031_739_904, (*CHATML, "<|mask|>"), (3, 2, 1)),
    ),
    "iLLaDA-8B": ("illada", ILLADA, 7_615_025_152, ("<[BOS]>", "<[PAD]>", "<[EOS]>", "<[MASK]>"), (None, 1, 2)),
}
TEMPLATE = (
    "{% for message in messages %}<|im_start|> {{ message['role'] }} {{ message['content'] }} <|im_end|> {% endfor %}"
)


def full_attention(network, ids):
    """The logits of a transformers network, as it reads by itself where the mask hides nothing."""
    network.set_attn_implementation("eager")
    nothing = torch.zeros(len(ids), 1, ids.shape[1], ids.shape[1])
    with torch.no_grad():
        return network.eval()(input_ids=ids, attention_mask=nothing).logits


def shifted(logits, shift):
    return torch.cat([logits[:, :1], logits[:, :-1]], dim=1) if shift else logits


def whole(model, ids):
    with torch.no_grad():
        return model.logits(ids, torch.ones_like(ids, dtype=torch.bool)).view(*ids.shape, -1)


def write_small(folder, name, size=200):
    """A published model in small: its config and tokens, each of these with an id of the small vocabulary."""
    family, config, _, special, (mask, pad, end) = PUBLISHED[name]
    folder.mkdir(parents=True)
    entry, config = families.FAMILIES[family], dict(config)
    names = {ours: theirs for theirs, ours in entry.fields.items()}
    small = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    small |= {"num_key_value_heads": 2, "vocab_size": size, "max_position_embeddings": 128, "head_dim": 24}
    config |= {names[ours]: value for ours, value in small.items() if ours in names}
    ids = {token: size - 1 - place for place, token in enumerate(reversed(special))}
    called = {"mask_token_id": "<|mdm_mask|>" if mask is None else special[mask]}
    called |= {"pad_token_id": "<|endoftext|>" if family != "illada" else special[pad], "eos_token_id": special[end]}
    config |= {key: ids[token] for key, token in called.items() if key in config}
    (folder / "config.json").write_text(json.dumps(config))
    vocabulary = {f"w{i}": i for i in range(size - len(special))} | ids
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    named = {"eos_token": special[end], "pad_token": special[pad]} | ({"mask_token": special[mask]} if mask else {})
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    values = entry.values(config) | {"rope_parameters": {"rope_type": "default", "rope_theta": config["rope_theta"]}}
    torch.manual_seed(0)
    network = entry.network(entry.config(**values, use_cache=False))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    back = [(ours, theirs) for theirs, ours in entry.renames]
    weights = {checkpoint.translate(key, back): value for key, value in network.state_dict().items()}
    save_file({key: value.clone() for key, value in weights.items()}, folder / "model.safetensors")
    return network


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_config_is_that_of_its_family(tmp_path, name):
    """Its parameters are those that its owners or its card count."""
    family, config, parameters, *_ = PUBLISHED[name]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert checkpoint.family_of(tmp_path, family) == family
    _, _, ours = checkpoint._network_config(tmp_path, family)
    with torch.device("meta"):
        network = families.FAMILIES[family].network(ours)
    assert sum(p.numel() for p in network.parameters()) == parameters
    shape = shapes.read_shape(tmp_path / "config.json", family)
    assert shapes.parameters(shape) == parameters
    assert shape == shapes.PUBLISHED[family]  # which a plan takes before the model is here


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_in_small_is_read(tmp_path, name):
    """The logits are those of transformers' own network with full attention; its tokens are those of the files."""
    family, _, _, special, (mask, pad, end) = PUBLISHED[name]
    expected = write_small(tmp_path / "model", name)
    model = checkpoint.load(tmp_path / "model", family=family)
    ids = torch.arange(1, 49).view(2, 24)
    assert_equal_to_rounding(whole(model, ids), shifted(full_attention(expected, ids), model.shift))
    tokenizer = tokenization.load_tokenizer(tmp_path / "model", family)
    assert tokenizer.mask_token == (special[-1] if mask is None else special[mask])
    assert tokenizer.convert_tokens_to_ids([tokenizer.mask_token, special[pad]]) == [model.mask_id, model.pad_id]
    assert tokenizer.eos_token == special[end]


def test_each_family_has_a_small_checkpoint():
    assert list(TINY.values()) == list(families.FAMILIES)


# ---- what transformers' own classes read


OWN_NAMES = [name for name in TINY if name != "llada"]  # transformers' names of weights, and keys of config.json


def read_by_transformers(folder, name):
    entry = families.FAMILIES[TINY[name]]
    config = entry.config.from_pretrained(folder)
    return entry.network.from_pretrained(folder, config=config)


@pytest.mark.parametrize("name", OWN_NAMES)
def test_what_we_save_transformers_reads(tmp_path, name):
    model, ids = tiny(name), torch.arange(10, 58).view(2, 24)
    checkpoint.save(model, TINY[name], tmp_path)
    network = read_by_transformers(tmp_path, name)
    assert_equal_to_rounding(whole(model, ids), shifted(full_attention(network, ids), model.shift))


@pytest.mark.parametrize("name", OWN_NAMES)
@pytest.mark.parametrize("own_head", [False, True])
def test_what_is_merged_transformers_reads(tmp_path, lift_command, name, own_head):
    """Also where config.json ties the head to the embedding, and the files have another one."""
    base, ids = shutil.copytree(GOLDEN / f"tiny_{name}", tmp_path / "base"), torch.arange(10, 58).view(2, 24)
    if own_head:
        weights = load_file(base / "model.safetensors")
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"] + 0.1
        save_file(weights, base / "model.safetensors", {"format": "pt"})
    model = checkpoint.load(base, family=TINY[name])
    lora = {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj", "o_proj"]}
    adapted = adapters.attach(model, lora, 0)
    for place, parameter in adapted.named_parameters():
        if "lora_B" in place:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted.save_pretrained(str(tmp_path / "run"))
    command = ["merge", "--model", base, "--family", TINY[name], "--run", tmp_path / "run"]
    assert lift_command(*command, "--output", tmp_path / "merged", "--dtype", "float32")[0] == 0
    network = read_by_transformers(tmp_path / "merged", name)
    assert_equal_to_rounding(whole(model.eval(), ids), shifted(full_attention(network, ids), model.shift))


@pytest.mark.parametrize("kind, family", [("Qwen2", "open-dcoder"), ("Qwen2", "a2d-qwen2"), ("Qwen3", "a2d-qwen3")])
def test_what_transformers_saves_is_read(tmp_path, kind, family):
    """A model of one's own, saved by transformers 5, with the base of its rotary angles where that writes it."""
    source = "a2d_qwen3" if kind == "Qwen3" else "a2d_qwen2"
    network, ids = read_by_transformers(GOLDEN / f"tiny_{source}", source), torch.arange(10, 58).view(2, 24)
    network.config.model_type = kind.lower()
    network.save_pretrained(tmp_path)
    assert "rope_theta" not in json.loads((tmp_path / "config.json").read_text())
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(GOLDEN / f"tiny_{source}" / file, tmp_path)
    model = checkpoint.load(tmp_path, family=family)
    assert model.shift == (family == "open-dcoder")
    assert_equal_to_rounding(whole(model, ids), shifted(full_attention(network, ids), model.shift))


# ---- which family it is


def with_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def copied(tmp_path):
    return lambda name: shutil.copytree(GOLDEN / f"tiny_{name}", tmp_path / name)


def test_a_model_type_that_two_families_have_is_told_by_the_config(copied):
    folder = copied("open_dcoder")
    for read in (checkpoint.family_of, checkpoint.load, tokenization.load_tokenizer):
        with pytest.raises(InputError, match=r"'qwen2', which a2d-qwen2 and open-dcoder have; say which: `family`"):
            read(folder)
    with pytest.raises(InputError, match=r"'qwen2'.* of the family a2d-qwen2 or open-dcoder, not CoDA"):
        checkpoint.load(folder, family="CoDA")
    assert checkpoint.load(folder, family="open-dcoder").shift
    with pytest.raises(InputError, match=r"the family a2d-qwen3, not a2d-qwen2"):
        link_snapshot(copied("a2d_qwen3"), "a2d-qwen2", folder)


MOE = {"model_type": "llada", "num_experts": 64, "hidden_size": 2048, "expert_intermediate_size": 1024}


@pytest.mark.parametrize("config", [MOE, LLADA | {"architectures": ["LLaDAMoEModelLM"]}])
def test_llada_moe_is_refused_by_name(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer_config.json").touch()
    for read in (
        checkpoint.load,
        tokenization.load_tokenizer,
        lambda folder: shapes.read_shape(folder / "config.json"),
    ):
        with pytest.raises(InputError, match=r"this is LLaDA-MoE, a mixture of experts.*not supported"):
            read(tmp_path)
    found = list(configuration._check_family("models.m", {"base": str(tmp_path), "family": "llada"}))
    assert len(found) == 1
    assert "models.m.base" in found[0]
    assert "LLaDA-MoE" in found[0]


@pytest.mark.parametrize(
    "name, family, said",
    [
        ("open_dcoder", "llada", ["models.m.family: 'llada'", "is 'qwen2'", "'a2d-qwen2' or 'open-dcoder'"]),
        ("a2d_qwen3", "a2d-qwen2", ["models.m.family: 'a2d-qwen2'", "is 'a2d-qwen3'", "say 'a2d-qwen3'"]),
        ("open_dcoder", "a2d-qwen2", []),
        ("coda", "CoDA", []),
    ],
)
def test_the_config_says_which_family_fits(name, family, said):
    found = list(configuration._check_family("models.m", {"base": str(GOLDEN / f"tiny_{name}"), "family": family}))
    assert len(found) == bool(said)
    assert [part for part in said if part not in found[0]] == []


@pytest.mark.parametrize(
    "name, changes, message",
    [
        ("a2d_qwen3", {"attention_bias": True}, "attention_bias is True, but only False is supported"),
        ("a2d_qwen2", {"use_sliding_window": True}, "use_sliding_window is True"),
        ("a2d_qwen2", {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, r"rope_scaling is .*without scaling"),
        ("a2d_qwen3", {"rope_scaling": {"type": "default", "factor": 2.0}}, r"rope_scaling is .*without scaling"),
        ("a2d_qwen3", {"rope_parameters": {"rope_type": "linear"}}, r"rope_parameters is .*without scaling"),
        ("a2d_qwen3", {"rope_parameters": "default"}, r"rope_parameters is 'default'"),
        ("a2d_qwen3", {"head_dim": 23}, "head_dim is 23; it should be even"),
        ("a2d_qwen3", {"head_dim": "24"}, "head_dim is '24'; it should be a whole number"),
        ("a2d_qwen3", {"num_key_value_heads": 3}, "num_attention_heads 4 is no multiple of num_key_value_heads 3"),
        ("a2d_qwen2", {"head_dim": 24}, r"head_dim is 24, but hidden_size / num_attention_heads is 16"),
        ("illada", {"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05, but only None is supported"),
    ],
)
def test_what_a_network_does_not_do_is_refused(copied, name, changes, message):
    with pytest.raises(InputError, match=message):
        checkpoint.load(with_config(copied(name), **changes), family=TINY[name])


def test_scaling_by_nothing_is_none(copied):
    folder = with_config(copied("illada"), rope_scaling={"type": "default", "factor": 1.0}, head_dim=16)
    checkpoint.load(folder)


# ---- mask and padding


@pytest.mark.parametrize("name", TINY)
def test_mask_and_padding_are_found(name):
    model = tiny(name)
    expected = (5, 1) if name == "illada" else (159, 158)
    assert (model.mask_id, model.pad_id) == expected


def change_tokenizer(folder, **changes):
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))


def test_config_json_goes_before_the_tokenizer_and_that_before_the_family(copied):
    folder = copied("a2d_qwen2")
    change_tokenizer(folder, mask_token=None)
    assert checkpoint.load(folder).mask_id == 159  # by its text
    assert tokenization.load_tokenizer(folder).mask_token == "<|mask|>"
    change_tokenizer(folder, mask_token="w7", pad_token=None)
    model = checkpoint.load(folder)
    assert model.mask_id == special_tokens.read_tokenizer(folder).convert_tokens_to_ids("w7")
    assert model.pad_id == 157  # the end token, where nothing says what the padding is
    with_config(folder, mask_token_id=150, pad_token_id=151)
    model = checkpoint.load(folder)
    assert (model.mask_id, model.pad_id) == (150, 151)
    with pytest.raises(InputError, match=r"mask_token_id is \d+ in the tokenizer and 150 in config.json"):
        tokenization.load_tokenizer(folder)


def test_a_mask_that_nothing_names_is_asked_for(copied):
    folder = copied("a2d_qwen3")
    spec = json.loads((folder / "tokenizer.json").read_text())
    spec["added_tokens"] = [added for added in spec["added_tokens"] if added["content"] != "<|mask|>"]
    spec["model"]["vocab"].pop("<|mask|>")
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    change_tokenizer(folder, mask_token=None)
    for read in (checkpoint.load, tokenization.load_tokenizer):
        with pytest.raises(InputError, match=r"config.json: mask_token_id is None, .* nor is '<\|mask\|>' one of its"):
            read(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"config.json: mask_token_id is None, and no tokenizer beside it names one"):
        checkpoint.load(folder)


def test_padding_that_the_family_does_not_know_is_refused(tmp_path):
    write_small(tmp_path / "model", "DiffuCoder-7B")
    change_tokenizer(tmp_path / "model", pad_token="<|im_end|>")
    with pytest.raises(InputError, match=r"pad_token_id is \d+ in the tokenizer and \d+ in config.json"):
        tokenization.load_tokenizer(tmp_path / "model", "Dream")


# ---- the chat template


def test_a_template_is_given_what_the_family_says():
    """Qwen3's, without a thought of its own: also around text that names a control token."""
    tokenizer = tokenization.load_tokenizer(GOLDEN / "tiny_a2d_qwen3")
    plain = special_tokens.read_tokenizer(GOLDEN / "tiny_a2d_qwen3")
    chat = [{"role": "user", "content": "w3"}]
    rendered = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    expected = {"tokenize": False, "add_generation_prompt": True}
    assert rendered == plain.apply_chat_template(chat, enable_thinking=False, **expected)
    assert rendered != plain.apply_chat_template(chat, **expected)
    assert rendered.endswith("<|im_start|> assistant <think> </think> ")
    assert tokenizer.decode(tokenization.encode_prompts(tokenizer, ["w3"])[0]) == rendered.strip()
    example = tokenization.encode_example(tokenizer, "w3", "w4 w5")
    assert tokenizer.decode(example["input_ids"][example["prompt_length"] :]) == "w4 w5 <|im_end|>"


@pytest.mark.parametrize("name", [name for name in TINY if name not in ("llada", "dream")])
def test_the_ends_of_a_response_end_an_answer(name):
    """What a response is taught to end with: the end of the turn and the end token, then padding."""
    tokenizer = tokenization.load_tokenizer(GOLDEN / f"tiny_{name}", TINY[name])
    example = tokenization.encode_example(tokenizer, "w3", "w4")
    span = example["input_ids"][example["prompt_length"] :]
    turn, end = tokenization.end_of_turn(tokenizer), tokenizer.eos_token_id
    assert span[1:] == list(dict.fromkeys([turn, end]))


# ---- the stages


def test_another_family_makes_everything_again():
    """A folder's model_type may be that of two families: what is made with one is not that of the other."""
    found = []
    for family in ("a2d-qwen2", "open-dcoder"):
        config = configuration.load_config(ROOT / "tests/config/smoke.yaml")
        config["models"] = {"m": config["models"]["tiny-llada"] | {"family": family}}
        of, method = Experiment(config), next(iter(config["methods"]))
        corpus = next(iter(config["corpora"]))
        found.append([of.base("m"), of.tokenised("m", corpus), of.statistics("m"), of.run("m", method)])
        found[-1].append(of.decoding("m", method, 0))
    assert all(one != other for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("name", [name for name in TINY if name not in ("llada", "dream")])
def test_every_stage_knows_the_family(tmp_path, monkeypatch, lift_command, name):
    """By the model's entry of the config: from the corpus to answers, with an adapter."""
    training = TRAINING | {"lora": {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj"]}}
    models = {"m": {"base": str(GOLDEN / f"tiny_{name}"), "family": TINY[name]}}
    path, experiment = write_config(tmp_path, models=models, training=training)
    monkeypatch.chdir(tmp_path)
    for stage, *arguments in (
        ("prepare-corpus", "--corpus", "c"),
        ("tokenise", "--model", "m", "--corpus", "c"),
        ("statistics", "--model", "m"),
        ("finetune", "--model", "m", "--method", "lift", "--seed", "0"),
        ("prepare-benchmark", "--benchmark", "mini-gsm"),
        ("decode", "--model", "m", "--method", "lift", "--seed", "0"),
    ):
        code, _, errors = lift_command(stage, "--config", path, *arguments)
        assert code == 0, errors
    answers = experiment.layout.generations("m", "lift", 0) / "greedy/mini-gsm.jsonl"
    assert len(answers.read_text().splitlines()) == 4


def test_no_tensor_of_the_cpu_meets_one_of_another_device():
    """Passes, heads, draws and masks of every family, on a device that is pretended: tests/pretended_device.py."""
    pairs = [f"{GOLDEN / f'tiny_{name}'}={family}" for name, family in TINY.items()]
    command = [sys.executable, "tests/pretended_device.py", *pairs]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["mix", "draws", *TINY.values()]
