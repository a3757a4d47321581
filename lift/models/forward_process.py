"""Masking levels and masks of masked diffusion: pure functions of tensors (LLaDA, arXiv 2502.09992)."""

from dataclasses import dataclass

import torch

from lift import noise

EPSILON = 1e-3  # no level is below it, so that 1/t' stays bounded


@dataclass
class Batch:
    """Tokenised examples: prompt, response, padding.

    input_ids (B, L); prompt_length (B,); length (B,): prompt and response without padding. score_padding: whether
    padding counts as response, as published (the model learns to end), or is invisible.
    """

    input_ids: torch.Tensor
    prompt_length: torch.Tensor
    length: torch.Tensor
    score_padding: bool = True

    @property
    def content(self) -> torch.Tensor:
        """(B, L) bool: the response without padding."""
        position = torch.arange(self.input_ids.shape[1], device=self.input_ids.device)
        return (position >= self.prompt_length[:, None]) & (position < self.length[:, None])

    @property
    def response(self) -> torch.Tensor:
        """(B, L) bool: what may be masked and is scored."""
        if not self.score_padding:
            return self.content
        position = torch.arange(self.input_ids.shape[1], device=self.input_ids.device)
        return position >= self.prompt_length[:, None]

    @property
    def real(self) -> torch.Tensor | None:
        """(B, L) bool: what is attended to; None where everything is."""
        if self.score_padding or bool((self.length == self.input_ids.shape[1]).all()):
            return None
        position = torch.arange(self.input_ids.shape[1], device=self.input_ids.device)
        return position < self.length[:, None]


LEVEL, MASK = 0, 3  # the streams of random numbers that every objective takes


@dataclass
class Draws:
    """The random numbers of one batch, all uniform in (0, 1).

    t (B,) is the masking level; mask (B, L) decides what is masked. An objective that needs others draws them from
    streams of its own, any whole numbers but LEVEL and MASK. All are told by the keys (B,) of the examples, whatever
    batch they stand in.
    """

    t: torch.Tensor
    mask: torch.Tensor
    keys: torch.Tensor

    @classmethod
    def at(cls, keys: torch.Tensor, length: int) -> "Draws":
        """The draws of the examples with these keys (B,)."""
        t = noise.uniform(noise.subkey(keys, LEVEL), 1)[:, 0]
        return cls(t, noise.uniform(noise.subkey(keys, MASK), length), keys)

    def by_sequence(self, stream: int) -> torch.Tensor:
        """(B,) the numbers of a stream, one a sequence."""
        return noise.uniform(noise.subkey(self.keys, stream), 1)[:, 0]

    def by_token(self, stream: int) -> torch.Tensor:
        """(B, L) the numbers of a stream, one a token."""
        return noise.uniform(noise.subkey(self.keys, stream), self.mask.shape[1])


def masking_probability(t: torch.Tensor) -> torch.Tensor:
    """t' = (1 - eps) t + eps for levels t in (0, 1)."""
    return (1 - EPSILON) * t + EPSILON


def mask_response(batch: Batch, probability: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """(B, L) bool: each response position independently with its probability, (B,) or (B, L)."""
    if probability.ndim == 1:
        probability = probability[:, None]
    return batch.response & (uniforms < probability)
