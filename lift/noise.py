"""Random numbers with an address: the same (seed, stage, example, ...) gives the same numbers, whatever ran before.

The generator is counter-based: number i of a key is a hash of key and i (SplitMix64, Steele, Lea and Flood 2014,
doi:10.1145/2660193.2660195), so any number can be had on any device without the ones before it.
"""

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # stages that ask for a key alone start in half the time
    import torch

_GAMMA = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit integer
_MULTIPLIER_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MULTIPLIER_2 = -7723592293110705685  # 0x94D049BB133111EB


def key(*address: object) -> int:
    """A 64-bit key (signed) for an address of numbers and strings."""
    digest = hashlib.blake2b(repr(address).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _shift_right(z: "torch.Tensor", bits: int) -> "torch.Tensor":
    """Logical shift: torch's own keeps the sign."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _signed(number: int) -> int:
    """A whole number modulo 2^64, as a signed one."""
    return (number + 2**63) % 2**64 - 2**63


def _mix(z: "torch.Tensor") -> "torch.Tensor":
    z = (z ^ _shift_right(z, 30)) * _MULTIPLIER_1
    z = (z ^ _shift_right(z, 27)) * _MULTIPLIER_2
    return z ^ _shift_right(z, 31)


def subkey(keys: "torch.Tensor", index: int) -> "torch.Tensor":
    """(B,) int64 keys -> (B,) keys of their stream `index`, independent of the others."""
    return _mix(_mix(keys) + _signed((index + 1) * _GAMMA))


def uniform(keys: "torch.Tensor", *shape: int, first: "torch.Tensor | None" = None) -> "torch.Tensor":
    """(B,) int64 keys -> (B, *shape) float64 numbers, uniform in (0, 1).

    They are the first of each key's stream, or those from number `first` (B,) on.
    """
    import torch

    count = math.prod(shape)
    numbers = torch.arange(1, count + 1, device=keys.device)
    numbers = numbers if first is None else numbers + first[:, None]
    bits = _mix(keys[:, None] + numbers * _GAMMA)  # (B, count)
    return ((_shift_right(bits, 12).double() + 0.5) * 2.0**-52).view(len(keys), *shape)
