"""Keys and values that outlive a forward pass: the block-wise caches of Fast-dLLM (arXiv 2505.22618).

A cache is filled by one pass over whole sequences. Every later pass reads a window of them again, against the keys and
values that are kept of the rest, which are then a little out of date: an approximation, since attention is in both
directions and the rest would have changed with the window.
"""

import torch
from transformers import Cache
from transformers.cache_utils import DynamicLayer


class _WindowLayer(DynamicLayer):
    """One layer's keys and values (B, heads, L, D), of which a window is replaced."""

    window: slice | None = None

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs):
        """Take in a pass; returns the keys and values of whole sequences."""
        key_states = key_states.to(value_states.dtype)  # as attention takes them; rotated in full precision
        if self.window is None:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
        else:
            self.keys[:, :, self.window], self.values[:, :, self.window] = key_states, value_states
        return self.keys, self.values


class BlockCache(Cache):
    """A transformers cache of whole sequences, filled by the first pass.

    window: the positions that the passes after it read again; None until it is set.
    """

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[_WindowLayer() for _ in range(layers)])

    @property
    def window(self) -> slice | None:
        return self.layers[0].window

    @window.setter
    def window(self, window: slice) -> None:
        for layer in self.layers:
            layer.window = window
