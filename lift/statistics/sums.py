"""Confidence by token and masking level: the paper's analysis of what is learnable when.

A stream of batches goes in; sums of size levels x vocabulary come out, whatever the size of the corpus. The sums are
whole numbers, so that order, parts and restarts do not change a bit of them.
"""

import hashlib
import json
import os
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lift import noise
from lift.errors import InputError
from lift.models.forward_process import Batch, mask_response
from lift.models.predictor import MaskPredictor

# per masked token: how often, probability of the most likely token, of the true one, and whether they agree
QUANTITIES = ("count", "confidence", "gold_probability", "accuracy")

# Sums of probabilities are in steps of 1/UNIT: no error for an fp32 probability above 1/256, at most 2^-33 below it,
# and room for 2^31 masks of one token at one level.
UNIT = 2**32


class Accumulator:
    """Sums over masked tokens by level and true token, on the model's device.

    sums (levels, vocabulary, QUANTITIES), int64, probabilities in steps of 1/UNIT. frequency (vocabulary,), int64: how
    often a token stands in the corpus.
    """

    def __init__(self, levels: list[float], vocabulary: int, device: torch.device | str = "cpu") -> None:
        self.levels = levels
        self.sums = torch.zeros(len(levels), vocabulary, len(QUANTITIES), dtype=torch.int64, device=device)
        self.frequency = torch.zeros(vocabulary, dtype=torch.int64, device=device)

    def count(self, tokens: torch.Tensor) -> None:
        """Add (N,) tokens of the corpus to the frequencies."""
        self.frequency.index_add_(0, tokens, torch.ones_like(tokens))

    def add(self, level: int, gold: torch.Tensor, logits: torch.Tensor) -> None:
        """gold (N,) true tokens and logits (N, V) at masked positions of sequences at levels[level].

        The logits are overwritten: at a large vocabulary a copy would be most of the memory.
        """
        highest, predicted = logits.max(-1)
        total = logits.sub_(highest[:, None]).exp_().sum(-1)
        right = logits.gather(1, gold[:, None])[:, 0] / total
        seen = [torch.ones_like(total), UNIT / total, UNIT * right, predicted == gold]
        self.sums[level].index_add_(0, gold, torch.stack([value.float() for value in seen], -1).round().long())

    def merge(self, other: "Accumulator") -> None:
        """Add the sums of another part of the corpus."""
        self.sums += other.sums.to(self.sums.device)
        self.frequency += other.frequency.to(self.frequency.device)

    def save(self, path: Path, **facts: object) -> None:
        """Write the sums, and facts about them, in one step: a file that is there is whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        tensors = {"sums": self.sums.cpu(), "frequency": self.frequency.cpu()}
        said = {name: str(fact) for name, fact in facts.items()}
        save_file(tensors, partial, said | {"sha256": self._checksum(said)})
        os.replace(partial, path)

    @classmethod
    def load(cls, levels: list[float], path: Path, device: torch.device | str = "cpu") -> tuple["Accumulator", dict]:
        """The sums of a file, and the facts about them. Raises InputError where it was changed."""
        try:
            with safe_open(path, "pt") as file:
                frequency, facts = file.get_tensor("frequency"), file.metadata()
                found = cls(levels, len(frequency), device)
                found.sums.copy_(file.get_tensor("sums"))
                found.frequency.copy_(frequency)
        except (SafetensorError, RuntimeError) as error:  # the latter where sizes differ
            raise InputError(f"{path} cannot be read: {error}. Remove it, and it is made again.") from None
        if facts.pop("sha256", None) != found._checksum(facts):
            raise InputError(f"{path} has other content than was written: remove it, and it is made again.")
        return found, facts

    def _checksum(self, facts: dict[str, str]) -> str:
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for tensor in (self.sums, self.frequency):
            digest.update(tensor.cpu().numpy())
        return digest.hexdigest()

    def table(self, words: list[str]) -> pd.DataFrame:
        """A row for each level and token that was masked at it: level, token, word, frequency, QUANTITIES as means."""
        frequency, parts = self.frequency.cpu().numpy(), []
        for level, sums in zip(self.levels, self.sums.cpu().numpy(), strict=True):
            token = sums[:, 0].nonzero()[0]
            count, confidence, right, accuracy = sums[token].T
            part = pd.DataFrame({"level": level, "token": token, "word": [words[i] for i in token]})
            part["frequency"] = frequency[token]
            part["count"] = count
            part["confidence"] = confidence / UNIT / count
            part["gold_probability"] = right / UNIT / count
            part["accuracy"] = accuracy / count
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
        places = masked.flatten().nonzero()[:, 0]  # the only wait for a GPU at this level
        if len(places):
            noisy = batch.input_ids.masked_fill(masked, model.mask_id)
            states = model.hidden_states(noisy, batch.real).flatten(0, 1)[places]
            gold = batch.input_ids.flatten()[places]
            for part, tokens in zip(states.split(model.chunk), gold.split(model.chunk), strict=True):
                accumulator.add(index, tokens, model.head(part))


def gather(levels: list[float], paths: list[Path]) -> Accumulator:
    """The sums of a whole corpus at some levels, from the files of its parts. Raises InputError as `load` does."""
    whole, *others = (Accumulator.load(levels, path)[0] for path in paths)
    for part in others:
        whole.merge(part)
    return whole
