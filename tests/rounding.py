"""Two ways of computing one thing agree to rounding: to so much of the largest value as its dtype allows."""

import torch


def assert_equal_to_rounding(
    found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype = torch.float32, roundings: float = 64
) -> None:
    """No element differs by more than `roundings` units in the last place of the largest expected value in `dtype`.

    dtype: what was computed in, which the results may have been converted from.
    """
    assert found.shape == expected.shape
    if expected.numel():
        bound = roundings * torch.finfo(dtype).eps * expected.abs().max().double()
        difference = (found.double() - expected.double()).abs().max()
        assert difference <= bound, f"differs by {difference:.3g}, more than {bound:.3g}"
