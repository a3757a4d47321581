"""Bins: half a decade of a token's share of all tokens of its corpus each, and a sixth of the masking level."""

import numpy as np

BINS = 14  # the first holds shares above 10^-0.5, the last all below 10^-6.5
LEVEL_BINS = 6  # of the masking level, in a run's log: LIFT changes its component at 1/2, or at 1/3 and 2/3


def frequency_bin(count: np.ndarray, total: int) -> np.ndarray:
    """The bin of each token that stands `count` times among `total`; the rarest have the highest bin."""
    share = np.maximum(count, 1e-9) / max(total, 1)
    return np.clip(np.ceil(-2 * np.log10(share)).astype(int) - 1, 0, BINS - 1)


def lower_edge(number: int) -> float:
    """The share of all tokens that those of a bin are above; 0 for the last."""
    return 0.0 if number == BINS - 1 else 10 ** (-(number + 1) / 2)
