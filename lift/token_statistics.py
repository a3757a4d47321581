"""Confidence by token and masking level: the paper's analysis of what is learnable when.

A stream of batches goes in; sums of size levels x vocabulary come out, whatever the size of the corpus.
"""

import numpy as np
import pandas as pd
import torch

from lift import noise
from lift.forward_process import Batch, mask_response
from lift.models import MaskPredictor

# per masked token: how often, probability of the most likely token, of the true one, and whether they agree
QUANTITIES = ("count", "confidence", "gold_probability", "accuracy")

CHUNK = 1024  # positions whose logits stand in memory together: half a gigabyte at a vocabulary of 126,464


class Accumulator:
    """Sums over masked tokens, by level and true token: an array (levels, QUANTITIES, vocabulary)."""

    def __init__(self, levels: list[float], vocabulary: int) -> None:
        self.levels = levels
        self.sums = np.zeros((len(levels), len(QUANTITIES), vocabulary))

    def add(self, level: int, gold: torch.Tensor, logits: torch.Tensor) -> None:
        """gold (N,) true tokens and logits (N, V) at masked positions of sequences at levels[level]."""
        probability = logits.softmax(-1)
        confidence, predicted = probability.max(-1)
        values = [
            torch.ones_like(confidence),
            confidence,
            probability.gather(1, gold[:, None])[:, 0],
            (predicted == gold).to(confidence.dtype),
        ]
        for quantity, value in enumerate(values):
            weights = value.double().cpu().numpy()
            self.sums[level, quantity] += np.bincount(gold.cpu().numpy(), weights, minlength=self.sums.shape[2])

    def table(self, frequency: np.ndarray, words: list[str]) -> pd.DataFrame:
        """A row for each level and token that was masked at it: level, token, word, frequency, QUANTITIES as means."""
        parts = []
        for level, sums in zip(self.levels, self.sums, strict=True):
            token = sums[0].nonzero()[0]
            part = pd.DataFrame({"level": level, "token": token, "word": [words[i] for i in token]})
            part["frequency"] = frequency[token]
            part["count"] = sums[0, token].astype(int)
            for quantity, name in enumerate(QUANTITIES[1:], start=1):
                part[name] = sums[quantity, token] / sums[0, token]
            parts.append(part)
        return pd.concat(parts, ignore_index=True)


@torch.inference_mode()
def accumulate(
    model: MaskPredictor, batch: Batch, addresses: list[int], levels: list[float], accumulator: Accumulator
) -> None:
    """Mask the response of every sequence at every level, each sequence by its own address, and add what is seen."""
    length = batch.input_ids.shape[1]
    for index, level in enumerate(levels):
        keys = torch.tensor([noise.key("statistics", address, index) for address in addresses], device=model.device)
        probability = torch.full((len(addresses),), level, device=model.device)
        masked = mask_response(batch, probability, noise.uniform(keys, length))
        if masked.any():
            noisy = batch.input_ids.masked_fill(masked, model.mask_id)
            states, gold = model.hidden_states(noisy, batch.real)[masked], batch.input_ids[masked]
            for part in torch.arange(len(gold), device=model.device).split(CHUNK):
                accumulator.add(index, gold[part], model.head(states[part]))
