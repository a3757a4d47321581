"""The sizes of a network, of its matrices and of an adapter in them. Nothing imports torch."""

from dataclasses import dataclass
from pathlib import Path

from lift.errors import InputError
from lift.models.families import FAMILIES
from lift.models.memory import LOGIT_BYTES
from lift.models.model_files import read_json


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama or Qwen2 network: widths, numbers of layers and heads, tokens of the vocabulary.

    qkv_bias: whether queries, keys and values have one. tied: whether the head is the embedding.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    mlp: int
    vocabulary: int
    qkv_bias: bool = False
    tied: bool = False

    @property
    def kv(self) -> int:
        """Width of all keys, and of all values, of a token."""
        return self.hidden // self.heads * self.kv_heads

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
}
PUBLISHED = {
    name: Shape(**{_SIZES[ours]: size for ours, size in family.published[1].items()}, qkv_bias=family.qkv_bias)
    for name, family in FAMILIES.items()
}


def read_shape(path: Path) -> Shape:
    """The shape in a checkpoint's config.json. Raises InputError where the file says too little."""
    try:
        published = read_json(path)
        family = FAMILIES[published["model_type"]]
        sizes = {_SIZES[ours]: int(published[theirs]) for theirs, ours in family.fields.items() if ours in _SIZES}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: the network's shape cannot be read ({type(error).__name__}: {error}).") from None
    return Shape(**sizes | {"tied": bool(sizes["tied"])}, qkv_bias=family.qkv_bias)


def projections(shape: Shape) -> dict[str, tuple[int, int]]:
    """The matrices of one layer by name, each (inputs, outputs)."""
    h, kv, m = shape.hidden, shape.kv, shape.mlp
    attention = {"q_proj": (h, h), "k_proj": (h, kv), "v_proj": (h, kv), "o_proj": (h, h)}
    return attention | {"gate_proj": (h, m), "up_proj": (h, m), "down_proj": (m, h)}


def matrix_weights(shape: Shape) -> dict[str, int]:
    """Weights of the matrices of one layer."""
    return {name: inputs * outputs for name, (inputs, outputs) in projections(shape).items()}


def parameters(shape: Shape) -> int:
    """Parameters of the network, embedding and head included."""
    biases = (shape.hidden + 2 * shape.kv) if shape.qkv_bias else 0
    layer = sum(matrix_weights(shape).values()) + biases + 2 * shape.hidden  # two norms
    ends = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    return shape.layers * layer + ends + shape.hidden


def adapter_sizes(shape: Shape, lora: dict | None) -> dict[str, int]:
    """Parameters that LoRA adds to one layer, by the name of the matrix; none without LoRA."""
    sizes = projections(shape)
    return {name: lora["r"] * sum(sizes[name]) for name in lora["target_modules"]} if lora else {}


def adapter_parameters(shape: Shape, lora: dict | None) -> int:
    """Parameters that LoRA adds to all layers."""
    return shape.layers * sum(adapter_sizes(shape, lora).values())
