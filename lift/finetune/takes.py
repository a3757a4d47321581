"""What an objective takes of a sequence on average, which decides what a step costs. Nothing imports torch."""

from typing import NamedTuple


class Takes(NamedTuple):
    """views: rows with gradient. kept: share of the response in the loss. scoring: share of the sequences that have a
    pass without gradient first. scored: share of the response whose logits that pass needs, over all sequences.
    content: whether padding is never masked.
    """

    views: float = 1
    kept: float = 0.5
    scoring: float = 0
    scored: float = 0
    content: bool = False
