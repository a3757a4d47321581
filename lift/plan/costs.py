"""What training, statistics and decoding take: operations, memory and disk as pure functions of sizes.

docs/plan.md gives the reason of each formula. Sizes are in tokens and bytes; a multiplication and its addition count
two operations. Nothing here imports torch.
"""

from collections.abc import Mapping

from lift.finetune.takes import Takes
from lift.models.memory import HEAD_BYTES
from lift.models.shape import Shape, adapter_parameters, adapter_sizes, matrix_weights, parameters, projections

BYTES = {"float32": 4, "bfloat16": 2}

# ---- operations


def forward_flops(shape: Shape, tokens: float, length: int, scored: float = 0) -> float:
    """Of one forward pass over `tokens` in sequences of `length`, with the head at `scored` positions."""
    attention = 4 * length * shape.q  # queries with keys, and weights with values
    return tokens * shape.layers * (2 * sum(matrix_weights(shape).values()) + attention) + head_flops(shape, scored)


def backward_flops(
    shape: Shape, tokens: float, length: int, scored: float = 0, full: bool = False, checkpointing: bool = False
) -> float:
    """Of the backward pass through the activations; `full` adds the gradients of all weights.

    Attention takes five products where the forward pass takes two: the weights are computed again. So are the logits
    and, with activation checkpointing, the layers.
    """
    times, attention = 2 if full else 1, 10 * length * shape.q
    again = forward_flops(shape, tokens, length) if checkpointing else 0
    layers = tokens * shape.layers * (times * 2 * sum(matrix_weights(shape).values()) + attention)
    return layers + (1 + times) * head_flops(shape, scored) + again


def head_flops(shape: Shape, positions: float) -> float:
    """Of the logits of some positions."""
    return 2 * shape.hidden * shape.vocabulary * positions


def adapter_flops(shape: Shape, lora: dict | None, tokens: float) -> float:
    """Of the adapter in one forward pass. Its backward pass takes twice that."""
    return 2 * adapter_parameters(shape, lora) * tokens


def window_flops(shape: Shape, length: int, window: float, read: int | None = None) -> float:
    """Of one pass of lift.models.predictor.MaskPredictor.states_at over one sequence, and of the logits of its window.

    In the last layer only the window asks and is fed forward. read: the tokens that go through the network, where a
    cache keeps the keys and values of the others.
    """
    read = length if read is None else read
    attention = 4 * length * shape.q * ((shape.layers - 1) * read + window)
    return 2 * _used(matrix_weights(shape), shape.layers, read, window) + attention + head_flops(shape, window)


def adapter_window_flops(shape: Shape, lora: dict | None, length: int, window: float) -> float:
    """Of the adapter in one such pass, over `length` tokens."""
    return 2 * _used(adapter_sizes(shape, lora), shape.layers, length, window)


def _used(sizes: Mapping[str, int], layers: int, length: int, window: float) -> float:
    """Weights times the positions that they are used at."""
    last = {name: length if name in ("k_proj", "v_proj") else window for name in sizes}
    return sum(size * ((layers - 1) * length + last[name]) for name, size in sizes.items())


def training_flops(
    shape: Shape, lora: dict | None, take: Takes, length: float, response: float, checkpointing: bool = False
) -> tuple[float, float]:
    """Of one sequence of training, in the network and in the adapter. response: tokens that may be masked."""
    tokens, kept = take.views * length, take.kept * response
    network = forward_flops(shape, tokens, length, kept)
    network += backward_flops(shape, tokens, length, kept, lora is None, checkpointing)
    network += forward_flops(shape, take.scoring * length, length, take.scored * response)
    scoring = adapter_flops(shape, lora, take.scoring * length)
    return network, (3 + checkpointing) * adapter_flops(shape, lora, tokens) + scoring


def decoding_flops(shape: Shape, lora: dict | None, prompt: int, decoder: dict) -> tuple[float, float]:
    """Of one answer, in the network and in the adapter, by a decoder of a config.

    No answer is taken to end early, and with a threshold every pass to commit one token: both are upper bounds.
    """
    length, block = prompt + decoder["gen_length"], decoder["block_length"]
    blocks = decoder["gen_length"] // block
    passes = block if decoder["steps"] is None else decoder["steps"] // blocks
    share, remainder = divmod(block, passes)
    later = sum(block - share * step - min(step, remainder) for step in range(1, passes))  # positions that still ask

    def of_block(work, read: int) -> float:
        none, one = work(read, 0), work(read, 1)  # linear in the positions that ask
        return work(length, block) + (passes - 1) * none + later * (one - none)

    network = adapter = 0.0
    for place in range(blocks):
        read = {"none": length, "prefix": length - prompt - place * block, "dual": block}[decoder["cache"]]
        network += of_block(lambda read, asking: window_flops(shape, length, asking, read), read)
        adapter += of_block(lambda read, asking: adapter_window_flops(shape, lora, read, asking), read)
    times = 2 if decoder["guidance"] else 1
    return times * network, times * adapter


