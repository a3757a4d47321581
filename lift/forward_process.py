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


@dataclass
class Draws:
    """The random numbers of one batch, all uniform in (0, 1).

    t, rho, component (B,); mask, order (B, L). t is the masking level; rho is where in its range LIFT's excess level
    lies; component picks under policy "random"; mask decides what is masked; order is the random component's ranking.
    """

    t: torch.Tensor
    rho: torch.Tensor
    component: torch.Tensor
    mask: torch.Tensor
    order: torch.Tensor

    @classmethod
    def at(cls, keys: torch.Tensor, length: int) -> "Draws":
        """The draws of the examples with these keys (B,), the same in whatever batch they stand."""
        single = [noise.uniform(noise.subkey(keys, i), 1)[:, 0] for i in range(3)]
        return cls(*single, *(noise.uniform(noise.subkey(keys, i), length) for i in (3, 4)))


def masking_probability(t: torch.Tensor) -> torch.Tensor:
    """t' = (1 - eps) t + eps for levels t in (0, 1)."""
    return (1 - EPSILON) * t + EPSILON


def mask_response(batch: Batch, probability: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """(B, L) bool: each response position independently with its probability, (B,) or (B, L)."""
    if probability.ndim == 1:
        probability = probability[:, None]
    return batch.response & (uniforms < probability)
