"""LLaDA, Dream and the miniature as one kind of thing: a bidirectional predictor of masked tokens.

LLaDA's block is a Llama block and Dream's is Qwen2's, so transformers' own networks carry the published weights, read
from safetensors and renamed on the way; no code from a hub runs.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import (
    AttentionInterface,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaDecoderLayer, apply_rotary_pos_emb
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention, Qwen2DecoderLayer

from lift.block_cache import BlockCache
from lift.errors import InputError
from lift.model_files import read_json, weight_files


def full_attention(module, query, key, value, attention_mask, scaling, dropout=0.0, **_):
    """Attention of every position to every other: (B, heads, L, D) -> (B, L, heads, D), as transformers asks for it.

    attention_mask: additive (B, 1, 1, L), or None where every token is real. Queries and keys may come in fp32 from
    rotary embeddings of full precision.
    """
    query, key = query.to(value.dtype), key.to(value.dtype)
    if key.shape[1] != query.shape[1] and (attention_mask is not None or value.dtype == torch.float32):
        # the fast kernels for a mask or for fp32 do not take fewer keys than queries
        key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], dim=1) for x in (key, value))
    seen = F.scaled_dot_product_attention(
        query, key, value, attention_mask, dropout, scale=scaling, enable_gqa=key.shape[1] != query.shape[1]
    )
    return seen.transpose(1, 2).contiguous(), None


LOGIT_BYTES = 2**27  # of fp32 logits that stand in memory together: 265 positions at a vocabulary of 126,464

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# For a name of its own transformers builds no causal mask.
FULL_ATTENTION = "lift_full"
AttentionInterface.register(FULL_ATTENTION, full_attention)


class FullPrecisionRotary(nn.Module):
    """Rotary angles in fp32 whatever the network's dtype: LLaDA rotates in fp32 (its rope_full_precision)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, states: torch.Tensor, position_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines (B or 1, L, D), fp32."""
        return self.inner(states.new_empty(0, dtype=torch.float32), position_ids)


# The networks whose last layer and head are what MaskPredictor.states_at and MaskPredictor.head write out.
_NETWORKS = {
    LlamaForCausalLM: (LlamaDecoderLayer, LlamaAttention),
    Qwen2ForCausalLM: (Qwen2DecoderLayer, Qwen2Attention),
}


def _check_network(network: PreTrainedModel) -> None:
    """Raises InputError for a network whose layers may do more, such as norms of queries or a sliding window."""
    if type(network) not in _NETWORKS:
        known = ", ".join(kind.__name__ for kind in _NETWORKS)
        raise InputError(f"The network {type(network).__name__} is not supported; known are {known}.")
    for i, layer in enumerate(network.model.layers):
        found, expected = (type(layer), type(layer.self_attn)), _NETWORKS[type(network)]
        if found != expected:
            names = " with ".join(kind.__name__ for kind in found)
            raise InputError(f"Layer {i} of the {type(network).__name__} is {names}, which is not supported.")
        kind = getattr(layer.self_attn, "layer_type", "full_attention")
        if kind != "full_attention":
            raise InputError(f"Layer {i} of the {type(network).__name__}: layer_types is {kind!r}, not full_attention.")


