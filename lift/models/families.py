"""LLaDA, Dream and the miniature as one kind of thing: how a published layout maps to a network of transformers.

LLaDA's block is a Llama block and Dream's is Qwen2's, so transformers' own networks carry the published weights; no
code from a hub runs. Nothing here imports torch: what an experiment costs is read off the same entries.
"""

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """How a published layout maps to a transformers network.

    classes: the names in transformers of the network and of its config. fields: our config keys by theirs. constants:
    their keys that must have, where they stand, the one value that the network implements. written: keys that we write
    beside these, since their code would otherwise take another value than ours. renames: (their name, our name) of
    weights, with {i} for a layer and {rest} for what follows. shift: whether the output at i - 1 predicts position i.
    full_precision_rotary: whether rotations are in fp32. qkv_bias: whether queries, keys and values have one.
    published: the name of the model that is published, and its sizes by our keys.
    """

    classes: tuple[str, str]
    fields: dict[str, str]
    constants: dict[str, object]
    written: dict[str, object]
    renames: tuple[tuple[str, str], ...]
    shift: bool
    full_precision_rotary: bool
    qkv_bias: bool
    published: tuple[str, dict[str, int]]

    @property
    def network(self) -> type:
        """The class of the network."""
        return getattr(importlib.import_module("transformers"), self.classes[0])

    @property
    def config(self) -> type:
        """The class of its config."""
        return getattr(importlib.import_module("transformers"), self.classes[1])


def _sizes(hidden: int, layers: int, heads: int, kv_heads: int, mlp: int, vocabulary: int) -> dict[str, int]:
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    sizes = (hidden, layers, heads, kv_heads, mlp, vocabulary)
    return dict(zip((*names, "intermediate_size", "vocab_size"), sizes, strict=True))


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
    ),
    "Dream": Family(
        classes=("Qwen2ForCausalLM", "Qwen2Config"),
        fields={
            name: name
            for name in (
                *("hidden_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers"),
                *("intermediate_size", "vocab_size", "rms_norm_eps", "max_position_embeddings"),
                "tie_word_embeddings",
            )
        },
        constants={"hidden_act": "silu", "use_sliding_window": False, "use_mrope": False, "rope_scaling": None},
        written={},
        renames=(("{rest}", "{rest}"),),
        shift=True,
        full_precision_rotary=False,
        qkv_bias=True,
        published=("Dream-7B", _sizes(3584, 28, 28, 4, 18944, 152064)),
    ),
}
