"""What training, statistics and decoding take: operations and disk as pure functions of sizes.

docs/plan.md gives the reason of each formula. Sizes are in tokens and bytes; a multiplication and its addition count
two operations. Memory is in lift.models.memory. Nothing here imports torch.
"""

from collections.abc import Mapping
from itertools import accumulate

import numpy as np

from lift.decode.settings import commits
from lift.finetune.takes import Takes
from lift.models.shape import Shape, adapter_parameters, adapter_sizes, matrix_weights, parameters

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


def window_flops(shape: Shape, lora: dict | None, length: int, window: float, read: int | None = None) -> np.ndarray:
    """Of one pass of lift.models.predictor.MaskPredictor.states_at over one sequence: in network and adapter, (2,).

    In the last layer only the window asks and is fed forward, and only it has logits. read: the tokens that go through
    the network, where a cache keeps the keys and values of the others.
    """
    read = length if read is None else read

    def of_matrices(sizes: Mapping[str, int]) -> float:
        last = {name: read if name in ("k_proj", "v_proj") else window for name in sizes}
        return 2 * sum(size * ((shape.layers - 1) * read + last[name]) for name, size in sizes.items())

    attention = 4 * length * shape.q * ((shape.layers - 1) * read + window)
    network = of_matrices(matrix_weights(shape)) + attention + head_flops(shape, window)
    return np.array([network, of_matrices(adapter_sizes(shape, lora))])


def utilisation(shape: Shape, device: str) -> float:
    """Share of a processor's peak that such a network uses: on GPUs by what was measured (docs/gpu.md)."""
    return min(0.4, shape.hidden / 6000) if device == "cuda" else 0.4


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
    counts = commits(decoder)
    passes, later = len(counts), sum(block - done for done in accumulate(counts))  # positions that still ask
    total = np.zeros(2)
    for place in range(blocks):
        read = {"none": length, "prefix": length - prompt - place * block, "dual": block}[decoder["cache"]]
        none, one = (window_flops(shape, lora, length, asking, read) for asking in (0, 1))  # linear in what asks
        total += window_flops(shape, lora, length, block) + (passes - 1) * none + later * (one - none)
    network, adapter = (2 if decoder["guidance"] else 1) * total
    return network, adapter


# ---- disk


def adapter_disk(shape: Shape, lora: dict | None) -> tuple[int, int]:
    """Weights that a run keeps in one place, and one checkpoint with the optimiser's state; fp32."""
    weights = 4 * (adapter_parameters(shape, lora) if lora else parameters(shape))
    return weights, 3 * weights  # two means of AdamW


def tokenised_disk(rows: int, prompt: int, response: int) -> int:
    """Of a tokenised corpus: 32-bit ids, as `datasets` stores a column of that name, the prompt's length, an offset."""
    return rows * (4 * (prompt + response) + 12)
