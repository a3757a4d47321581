"""How often a token stands in a corpus, in bins of half a decade of its share of all tokens."""

import numpy as np

BINS = 14  # the first holds shares above 10^-0.5, the last all below 10^-6.5


def frequency_bin(count: np.ndarray, total: int) -> np.ndarray:
    """The bin of each token that stands `count` times among `total`; the rarest have the highest bin."""
    share = np.maximum(count, 1e-9) / max(total, 1)
    return np.clip(np.ceil(-2 * np.log10(share)).astype(int) - 1, 0, BINS - 1)


def lower_edge(number: int) -> float:
    """The share of all tokens that those of a bin are above; 0 for the last."""
    return 0.0 if number == BINS - 1 else 10 ** (-(number + 1) / 2)
