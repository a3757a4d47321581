"""The most memory that the networks' work holds, in bytes: formulas of what lift.models.predictor keeps.

docs/plan.md gives the reason of each; tests hold them against what small networks take. Nothing imports torch.
"""

from lift.models.memory import HEAD_BYTES
from lift.models.shape import Shape, adapter_parameters, matrix_weights, parameters, projections

BYTES = {"float32": 4, "bfloat16": 2}


def _nf4_bytes(weights: int) -> int:
    """Of a matrix in 4 bits: itself, a byte for 64 weights, 4 for 256 of these, and two tables and a mean in fp32."""
    blocks = -(-weights // 64)
    return -(-weights // 2) + blocks + 4 * -(-blocks // 256) + 4 * (16 + 256 + 1)


def weight_bytes(shape: Shape, dtype: str, quantisation: str | None = None) -> int:
    """Of the network's weights; with `quantisation`, of its matrices in 4 bits and the others in `dtype`."""
    matrices = matrix_weights(shape).values() if quantisation else ()
    saved = sum(BYTES[dtype] * weights - _nf4_bytes(weights) for weights in matrices)
    return BYTES[dtype] * parameters(shape) - shape.layers * saved


def _product_bytes(shape: Shape, dtype: str, quantisation: str | None) -> float:
    """What a product with a matrix of 4 bits takes beside it: the largest in `dtype`, and twice its scales in fp32."""
    largest = max(matrix_weights(shape).values())
    return (BYTES[dtype] + 8 / 64) * largest if quantisation else 0


def activation_bytes(shape: Shape, dtype: str, lora: dict | None, masked_attention: bool = False) -> int:
    """What one token leaves in one layer for the backward pass; nothing is computed again.

    masked_attention: padding is invisible. Then, and in float32, keys and values are repeated to as many heads as
    queries have.
    """
    w, h, m = BYTES[dtype], shape.hidden, shape.mlp
    kv = shape.q if masked_attention or dtype == "float32" else shape.kv
    norms = 2 * (4 * h + 4)  # the input in fp32, and one over its root mean square
    normed = shape.q + shape.kv if shape.head_norms else 0
    norms += 4 * normed + 4 * normed // shape.head
    attention = w * (2 * shape.q + 2 * kv) + 4 * shape.heads  # queries, result, keys, values; sums of weights in fp32
    mlp = 3 * w * m  # gate, its SiLU, up
    if lora is None:  # all weights need a gradient: also what each norm scales and what each matrix is given
        return norms + w * (4 * h + normed) + attention + mlp + w * m
    dropped = 1 if lora["dropout"] else 0  # which inputs dropout kept, a byte each
    inputs = (projections(shape)[name][0] for name in lora["target_modules"])
    return norms + attention + mlp + sum((4 + dropped) * i + 4 * lora["r"] for i in inputs)  # adapters are in fp32


def training_bytes(
    shape: Shape,
    dtype: str,
    lora: dict | None,
    rows: float,
    length: int,
    masked_attention: bool = False,
    views: int = 1,
    checkpointing: bool = False,
    devices: int = 1,
    quantisation: str | None = None,
) -> float:
    """The most that a training step holds on one of its devices, `rows` sequences a micro-batch.

    AdamW holds 16 bytes for a trained weight: itself, its gradient and two means, in fp32; with several devices another
    gradient, for the exchange. All positions may be masked. views: sequences with gradient for one that is read.
    """
    trained = parameters(shape) if lora is None else adapter_parameters(shape, lora)
    state = (16 if devices == 1 else 20) * trained + (0 if lora is None else weight_bytes(shape, dtype, quantisation))
    layer, width = activation_bytes(shape, dtype, lora, masked_attention), BYTES[dtype] * shape.hidden
    stored, inside = layer * shape.layers, working_bytes(shape, dtype)
    if checkpointing:  # what goes into each layer and into the last norm; one layer is computed again
        stored, inside = width * (shape.layers + 1) + 4 * shape.hidden, inside + layer
    tokens, beside = views * rows * length, _product_bytes(shape, dtype, quantisation)
    return state + tokens * stored + max(tokens * inside + beside, loss_bytes(shape, rows * length, lora is None))


def loss_bytes(shape: Shape, positions: float, full: bool) -> float:
    """The most that the loss of some positions holds: logits of a chunk, in three fp32 arrays.

    These are log-probabilities and two gradients. Where the head is trained and there are several chunks, it has three
    gradients at a time: of the chunks so far, of this one, and their sum.
    """
    gradients = 12 * shape.vocabulary * shape.hidden if full and positions > shape.chunk else 0
    return max(12 * shape.vocabulary * min(positions, shape.chunk), gradients)


def working_bytes(shape: Shape, dtype: str) -> int:
    """The most that one token holds inside a layer without gradient: in the feed-forward or in rotated attention."""
    w, h, q, kv = BYTES[dtype], shape.hidden, shape.q, shape.kv
    rotated = [4 * w * q + 16 * q] if shape.full_rotary else [w * (4 * q + 2 * kv), w * (2 * q + 5 * kv)]
    normed = (w + 8) * q if shape.head_norms else 0
    return max(w * (3 * shape.mlp + 4 * h), 2 * w * h + max(*rotated, normed))


def _logit_bytes(shape: Shape, dtype: str, positions: int, each: int) -> float:
    """Logits of a chunk, `each` bytes of one; of a bfloat16 head, on the CPU, with what it multiplies in fp32."""
    rows, beside = min(positions, shape.chunk), 0
    if dtype != "float32":
        beside = 4 * rows * shape.hidden + min(HEAD_BYTES, 4 * shape.hidden * shape.vocabulary)
    return each * rows * shape.vocabulary + beside


def decoding_bytes(
    shape: Shape, dtype: str, lora: dict | None, prompt: int, decoder: dict, quantisation: str | None = None
) -> float:
    """The most that decoding holds: inside a layer, or where tokens are chosen; and its caches."""
    rows, views = decoder["batch_size"], 2 if decoder["guidance"] else 1
    positions, tokens = rows * decoder["block_length"], rows * (prompt + decoder["gen_length"])
    # a logit in fp32; with guidance, another; when sampling, four numbers of 64 bits; else what top_p sorts, a number
    # and its place, or the logarithms of an entropy, or which are out by top_k
    further = 12 if decoder["top_p"] else 4 if decoder["confidence"] == "entropy" else 1 if decoder["top_k"] else 0
    each = 4 + (4 if decoder["guidance"] else 0) + (32 if decoder["temperature"] else further)
    choosing = _logit_bytes(shape, dtype, positions, each)
    states = views * positions * shape.hidden * BYTES[dtype]
    kept = 0 if decoder["cache"] == "none" else views * tokens * 2 * shape.kv * BYTES[dtype]  # of a layer
    inside = (shape.layers - 1 / views) * kept + tokens * working_bytes(shape, dtype)  # the last's come out of it
    inside += _product_bytes(shape, dtype, quantisation)
    apart = 0 if dtype == "float32" else BYTES[dtype] * adapter_parameters(shape, lora)  # in fp32 it is merged
    return weight_bytes(shape, dtype, quantisation) + apart + states + max(inside, shape.layers * kept + choosing)


def sums_bytes(shape: Shape, levels: int) -> int:
    """Of the token statistics' sums: four numbers of 64 bits a token and level, and one a token."""
    return 8 * (4 * levels + 1) * shape.vocabulary


def statistics_bytes(
    shape: Shape, dtype: str, rows: int, length: int, levels: int, quantisation: str | None = None
) -> float:
    """The most that the token statistics hold: sums, and the inside of a layer or the logits of a chunk."""
    w, tokens = BYTES[dtype], rows * length
    chunk = 2 * w * tokens * shape.hidden + _logit_bytes(shape, dtype, tokens, 4)
    held = weight_bytes(shape, dtype, quantisation) + sums_bytes(shape, levels)
    return held + max(tokens * working_bytes(shape, dtype) + _product_bytes(shape, dtype, quantisation), chunk)
