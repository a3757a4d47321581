"""Checkpoints in the published layouts of the families, read and written: safetensors, renamed on the way."""

import json
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import safe_open

from lift import checksums
from lift.errors import InputError
from lift.models import families
from lift.models.families import FAMILIES, Family
from lift.models.model_files import MissingFileError, read_json, weight_files
from lift.models.predictor import FullPrecisionRotary, MaskPredictor
from lift.models.quantisation import matrix_names, put_linears, quantise
from lift.models.special_tokens import mask_and_padding, needs_tokenizer, read_tokenizer

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


def _check_values(path: Path, family: Family, published: dict, values: dict) -> None:
    """Raises InputError where one of the values by our keys is not of its kind, or does not fit another."""
    names = {ours: theirs for theirs, ours in family.fields.items()} | {"rope_theta": "rope_theta"}
    for ours, value in values.items():
        kind = _KINDS.get(ours, "a whole number above zero")
        # without a number of key and value heads there are as many as of the others
        if not _fits(value, kind) and not (ours == "num_key_value_heads" and value is None):
            raise InputError(f"{path}: {names[ours]} is {value!r}; it should be {kind}.")
    hidden, heads, few = "hidden_size", "num_attention_heads", "num_key_value_heads"
    own = "head_dim" in values  # then heads do not share the network's width
    for whole, part in [(heads, few)] if own else [(hidden, heads), (heads, few)]:
        if values[part] is not None and values[whole] % values[part]:
            said = f"{names[whole]} {values[whole]} is no multiple of {names[part]} {values[part]}"
            raise InputError(f"{path}: {said}.")
    shared = values[hidden] // values[heads]
    width, name = (values["head_dim"], "head_dim") if own else (shared, f"{names[hidden]} / {names[heads]}")
    if width % 2:
        raise InputError(f"{path}: {name} is {width}; it should be even.")
    if published.get("head_dim") not in (None, width):
        raise InputError(f"{path}: head_dim is {published['head_dim']!r}, but {name} is {width}: not supported.")
    ends = published.get("eos_token_id")
    if ends is not None and not all(isinstance(token, int) for token in (ends if isinstance(ends, list) else [ends])):
        raise InputError(f"{path}: eos_token_id is {ends!r}; it should be a token.")


def _rope_theta(path: Path, published: dict) -> object:
    """The base of the rotary angles, at its older place or where transformers 5 writes it."""
    ropes = {name: published.get(name) or {} for name in ("rope_scaling", "rope_parameters")}
    for name, rope in ropes.items():
        kind = rope.get("rope_type", rope.get("type", "default")) if isinstance(rope, dict) else None
        if kind != "default" or rope.get("factor", 1) != 1 or rope.get("partial_rotary_factor", 1) != 1:
            raise InputError(f"{path}: {name} is {rope!r}, but only rotary angles without scaling are supported.")
    found = ropes["rope_parameters"] | published
    if "rope_theta" not in found:
        raise InputError(f"{path}: the key 'rope_theta' is missing.")
    return found["rope_theta"]


def _network_config(folder: Path, family: str | None = None) -> tuple[str, dict, object]:
    """The name of the family, the published config and the transformers config of a checkpoint folder."""
    path = folder / "config.json"
    published = read_json(path)
    family = families.family_name(path, published, family)
    entry = FAMILIES[family]
    try:
        values = entry.values(published)
    except KeyError as error:
        raise InputError(f"{path}: the key {error} is missing.") from None
    for name, expected in entry.constants.items():
        if name != "rope_scaling" and published.get(name, expected) != expected:
            raise InputError(f"{path}: {name} is {published[name]!r}, but only {expected!r} is supported.")
    theta = _rope_theta(path, published)
    _check_values(path, entry, published, values | {"rope_theta": theta})
    rope = {"rope_type": "default", "rope_theta": float(theta)}
    config = entry.config(
        **values,
        rope_parameters=rope,
        use_cache=False,
        pad_token_id=None,  # given one, the network would not train its embedding, though the model learns to write it
        eos_token_id=published.get("eos_token_id"),
    )
    return family, published, config


def family_of(folder: Path, family: str | None = None) -> str:
    """The name in FAMILIES of a checkpoint's family: the one that is named, which must fit, else the only one."""
    return _network_config(folder, family)[0]


