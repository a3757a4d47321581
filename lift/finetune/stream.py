"""The order of training, and batches of it: each example and its random draws have an address, whatever the batch."""

from collections.abc import Iterator
from functools import lru_cache

import datasets
import torch
from torch.utils.data import Dataset, Sampler

from lift import noise
from lift.finetune.settings import Settings
from lift.models.forward_process import Batch


class Stream(Dataset):
    """The examples in the order of training: epoch after epoch, each shuffled by its own address.

    Item k is {"example", "place", "address"}: place is the example's in the corpus. It is the same whatever the batch
    size or the number of devices.
    """

    def __init__(self, corpus: datasets.Dataset, length: int, seed: int) -> None:
        self.corpus, self.length, self.seed = corpus, length, seed
        self._order = lru_cache(maxsize=1)(self._shuffled)

    def __len__(self) -> int:
        return self.length

    def _shuffled(self, epoch: int) -> torch.Tensor:
        keys = torch.tensor([noise.key(self.seed, "shuffle", epoch)])
        return noise.uniform(keys, len(self.corpus))[0].argsort()

    def __getitem__(self, k: int) -> dict:
        epoch, place = divmod(k, len(self.corpus))
        chosen = int(self._order(epoch)[place])
        return {"example": self.corpus[chosen], "place": chosen, "address": noise.key(self.seed, "train", k)}


class ByLength(Sampler[int]):
    """The places of a stream, in each global batch the longest example first, so that micro-batches hold few pads."""

    def __init__(self, stream: Stream, batch_size: int) -> None:
        self.stream, self.batch_size = stream, batch_size

    def __len__(self) -> int:
        return len(self.stream)

    def __iter__(self) -> Iterator[int]:
        for start in range(0, len(self.stream), self.batch_size):
            batch = range(start, min(start + self.batch_size, len(self.stream)))
            yield from sorted(batch, key=lambda k: len(self.stream[k]["example"]["input_ids"]), reverse=True)


def common_width(examples: list[dict], settings: Settings) -> int:
    """The length that examples are padded to, which are all that may share a width: see ObjectiveTrainer."""
    if settings.score_padding and settings.padding == "max_length":
        return settings.max_length
    return max(min(len(example["input_ids"]), settings.max_length) for example in examples)


def collate(examples: list[dict], pad_id: int, settings: Settings, width: int) -> Batch:
    """Examples with input_ids and prompt_length -> a batch, cut to max_length and padded to `width`."""
    rows = [example["input_ids"][: settings.max_length] for example in examples]
    return Batch(
        input_ids=torch.tensor([row + [pad_id] * (width - len(row)) for row in rows]),
        prompt_length=torch.tensor([example["prompt_length"] for example in examples]),
        length=torch.tensor([len(row) for row in rows]),
        score_padding=settings.score_padding,
    )


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on a device."""
    tensors = (batch.input_ids, batch.prompt_length, batch.length)
    return Batch(*(tensor.to(device) for tensor in tensors), score_padding=batch.score_padding)
