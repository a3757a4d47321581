"""Examples of a corpus: which are held out, and which leave something to learn from."""

import datasets
import numpy as np

from lift import noise
from lift.errors import InputError


def held_out_first(count: int, source: str) -> list[int]:
    """The order in which `count` examples of a source are held out: the first so many of it, whatever the model."""
    return sorted(range(count), key=lambda i: noise.key("held-out", source, i))


def with_response(split: datasets.Dataset, name: str, max_length: int) -> tuple[datasets.Dataset, int]:
    """The examples of a split that still have a token of their response after the cut, and how many have none.

    Their prompt alone is max_length tokens or longer, so that no token of theirs is ever scored. Raises InputError
    where none is left.
    """
    prompts, ends = np.array(split["prompt_length"]), np.array([len(ids) for ids in split["input_ids"]])
    kept = np.flatnonzero(prompts < np.minimum(ends, max_length))
    if not len(kept):
        raise InputError(
            f"none of the {len(split)} examples of the split {name!r} has a token of its response within max_length "
            f"{max_length}: their prompts are that long. Raise training.max_length, or take another corpus."
        )
    left_out = len(split) - len(kept)
    return (split.select(kept) if left_out else split), left_out
