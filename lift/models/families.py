"""The families of models that are read: how a published layout maps to a network of transformers.

Their blocks are those of Llama, Qwen2 or Qwen3, so transformers' own networks carry the published weights; no code from
a hub runs. Nothing here imports torch: what an experiment costs is read off the same entries. docs/models.md says which
published models were seen to be of which family.
"""

import importlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from lift.errors import InputError


@dataclass(frozen=True)
class Family:
    """How a published layout maps to a transformers network.

    classes: the names in transformers of the network and of its config. fields: our config keys by theirs. constants:
    their keys that must have, where they stand, the one value that the network implements. renames: (their name, our
    name) of weights, with {i} for a layer and {rest} for what follows. shift: whether the output at i - 1 predicts
    position i. full_precision_rotary: whether rotations are in fp32. qkv_bias: whether queries, keys and values have
    one. published: the name of the model that is published, and its sizes by our keys.

    written: keys that we write beside constants, since their code would otherwise take another value than ours.
    model_types: what config.json may say that a checkpoint is, what we write first; where empty, the family's own name.
    others: what else has that model_type, by a key of config.json or an architecture that tells it. defaults: of our
    keys that config.json may leave out. head_norms: whether each head's queries and keys are normed. mask: the text of
    the mask token, where neither config.json nor the tokenizer says which it is. padding: texts of padding tokens that
    a tokenizer may name against config.json. template: arguments of the chat template.
    """

    classes: tuple[str, str]
    fields: dict[str, str]
    constants: dict[str, object]
    renames: tuple[tuple[str, str], ...]
    shift: bool
    full_precision_rotary: bool
    qkv_bias: bool
    published: tuple[str, dict[str, int]]
    written: dict[str, object] = field(default_factory=dict)
    model_types: tuple[str, ...] = ()
    others: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, object] = field(default_factory=dict)
    head_norms: bool = False
    mask: str | None = None
    padding: tuple[str, ...] = ()
    template: dict[str, bool] = field(default_factory=dict)

    @property
    def network(self) -> type:
        """The class of the network."""
        return getattr(importlib.import_module("transformers"), self.classes[0])

    @property
    def config(self) -> type:
        """The class of its config."""
        return getattr(importlib.import_module("transformers"), self.classes[1])

    def values(self, published: dict) -> dict[str, object]:
        """The values in a published config.json by our keys. Raises KeyError for a key that must be there."""
        return {
            ours: published.get(theirs, self.defaults[ours]) if ours in self.defaults else published[theirs]
            for theirs, ours in self.fields.items()
        }


def _sizes(
    hidden: int, layers: int, heads: int, kv_heads: int, mlp: int, vocabulary: int, **others: int
) -> dict[str, int]:
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    sizes = (hidden, layers, heads, kv_heads, mlp, vocabulary)
    return dict(zip((*names, "intermediate_size", "vocab_size"), sizes, strict=True)) | others


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

_OWN_KEYS = {
    name: name
    for name in (
        *("hidden_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers", "intermediate_size"),
        *("vocab_size", "rms_norm_eps", "max_position_embeddings", "tie_word_embeddings"),
    )
}
_QWEN = {"hidden_act": "silu", "use_sliding_window": False, "rope_scaling": None}
_OWN_NAMES = (("{rest}", "{rest}"),)

# dllm's conversions of autoregressive models (github.com/ZHZisZZ/dllm), trained on without a shift
_A2D_QWEN2 = Family(
    classes=("Qwen2ForCausalLM", "Qwen2Config"),
    fields=_OWN_KEYS,
    constants=_QWEN,
    renames=_OWN_NAMES,
    shift=False,
    full_precision_rotary=False,
    qkv_bias=True,
    published=("Qwen2.5-Coder-0.5B-diffusion", _sizes(896, 24, 14, 2, 4864, 151936, tie_word_embeddings=True)),
    model_types=("a2d-qwen2", "qwen2"),
    mask="<|mask|>",
)