class MaskPredictor(nn.Module):
    """A transformers causal-LM network read with full attention.

    network: Llama or Qwen2 with weights of a masked diffusion model. mask_id, pad_id: token ids. shift: whether the
    output at position i - 1 predicts position i, as in Dream (arXiv 2508.15487). Raises InputError for other networks.
    """

    def __init__(self, network: PreTrainedModel, mask_id: int, pad_id: int, shift: bool) -> None:
        super().__init__()
        _check_network(network)
        self.network, self.mask_id, self.pad_id, self.shift = network, mask_id, pad_id, shift
        network.set_attn_implementation(FULL_ATTENTION)

    @property
    def device(self) -> torch.device:
        return self.network.device

    @property
    def chunk(self) -> int:
        """How many positions have their logits in memory together."""
        return max(1, LOGIT_BYTES // (4 * self.network.config.vocab_size))

    def _attention(
        self, input_ids: torch.Tensor, real: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """The additive attention mask (B, 1, 1, L), None where every token is real, and every position (B or 1, L)."""
        dtype, device = self.network.dtype, input_ids.device
        if real is None:
            return None, torch.arange(input_ids.shape[1], device=device)[None]
        attention = torch.zeros(real.shape, dtype=dtype, device=device)
        attention = attention.masked_fill(~real, torch.finfo(dtype).min)[:, None, None, :]
        return attention, (real.cumsum(1) - 1).clamp(min=0)

    def hidden_states(self, input_ids: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) tokens -> (B, L, H), where the state at a position is the one that predicts it.

        real (B, L): False at padding, which nobody attends to and which takes no place in the positions; None where
        every token is real.
        """
        attention, position_ids = self._attention(input_ids, real)
        states = self.network.model(
            input_ids=input_ids, attention_mask=attention, position_ids=position_ids, use_cache=False
        ).last_hidden_state
        if self.shift:
            states = torch.cat([states[:, :1], states[:, :-1]], dim=1)
        return states

    def logits(self, input_ids: torch.Tensor, where: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) tokens -> (N, V) fp32 logits at the N positions where `where` (B, L) is True, in row-major order."""
        return self.head(self.hidden_states(input_ids, real)[where])

    def forward(
        self, noisy: torch.Tensor, where: torch.Tensor, clean: torch.Tensor, real: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, L) tokens -> (N,) fp32 cross-entropies of the clean tokens at the N positions of `where`, row by row.

        Logits are made a chunk at a time, and again in the backward pass.
        """
        states, targets = self.hidden_states(noisy, real)[where], clean[where]
        # torch's linear_cross_entropy would do, but rounds the losses of a bfloat16 head to bfloat16
        parts = [
            checkpoint(self._cross_entropy, *part, use_reentrant=False, preserve_rng_state=False)
            for part in zip(states.split(self.chunk), targets.split(self.chunk), strict=True)
        ]
        return torch.cat(parts)

    def _cross_entropy(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(N, H) states and (N,) tokens -> (N,) cross-entropies."""
        return F.cross_entropy(self.head(states), targets, reduction="none")

    def head(self, states: torch.Tensor) -> torch.Tensor:
        """(..., H) states -> (..., V) fp32 logits."""
        return self.network.lm_head(states).float()

    def states_at(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        real: torch.Tensor | None = None,
        cache: BlockCache | None = None,
    ) -> torch.Tensor:
        """(B, L) tokens -> (B, K, H): the states that predict the K positions (B, K) of each row.

        Exact without a cache: keys and values are taken of every position, but in the last layer only the positions
        ask and are fed forward, since nothing else is read from it. A cache that is empty is filled by this pass; from
        one that is full only its window is read again, and stands there in place of what it was.
        """
        body = self.network.model
        positions = (positions - 1).clamp(min=0) if self.shift else positions
        attention, position_ids = self._attention(input_ids, real)
        if cache is not None and cache.window is not None:
            input_ids, position_ids = input_ids[:, cache.window], position_ids[:, cache.window]
            positions = positions - cache.window.start
        states = body.embed_tokens(input_ids)  # (B, L or the window's, H)
        cos, sin = body.rotary_emb(states, position_ids=position_ids)  # (B or 1, L or the window's, D)
        for layer in body.layers[:-1]:
            states = layer(
                states,
                attention_mask=attention,
                position_embeddings=(cos, sin),
                position_ids=position_ids,
                past_key_values=cache,
            )
        last, attend = body.layers[-1], body.layers[-1].self_attn

        def pick(x: torch.Tensor) -> torch.Tensor:  # (B or 1, L, F) -> (B, K, F)
            return x.expand(len(positions), -1, -1).gather(1, positions[..., None].expand(-1, -1, x.shape[-1]))

        normed = last.input_layernorm(states)
        query, key, value = (
            projection(x).unflatten(-1, (-1, attend.head_dim)).transpose(1, 2)  # (B, heads, K or L, D)
            for projection, x in ((attend.q_proj, pick(normed)), (attend.k_proj, normed), (attend.v_proj, normed))
        )
        query, _ = apply_rotary_pos_emb(query, query, pick(cos), pick(sin))
        key, _ = apply_rotary_pos_emb(key, key, cos, sin)
        if cache is not None:
            key, value = cache.update(key, value, attend.layer_idx)
        dropout = attend.attention_dropout if attend.training else 0.0
        seen, _ = full_attention(attend, query, key, value, attention, attend.scaling, dropout)
        states = pick(states) + attend.o_proj(seen.flatten(2))
        return body.norm(states + last.mlp(last.post_attention_layernorm(states)))


@dataclass(frozen=True)
class Family:
    """How a published layout maps to a transformers network.

    fields: our config keys by theirs. constants: their keys that must have, where they stand, the one value that the
    network implements. renames: (their name, our name) of weights, with {i} for a layer and {rest} for what follows.
    shift: whether the output at i - 1 predicts position i. full_precision_rotary: whether rotations are in fp32.
    """

    network: type[PreTrainedModel]
    config: type
    fields: dict[str, str]
    constants: dict[str, object]
    renames: tuple[tuple[str, str], ...]
    shift: bool
    full_precision_rotary: bool


_LLADA_BLOCK = {
    "attn_norm": "input_layernorm",
    "ff_norm": "post_attention_layernorm",
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "attn_out": "self_attn.o_proj",
    "ff_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "ff_out": "mlp.down_proj",
}

_EMBEDDING, _HEAD = "model.embed_tokens.weight", "lm_head.weight"

FAMILIES = {
    "llada": Family(
        network=LlamaForCausalLM,
        config=LlamaConfig,
        fields={
            "d_model": "hidden_size",
            "n_heads": "num_attention_heads",
            "n_kv_heads": "num_key_value_heads",
            "n_layers": "num_hidden_layers",
            "mlp_hidden_size": "intermediate_size",
            "embedding_size": "vocab_size",
            "rms_norm_eps": "rms_norm_eps",
            "max_sequence_length": "max_position_embeddings",
            "weight_tying": "tie_word_embeddings",
        },
        constants={
            "block_type": "llama",
            "activation_type": "silu",
            "layer_norm_type": "rms",
            "rope": True,
            "rope_full_precision": True,
            "alibi": False,
            "include_bias": False,
            "include_qkv_bias": False,
            "attention_layer_norm": False,
            "scale_logits": False,
            "input_emb_norm": False,
            "clip_qkv": None,
        },
        renames=(
            ("model.transformer.wte.{rest}", "model.embed_tokens.{rest}"),
            ("model.transformer.ln_f.{rest}", "model.norm.{rest}"),
            ("model.transformer.ff_out.{rest}", "lm_head.{rest}"),
            *(
                (f"model.transformer.blocks.{{i}}.{theirs}.{{rest}}", f"model.layers.{{i}}.{ours}.{{rest}}")
                for theirs, ours in _LLADA_BLOCK.items()
            ),
        ),
        shift=False,
        full_precision_rotary=True,
    ),
    "Dream": Family(
        network=Qwen2ForCausalLM,
        config=Qwen2Config,
        fields={
            name: name
            for name in (
                *("hidden_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers"),
                *("intermediate_size", "vocab_size", "rms_norm_eps", "max_position_embeddings"),
                "tie_word_embeddings",
            )
        },
        constants={"hidden_act": "silu", "use_sliding_window": False, "use_mrope": False, "rope_scaling": None},
        renames=(("{rest}", "{rest}"),),
        shift=True,
        full_precision_rotary=False,
    ),
}


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


def load(folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> MaskPredictor:
    """Read a checkpoint in LLaDA's or Dream's published layout. Raises InputError that names what is wrong."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("device cuda: PyTorch can use no GPU here; set `device: cpu` in the config.")
    family, published, config = _network_config(folder)
    with torch.device("meta"):
        network = family.network(config)
    expected, weights, places = dict(network.state_dict()), {}, {}
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
                weights[ours], places[ours] = weight.to(dtype), place
    if config.tie_word_embeddings and _EMBEDDING in weights:
        head = weights.setdefault(_HEAD, weights[_EMBEDDING])
        if not torch.equal(head, weights[_EMBEDDING]):
            name = next(theirs for theirs, ours in family.fields.items() if ours == "tie_word_embeddings")
            raise InputError(f"{places[_HEAD]} is not the embedding, but {name} in config.json is true; make it false.")
    missing = sorted(expected.keys() - weights.keys())
    if missing:
        raise InputError(f"{folder}: {len(missing)} weights are missing, the first is {missing[0]!r}.")
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
