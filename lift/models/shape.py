"""The sizes of a network, of its matrices and of an adapter in them. Nothing imports torch."""

from dataclasses import dataclass
from pathlib import Path

from lift.errors import InputError
from lift.models.families import FAMILIES, Family, family_name
from lift.models.memory import LOGIT_BYTES
from lift.models.model_files import read_json


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama, Qwen2 or Qwen3 network: widths, numbers of layers and heads, tokens of the vocabulary.

    qkv_bias: whether queries, keys and values have one. tied: whether the head is the embedding. head_dim: width of a
    head; where None, the heads share the width. head_norms: whether each head's queries and keys are normed.
    full_rotary: whether they are rotated in fp32.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    mlp: int
    vocabulary: int
    qkv_bias: bool = False
    tied: bool = False
    head_dim: int | None = None
    head_norms: bool = False
    full_rotary: bool = True

    @property
    def head(self) -> int:
        """Width of a head."""
        return self.head_dim or self.hidden // self.heads

    @property
    def q(self) -> int:
        """Width of all queries of a token."""
        return self.head * self.heads

    @property
    def kv(self) -> int:
        """Width of all keys, and of all values, of a token."""
        return self.head * self.kv_heads

    @property
    def fields(self) -> dict:
        """The same by the names of a transformers config."""
        return {theirs: getattr(self, ours) for theirs, ours in _SIZES.items()} | {"head_dim": self.head}

    @property
    def chunk(self) -> int:
        """Positions whose logits stand in memory together, as lift.models.predictor.MaskPredictor.chunk."""
        return max(1, LOGIT_BYTES // (4 * self.vocabulary))


_SIZES = {  # ours by those of a transformers config
    "hidden_size": "hidden",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "num_key_value_heads": "kv_heads",
    "intermediate_size": "mlp",
    "vocab_size": "vocabulary",
    "tie_word_embeddings": "tied",
    "head_dim": "head_dim",
}


def traits(family: Family) -> dict[str, bool]:
    """What a family's networks have or have not, as a Shape says it."""
    return {
        "qkv_bias": family.qkv_bias,
        "head_norms": family.head_norms,
        "full_rotary": family.full_precision_rotary,
    }


PUBLISHED = {
    name: Shape(**{_SIZES[ours]: size for ours, size in family.published[1].items()}, **traits(family))
    for name, family in FAMILIES.items()
}


def read_shape(path: Path, family: str | None = None) -> Shape:
    """The shape in a checkpoint's config.json. Raises InputError where the file says too little.

    family: its name, needed where several have the model_type. The head is taken to be tied where the file says so.
    """
    published = read_json(path)
    entry = FAMILIES[family_name(path, published, family)]
    try:
        values = entry.values(published)
        if values["num_key_value_heads"] is None:  # as many as of queries
            values["num_key_value_heads"] = values["num_attention_heads"]
        sizes = {_SIZES[ours]: int(value) for ours, value in values.items() if ours in _SIZES}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: the network's shape cannot be read ({type(error).__name__}: {error}).") from None
    return Shape(**sizes | {"tied": bool(sizes["tied"])}, **traits(entry))


def projections(shape: Shape) -> dict[str, tuple[int, int]]:
    """The matrices of one layer by name, each (inputs, outputs)."""
    h, q, kv, m = shape.hidden, shape.q, shape.kv, shape.mlp
    attention = {"q_proj": (h, q), "k_proj": (h, kv), "v_proj": (h, kv), "o_proj": (q, h)}
    return attention | {"gate_proj": (h, m), "up_proj": (h, m), "down_proj": (m, h)}


def matrix_weights(shape: Shape) -> dict[str, int]:
    """Weights of the matrices of one layer."""
    return {name: inputs * outputs for name, (inputs, outputs) in projections(shape).items()}


def parameters(shape: Shape) -> int:
    """Parameters of the network, embedding and head included."""
    biases = (shape.q + 2 * shape.kv) if shape.qkv_bias else 0
    norms = 2 * shape.hidden + (2 * shape.head if shape.head_norms else 0)
    layer = sum(matrix_weights(shape).values()) + biases + norms
    ends = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    return shape.layers * layer + ends + shape.hidden


def adapter_sizes(shape: Shape, lora: dict | None) -> dict[str, int]:
    """Parameters that LoRA adds to one layer, by the name of the matrix; none without LoRA."""
    sizes = projections(shape)
    return {name: lora["r"] * sum(sizes[name]) for name in lora["target_modules"]} if lora else {}


def adapter_parameters(shape: Shape, lora: dict | None) -> int:
    """Parameters that LoRA adds to all layers."""
    return shape.layers * sum(adapter_sizes(shape, lora).values())