def training_steps(epochs: float, examples: int, batch_size: int) -> int:
    """Updates of a run, as lift.finetune.trainer counts them."""
    return max(1, round(epochs * examples / batch_size))


def evaluations(steps: int, eval_steps: int) -> int:
    """Held-out losses of a run: at the start, every eval_steps updates, and at the end."""
    return 1 + steps // eval_steps + bool(steps % eval_steps)


# ---- memory


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
) -> float:
    """The most that a training step holds on one of its devices, `rows` sequences a micro-batch.

    AdamW holds 16 bytes for a trained weight: itself, its gradient and two means, in fp32; with several devices another
    gradient, for the exchange. All positions may be masked. views: sequences with gradient for one that is read.
    """
    trained = parameters(shape) if lora is None else adapter_parameters(shape, lora)
    state = (16 if devices == 1 else 20) * trained + (0 if lora is None else BYTES[dtype] * parameters(shape))
    layer, width = activation_bytes(shape, dtype, lora, masked_attention), BYTES[dtype] * shape.hidden
    stored, inside = layer * shape.layers, working_bytes(shape, dtype)
    if checkpointing:  # what goes into each layer and into the last norm; one layer is computed again
        stored, inside = width * (shape.layers + 1) + 4 * shape.hidden, inside + layer
    tokens = views * rows * length
    return state + tokens * stored + max(tokens * inside, loss_bytes(shape, rows * length, lora is None))


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


def decoding_bytes(shape: Shape, dtype: str, lora: dict | None, prompt: int, decoder: dict) -> float:
    """The most that decoding holds: inside a layer, or where tokens are chosen; and its caches."""
    rows, views = decoder["batch_size"], 2 if decoder["guidance"] else 1
    positions, tokens = rows * decoder["block_length"], rows * (prompt + decoder["gen_length"])
    # a logit in fp32; when sampling, four numbers of 64 bits; with guidance, another logit
    each = 4 + (32 if decoder["temperature"] else 0) + (4 if decoder["guidance"] else 0)
    choosing = _logit_bytes(shape, dtype, positions, each)
    states = views * positions * shape.hidden * BYTES[dtype]
    kept = 0 if decoder["cache"] == "none" else views * tokens * 2 * shape.kv * BYTES[dtype]  # of a layer
    inside = (shape.layers - 1 / views) * kept + tokens * working_bytes(shape, dtype)  # the last's come out of it
    apart = 0 if dtype == "float32" else BYTES[dtype] * adapter_parameters(shape, lora)  # in fp32 it is merged
    return BYTES[dtype] * parameters(shape) + apart + states + max(inside, shape.layers * kept + choosing)


def sums_bytes(shape: Shape, levels: int) -> int:
    """Of the token statistics' sums: four numbers of 64 bits a token and level, and one a token."""
    return 8 * (4 * levels + 1) * shape.vocabulary


def statistics_bytes(shape: Shape, dtype: str, rows: int, length: int, levels: int) -> float:
    """The most that the token statistics hold: sums, and the inside of a layer or the logits of a chunk."""
    w, tokens = BYTES[dtype], rows * length
    chunk = 2 * w * tokens * shape.hidden + _logit_bytes(shape, dtype, tokens, 4)
    held = w * parameters(shape) + sums_bytes(shape, levels)
    return held + max(tokens * working_bytes(shape, dtype), chunk)


# ---- disk


def adapter_disk(shape: Shape, lora: dict | None) -> tuple[int, int]:
    """Weights that a run keeps in one place, and one checkpoint with the optimiser's state; fp32."""
    weights = 4 * (adapter_parameters(shape, lora) if lora else parameters(shape))
    return weights, 3 * weights  # two means of AdamW


def tokenised_disk(rows: int, prompt: int, response: int) -> int:
    """Of a tokenised corpus: 32-bit ids, as `datasets` stores a column of that name, the prompt's length, an offset."""
    return rows * (4 * (prompt + response) + 12)
