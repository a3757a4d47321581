"""Checkpoints in LLaDA's and Dream's published layouts, read and written: safetensors, renamed on the way."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import safe_open

from lift.errors import InputError
from lift.models.families import FAMILIES, Family
from lift.models.model_files import read_json, weight_files
from lift.models.predictor import FullPrecisionRotary, MaskPredictor
from lift.models.quantisation import matrix_names, put_linears, quantise

_EMBEDDING, _HEAD = "model.embed_tokens.weight", "lm_head.weight"
_KINDS = {  # what else than a whole number above zero our keys ask for
    "rms_norm_eps": "a number above zero",
    "rope_theta": "a number above zero",
    "tie_word_embeddings": "true or false",
}


def _fits(value: object, kind: str) -> bool:
    if kind == "true or false":
        return isinstance(value, bool)
    types = int if kind == "a whole number above zero" else (int, float)
    return isinstance(value, types) and not isinstance(value, bool) and 0 < value < math.inf


def _check_values(path: Path, family: Family, published: dict) -> None:
    """Raises InputError where a value is not of its kind, or does not fit another."""
    for theirs, ours in [*family.fields.items(), ("rope_theta", "rope_theta")]:
        value, kind = published[theirs], _KINDS.get(ours, "a whole number above zero")
        # without a number of key and value heads there are as many as of the others
        if not _fits(value, kind) and not (ours == "num_key_value_heads" and value is None):
            raise InputError(f"{path}: {theirs} is {value!r}; it should be {kind}.")
    names = {ours: theirs for theirs, ours in family.fields.items()}
    hidden, heads, few, size = (
        names[ours] for ours in ("hidden_size", "num_attention_heads", "num_key_value_heads", "vocab_size")
    )
    for whole, part in ((hidden, heads), (heads, few)):
        if published[part] is not None and published[whole] % published[part]:
            raise InputError(f"{path}: {whole} {published[whole]} is no multiple of {part} {published[part]}.")
    if published[hidden] // published[heads] % 2:
        raise InputError(f"{path}: {hidden} / {heads} is {published[hidden] // published[heads]}; it should be even.")
    for name in ("mask_token_id", "pad_token_id"):
        token = published[name]
        if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < published[size]:
            raise InputError(f"{path}: {name} is {token!r}; it should be a token, from 0 to {published[size] - 1}.")
    ends = published.get("eos_token_id")
    if ends is not None and not all(isinstance(token, int) for token in (ends if isinstance(ends, list) else [ends])):
        raise InputError(f"{path}: eos_token_id is {ends!r}; it should be a token.")


def _network_config(folder: Path) -> tuple[Family, dict, object]:
    """The family, the published config and the transformers config of a checkpoint folder."""
    path = folder / "config.json"
    published = read_json(path)
    kind = published.get("model_type")
    if kind not in list(FAMILIES):  # which may be asked for a list, too
        raise InputError(f"{path}: model_type is {kind!r}; known are {', '.join(FAMILIES)}.")
    family = FAMILIES[kind]
    for name in [*family.fields, "rope_theta", "mask_token_id", "pad_token_id"]:
        if name not in published:
            raise InputError(f"{path}: the key {name!r} is missing.")
    for name, expected in family.constants.items():
        if published.get(name, expected) != expected:
            raise InputError(f"{path}: {name} is {published[name]!r}, but only {expected!r} is supported.")
    _check_values(path, family, published)
    ours = {our: published[theirs] for theirs, our in family.fields.items()}
    rope = {"rope_type": "default", "rope_theta": float(published["rope_theta"])}
    config = family.config(
        **ours,
        rope_parameters=rope,
        use_cache=False,
        pad_token_id=None,  # given one, the network would not train its embedding, though the model learns to write it
        eos_token_id=published.get("eos_token_id"),
    )
    return family, published, config


def family_of(folder: Path) -> str:
    """The name in FAMILIES of a checkpoint's family."""
    return _network_config(folder)[1]["model_type"]


