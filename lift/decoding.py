"""Block-wise diffusion decoding with low-confidence remasking (LLaDA, arXiv 2502.09992, section 2.4).

The response is cut in blocks, decoded left to right. Within a block each step predicts every masked position and
commits the most confident share; the others stay masked.
"""

from dataclasses import dataclass

import torch

from lift import noise
from lift.models import MaskPredictor


@dataclass(frozen=True)
class Decoder:
    """Settings of one decoder.

    gen_length, block_length: tokens. steps: forward passes for a whole response, shared equally by the blocks.
    temperature: 0 is greedy; above it, tokens are drawn from softmax(logits / temperature). guidance: weight w of
    classifier-free guidance, 0 for none. stop_at_end: leave a sequence once a finished block holds its end token.
    """

    gen_length: int
    block_length: int
    steps: int
    temperature: float = 0.0
    guidance: float = 0.0
    stop_at_end: bool = True

    def __post_init__(self) -> None:
        if self.gen_length % self.block_length:
            raise ValueError(f"gen_length {self.gen_length} is no multiple of block_length {self.block_length}.")
        blocks = self.gen_length // self.block_length
        if not blocks <= self.steps <= self.gen_length:
            raise ValueError(
                f"steps {self.steps} is not from {blocks} (one a block) to {self.gen_length} (one a token)."
            )


def commit_schedule(block_length: int, steps: int) -> list[int]:
    """How many tokens each step of a block commits: equal shares, the remainder on the first steps."""
    share, remainder = divmod(block_length, steps)
    return [share + (i < remainder) for i in range(steps)]


def choose(
    logits: torch.Tensor, mask_id: int, temperature: float, keys: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, K, V) logits -> (B, K) tokens and their confidence, the noise-free probability of the chosen token.

    The mask token is never chosen. keys (B,): where the sampling noise of this step lies; unused when greedy.
    """
    logits = logits.clone()
    logits[..., mask_id] = -torch.inf
    if temperature > 0:
        uniforms = noise.uniform(keys, *logits.shape[1:])
        tokens = (logits.double() - temperature * (-uniforms.log()).log()).argmax(-1)
    else:
        tokens = logits.argmax(-1)
    confidence = logits.softmax(-1).gather(-1, tokens[..., None])[..., 0]
    return tokens, confidence


def most_confident(confidence: torch.Tensor, masked: torch.Tensor, count: int) -> torch.Tensor:
    """(B, K) bool: in each row the `count` masked positions of highest confidence; of equals, the first."""
    order = confidence.masked_fill(~masked, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(masked).scatter_(1, order[:, :count], True) & masked


@torch.inference_mode()
def decode(
    model: MaskPredictor,
    prompts: list[list[int]],
    decoder: Decoder,
    keys: list[int] | None = None,
    ends: list[int] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Decode one batch of prompts (token ids).

    Returns tokens (B, gen_length), padding after the first block that holds an end token, and the number of forward
    passes that each sequence took part in (B,). keys: one a sequence, addresses its sampling noise (needed above
    temperature 0). ends: the end tokens, padding alone if left out. A sequence's answer does not depend, up to
    rounding, on the others in the batch.
    """
    if decoder.temperature > 0 and keys is None:
        raise ValueError("Sampling needs a key for every prompt.")
    device, end = model.device, model.pad_id
    ends = torch.tensor(ends or [end], device=device)
    width = max(map(len, prompts))
    rows = [[end] * (width - len(p)) + p + [model.mask_id] * decoder.gen_length for p in prompts]
    tokens = torch.tensor(rows, device=device)  # (B, P + G)
    padding = torch.tensor([width - len(p) for p in prompts], device=device)
    real = torch.arange(tokens.shape[1], device=device) >= padding[:, None]
    keys = torch.tensor(keys if keys is not None else [0] * len(prompts), device=device)
    active = torch.arange(len(prompts), device=device)
    passes = torch.zeros(len(prompts), dtype=torch.long, device=device)
    blocks = decoder.gen_length // decoder.block_length
    schedule = commit_schedule(decoder.block_length, decoder.steps // blocks)
    for block in range(blocks):
        window = slice(width + block * decoder.block_length, width + (block + 1) * decoder.block_length)
        x, seen = tokens[active], (real[active] if padding[active].any() else None)
        for step, count in enumerate(schedule):
            logits = model.window_logits(x, window, seen)
            if decoder.guidance:
                unprompted = x.clone()
                unprompted[:, :width] = model.mask_id
                without = model.window_logits(unprompted, window, seen)
                logits = without + (decoder.guidance + 1) * (logits - without)
            step_keys = noise.subkey(keys[active], block * len(schedule) + step)
            chosen, confidence = choose(logits, model.mask_id, decoder.temperature, step_keys)
            masked = x[:, window] == model.mask_id
            commit = most_confident(confidence, masked, count)
            x[:, window] = torch.where(commit, chosen, x[:, window])
        tokens[active] = x
        passes[active] += len(schedule) * (2 if decoder.guidance else 1)
        if decoder.stop_at_end:
            # later blocks cannot change what stands before the end token
            active = active[~torch.isin(x[:, window], ends).any(1)]
            if not len(active):
                break
    response = tokens[:, width:]
    return response.masked_fill(response == model.mask_id, end), passes