FAMILIES = {
    "llada": Family(
        classes=("LlamaForCausalLM", "LlamaConfig"),
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
        written=dict.fromkeys(("attention_dropout", "residual_dropout", "embedding_dropout"), 0.0),  # 0.1 left out
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
        qkv_bias=False,
        published=("LLaDA-8B", _sizes(4096, 32, 32, 32, 12288, 126464)),
        others=dict.fromkeys(("num_experts", "LLaDAMoEModelLM"), "LLaDA-MoE, a mixture of experts"),
    ),
    "Dream": Family(
        classes=("Qwen2ForCausalLM", "Qwen2Config"),
        fields=_OWN_KEYS,
        constants={"hidden_act": "silu", "use_sliding_window": False, "use_mrope": False, "rope_scaling": None},
        renames=_OWN_NAMES,
        shift=True,
        full_precision_rotary=False,
        qkv_bias=True,
        published=("Dream-7B", _sizes(3584, 28, 28, 4, 18944, 152064)),
        padding=("<|dlm_pad|>",),  # DiffuCoder's: its config.json is Dream's own
    ),
    "a2d-qwen2": _A2D_QWEN2,
    "a2d-qwen3": Family(
        classes=("Qwen3ForCausalLM", "Qwen3Config"),
        fields=_OWN_KEYS | {"head_dim": "head_dim"},
        constants=_QWEN | {"attention_bias": False},
        renames=_OWN_NAMES,
        shift=False,
        full_precision_rotary=False,
        qkv_bias=False,
        published=(
            "Qwen3-0.6B-diffusion",
            _sizes(1024, 28, 16, 8, 3072, 151936, head_dim=128, tie_word_embeddings=True),
        ),
        model_types=("a2d-qwen3", "qwen3"),
        defaults={"head_dim": 128},
        head_norms=True,
        mask="<|mask|>",
        template={"enable_thinking": False},  # as they were trained: an empty thought before each answer
    ),
    # Open-dLLM's (github.com/pengzhangzhi/Open-dLLM): Qwen2.5-Coder, trained on with its shift
    "open-dcoder": replace(
        _A2D_QWEN2,
        shift=True,
        published=("open-dcoder-0.5B", _A2D_QWEN2.published[1]),
        model_types=("qwen2",),
        mask="<M>",
    ),
    # github.com/SalesforceAIResearch/CoDA: Qwen3-1.7B, trained on with its shift
    "CoDA": Family(
        classes=("Qwen3ForCausalLM", "Qwen3Config"),
        fields=_OWN_KEYS | {"head_dim": "head_dim"},
        constants=_QWEN | {"attention_bias": False},
        renames=_OWN_NAMES,
        shift=True,
        full_precision_rotary=False,
        qkv_bias=False,
        published=("CoDA-1.7B", _sizes(2048, 28, 16, 8, 6144, 151936, head_dim=128)),
        defaults={"head_dim": 128, "tie_word_embeddings": False},  # its class ties nothing, whatever it says
        head_norms=True,
    ),
    "illada": Family(
        classes=("LlamaForCausalLM", "LlamaConfig"),
        fields=_OWN_KEYS,
        constants={
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "layer_norm_eps": None,
            "rope_scaling": None,
        },
        renames=_OWN_NAMES,
        shift=False,
        full_precision_rotary=False,
        qkv_bias=False,
        published=("iLLaDA-8B", _sizes(4096, 32, 32, 8, 14336, 155136, tie_word_embeddings=True)),
        mask="<[MASK]>",
    ),
}


def model_types(name: str) -> tuple[str, ...]:
    """What the config.json of a family's checkpoints may give as model_type; what we write comes first."""
    return FAMILIES[name].model_types or (name,)


def fitting(model_type: object) -> list[str]:
    """The families whose checkpoints have a model_type."""
    return [name for name in FAMILIES if model_type in model_types(name)]


def family_name(path: Path, published: dict, name: str | None = None) -> str:
    """The family of a checkpoint with a published config.json: the one that is named, else the only one that fits.

    path: of the config.json. Raises InputError where the named one does not fit, or which it is cannot be told.
    """
    kind = published.get("model_type")
    known = fitting(kind)
    if not known:
        types = dict.fromkeys(one for name in FAMILIES for one in model_types(name))
        raise InputError(f"{path}: model_type is {kind!r}; known are {', '.join(types)}.")
    if name is None and len(known) > 1:
        raise InputError(f"{path}: model_type is {kind!r}, which {' and '.join(known)} have; say which: `family`.")
    if name is not None and name not in known:
        raise InputError(
            f"{path}: model_type is {kind!r}: it is of the family {' or '.join(known)}, not {name}; say so: `family`."
        )
    chosen = name or known[0]
    for mark, other in FAMILIES[chosen].others.items():
        if mark in published or mark in str(published.get("architectures")):
            raise InputError(f"{path}: this is {other}: another architecture than {chosen}'s, and not supported.")
    return chosen