def _special_tokens(folder: Path, family: str, published: dict) -> dict[str, int]:
    """mask_token_id and pad_token_id of a checkpoint folder."""
    tokenizer = None
    if needs_tokenizer(published, FAMILIES[family]):
        with suppress(MissingFileError):  # a run's weights have none: their config.json names both
            tokenizer = read_tokenizer(folder)
    return mask_and_padding(folder / "config.json", published, FAMILIES[family], tokenizer)


def translate(name: str, templates: Iterable[tuple[str, str]]) -> str | None:
    """The name under the first template (source, target) whose source fits; None where none does."""
    for source, target in templates:
        pattern = re.escape(source).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\{rest\}", "(?P<rest>.+)")
        if match := re.fullmatch(pattern, name):
            return target.format(**match.groupdict())
    return None


def published_names(family_name: str) -> list[tuple[str, str]]:
    """The templates that take our names of weights to the published ones."""
    return [(ours, theirs) for theirs, ours in FAMILIES[family_name].renames]


def load(
    folder: Path,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    family: str | None = None,
    quantisation: str | None = None,
) -> MaskPredictor:
    """Read a checkpoint in a family's published layout. Raises InputError that names what is wrong.

    family: its name, needed where several have the model_type in config.json. quantisation: "nf4" for matrices of 4
    bits; each is quantised as it is read, so that they never all stand whole. Where config.json ties the head to the
    embedding and the files hold a head with other values, that is the head, and is not tied, as in transformers 5.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("device cuda: PyTorch can use no GPU here; set `device: cpu` in the config.")
    checksums.check(folder)
    family, published, config = _network_config(folder, family)
    entry, tokens = FAMILIES[family], _special_tokens(folder, family, published)
    with torch.device("meta"):
        network = entry.network(config)
    expected, weights, ends = dict(network.state_dict()), {}, {}
    quantised = matrix_names(network) if quantisation else set()
    for path in weight_files(folder):
        with safe_open(path, "pt", device=device) as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                ours, place = translate(name, entry.renames), f"{path}: the weight {name!r}"
                if ours not in expected:
                    raise InputError(f"{place} has no place in a {family} model.")
                weight = file.get_tensor(name)
                if weight.shape != expected[ours].shape:
                    shapes = f"{tuple(weight.shape)}, config.json says {tuple(expected[ours].shape)}"
                    raise InputError(f"{place} has shape {shapes}.")
                read = weight.to(dtype)
                weights[ours] = quantise(read) if ours in quantised else read
                if config.tie_word_embeddings and ours in (_EMBEDDING, _HEAD):
                    ends[ours] = weight  # as it is stored: in another dtype, two that differ may be equal
    if len(ends) == 2 and not torch.equal(*ends.values()):
        config.tie_word_embeddings = False
    elif ends:
        weights[_EMBEDDING] = weights[_HEAD] = weights[next(iter(ends))]
    del ends
    missing = sorted(expected.keys() - weights.keys())
    if missing:
        raise InputError(f"{folder}: {len(missing)} weights are missing, the first is {missing[0]!r}.")
    if quantised:
        put_linears(network, weights)
    network.load_state_dict(weights, assign=True)
    network.tie_weights()  # where the config says so; each weight came as a parameter of its own
    # buffers that no checkpoint holds are still on the meta device
    rotary = type(network.model.rotary_emb)(config=config).to(device)
    network.model.rotary_emb = FullPrecisionRotary(rotary) if entry.full_precision_rotary else rotary
    network.eval()
    return MaskPredictor(network, tokens["mask_token_id"], tokens["pad_token_id"], entry.shift)


def save(model: MaskPredictor, family_name: str, folder: Path) -> None:
    """Write a model in the published layout of its family, so that `load` and others' code read it."""
    family, config = FAMILIES[family_name], model.network.config
    published = {
        "model_type": families.model_types(family_name)[0],
        **{theirs: getattr(config, ours) for theirs, ours in family.fields.items()},
        **family.constants,
        **family.written,
        "rope_theta": config.rope_parameters["rope_theta"],
        "mask_token_id": model.mask_id,
        "pad_token_id": model.pad_id,
        "eos_token_id": config.eos_token_id,
    }
    published.setdefault("vocab_size", config.vocab_size)  # which others' code reads, in LLaDA's layout too
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(published, indent=2) + "\n")
    save_weights(model, family_name, folder)


def save_weights(
    model: MaskPredictor, family_name: str, folder: Path, dtype: torch.dtype | None = None, shard_size: str = "5GB"
) -> None:
    """Write the weights under their published names, in shards with an index where one file would be larger."""
    back = published_names(family_name)
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