def translate(name: str, templates: Iterable[tuple[str, str]]) -> str | None:
    """The name under the first template (source, target) whose source fits; None where none does."""
    for source, target in templates:
        pattern = re.escape(source).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\{rest\}", "(?P<rest>.+)")
        if match := re.fullmatch(pattern, name):
            return target.format(**match.groupdict())
    return None


def load(
    folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32, quantisation: str | None = None
) -> MaskPredictor:
    """Read a checkpoint in LLaDA's or Dream's published layout. Raises InputError that names what is wrong.

    quantisation: "nf4" for matrices of 4 bits; each is quantised as it is read, so that they never all stand whole.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("device cuda: PyTorch can use no GPU here; set `device: cpu` in the config.")
    family, published, config = _network_config(folder)
    with torch.device("meta"):
        network = family.network(config)
    expected, weights, places = dict(network.state_dict()), {}, {}
    quantised = matrix_names(network) if quantisation else set()
    for path in weight_files(folder):
        with safe_open(path, "pt", device=device) as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                ours, place = translate(name, family.renames), f"{path}: the weight {name!r}"
                if ours not in expected:
                    raise InputError(f"{place} has no place in a {published['model_type']} model.")
                weight = file.get_tensor(name)
                if weight.shape != expected[ours].shape:
                    shapes = f"{tuple(weight.shape)}, config.json says {tuple(expected[ours].shape)}"
                    raise InputError(f"{place} has shape {shapes}.")
                weight = weight.to(dtype)
                weights[ours], places[ours] = quantise(weight) if ours in quantised else weight, place
    if config.tie_word_embeddings and _EMBEDDING in weights:
        head = weights.setdefault(_HEAD, weights[_EMBEDDING])
        if not torch.equal(head, weights[_EMBEDDING]):
            name = next(theirs for theirs, ours in family.fields.items() if ours == "tie_word_embeddings")
            raise InputError(f"{places[_HEAD]} is not the embedding, but {name} in config.json is true; make it false.")
    missing = sorted(expected.keys() - weights.keys())
    if missing:
        raise InputError(f"{folder}: {len(missing)} weights are missing, the first is {missing[0]!r}.")
    if quantised:
        put_linears(network, weights)
    network.load_state_dict(weights, assign=True)
    network.tie_weights()  # where the config says so; each weight came as a parameter of its own
    # buffers that no checkpoint holds are still on the meta device
    rotary = type(network.model.rotary_emb)(config=config).to(device)
    network.model.rotary_emb = FullPrecisionRotary(rotary) if family.full_precision_rotary else rotary
    network.eval()
    return MaskPredictor(network, published["mask_token_id"], published["pad_token_id"], family.shift)


def save(model: MaskPredictor, family_name: str, folder: Path) -> None:
    """Write a model in the published layout of its family, so that `load` and others' code read it."""
    family, config = FAMILIES[family_name], model.network.config
    published = {
        "model_type": family_name,
        **{theirs: getattr(config, ours) for theirs, ours in family.fields.items()},
        **family.constants,
        "rope_theta": config.rope_parameters["rope_theta"],
        "mask_token_id": model.mask_id,
        "pad_token_id": model.pad_id,
        "eos_token_id": config.eos_token_id,
    }
    if family_name == "llada":
        published["vocab_size"] = config.vocab_size
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(published, indent=2) + "\n")
    save_weights(model, family_name, folder)


def save_weights(
    model: MaskPredictor, family_name: str, folder: Path, dtype: torch.dtype | None = None, shard_size: str = "5GB"
) -> None:
    """Write the weights under their published names, in shards with an index where one file would be larger."""
    back = [(ours, theirs) for theirs, ours in FAMILIES[family_name].renames]
    weights = {
        translate(name, back): weight.to(dtype or weight.dtype).contiguous()
        for name, weight in model.network.state_dict().items()
    }
    if model.network.config.tie_word_embeddings:
        head = weights.pop(translate(_HEAD, back))
        if not torch.equal(head, weights[translate(_EMBEDDING, back)]):
            raise InputError(
                "The base model ties its head to its embedding, but the trained ones differ: such a model cannot be "
                "written. Train neither of them, or both as one."
            )
    save_torch_state_dict(weights, folder, max_shard_size=shard_size)
