"""Block-wise diffusion decoding with low-confidence remasking (LLaDA, arXiv 2502.09992, section 2.4).

The response is cut in blocks, decoded left to right. Within a block each pass predicts every masked position and
commits the most confident ones; the others stay masked. Two approximations are there by choice, both from Fast-dLLM
(arXiv 2505.22618): a cache, and committing all that is confident enough.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from lift import noise
from lift.models.block_cache import BlockCache
from lift.models.predictor import MaskPredictor


@dataclass(frozen=True)
class Decoder:
    """Settings of one decoder.

    gen_length, block_length: tokens. steps: forward passes for a whole response, shared equally by the blocks.
    threshold: in place of steps; a pass commits every token of at least this confidence, and always the most confident.
    temperature: 0 is greedy; above it, tokens are drawn from softmax(logits / temperature). guidance: weight w of
    classifier-free guidance, 0 for none. stop_at_end: leave a sequence once a finished block holds its end token.
    cache: what a block's passes after the first take as it was in the first: with "prefix" all before the block, with
    "dual" all but the block.
    """

    gen_length: int
    block_length: int
    steps: int | None = None
    temperature: float = 0.0
    guidance: float = 0.0
    stop_at_end: bool = True
    cache: Literal["none", "prefix", "dual"] = "none"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.gen_length % self.block_length:
            raise ValueError(f"gen_length {self.gen_length} is no multiple of block_length {self.block_length}.")
        if (self.steps is None) == (self.threshold is None):
            raise ValueError("A decoder has either steps or a threshold.")
        if self.steps is not None and not self.blocks <= self.steps <= self.gen_length:
            raise ValueError(
                f"steps {self.steps} is not from {self.blocks} (one a block) to {self.gen_length} (one a token)."
            )

    @property
    def blocks(self) -> int:
        return self.gen_length // self.block_length

    @property
    def schedule(self) -> list[int]:
        """The least number of tokens that each pass of a block commits; with a threshold it may be more."""
        steps = self.block_length if self.steps is None else self.steps // self.blocks
        return commit_schedule(self.block_length, steps)


def commit_schedule(block_length: int, steps: int) -> list[int]:
    """How many tokens each step of a block commits: equal shares, the remainder on the first steps."""
    share, remainder = divmod(block_length, steps)
    return [share + (i < remainder) for i in range(steps)]


def choose(
    model: MaskPredictor,
    states: list[torch.Tensor],
    decoder: Decoder,
    keys: torch.Tensor,
    places: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """States (B, K, H) -> (B, K) tokens and their confidence, the noise-free probability of the chosen token.

    states: with the prompt and, under guidance, without it. The mask token is never chosen. keys (B,): where the
    sampling noise of this pass lies, places (B, K) in the block: where a position's part of it lies. Logits stand in
    memory for a chunk of positions at a time.
    """
    views = [view.flatten(0, 1) for view in states]  # (B K, H)
    keys, places = keys.repeat_interleave(places.shape[1]), places.flatten()
    tokens, confidence = torch.empty_like(places), views[0].new_empty(len(places), dtype=torch.float32)
    for start in range(0, len(places), model.chunk):
        part = slice(start, start + model.chunk)
        logits = model.head(views[0][part])  # (C, V)
        if decoder.guidance:
            without = model.head(views[1][part])
            logits.sub_(without).mul_(decoder.guidance + 1).add_(without)  # without + (w + 1) (with - without)
        logits[:, model.mask_id] = -torch.inf
        highest, chosen = logits.max(-1)
        if decoder.temperature > 0:
            size = logits.shape[1]
            uniforms = noise.uniform(keys[part], size, first=places[part] * size)
            chosen = (logits.double() - decoder.temperature * (-uniforms.log()).log()).argmax(-1)
        odds = logits.sub_(highest[:, None]).exp_()  # a softmax in place
        tokens[part] = chosen
        confidence[part] = odds.gather(1, chosen[:, None])[:, 0] / odds.sum(-1)
    return tokens.view(states[0].shape[:2]), confidence.view(states[0].shape[:2])


def most_confident(confidence: torch.Tensor, masked: torch.Tensor, count: int) -> torch.Tensor:
    """(B, K) bool: in each row the `count` masked positions of highest confidence; of equals, the first."""
    order = confidence.masked_fill(~masked, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(masked).scatter_(1, order[:, :count], True) & masked


class _Passes:
    """The forward passes of one block over sequences (B, L), cached as the decoder says.

    Sequences that are equal so far, as samples of one problem are at first, share a pass; where a cache is on, the one
    that fills it.
    """

    def __init__(self, model: MaskPredictor, decoder: Decoder, width: int, window: slice, padding: torch.Tensor):
        self.model, self.decoder, self.width, self.window, self.padding = model, decoder, width, window, padding
        self.caches = [None] * (2 if decoder.guidance else 1)
        self.padded, self.alike = bool(padding.any()), decoder.temperature > 0

    def _read(self, x: torch.Tensor, positions: torch.Tensor, padding: torch.Tensor) -> list[torch.Tensor]:
        real = None
        if self.padded:
            real = torch.arange(x.shape[1], device=x.device) >= padding[:, None]
        views = [x]
        if self.decoder.guidance:
            views.append(x.clone())
            views[1][:, : self.width] = self.model.mask_id
        return [self.model.states_at(v, positions, real, c) for v, c in zip(views, self.caches, strict=True)]

    def _read_once(self, x: torch.Tensor, positions: torch.Tensor) -> list[torch.Tensor]:
        different, source = torch.cat([x, self.padding[:, None]], dim=1).unique(dim=0, return_inverse=True)
        self.alike = len(different) < len(x)
        if not self.alike:
            return self._read(x, positions, self.padding)
        asked = positions.new_empty(len(different), positions.shape[1])
        asked[source] = positions
        states = self._read(different[:, :-1], asked, different[:, -1])
        for cache in filter(None, self.caches):
            cache.batch_select_indices(source)
        return [view[source] for view in states]

    def first(self, x: torch.Tensor, positions: torch.Tensor) -> list[torch.Tensor]:
        """The states (B, K, H) at positions (B, K), by a pass over whole sequences that fills the caches."""
        if self.decoder.cache == "none":
            return self.next(x, positions)
        self.caches = [BlockCache(len(self.model.network.model.layers)) for _ in self.caches]
        states = self.next(x, positions)
        self.alike = False  # from here on each sequence has its own part of the caches
        start = self.window.start - self.model.shift  # the state before the block predicts its first token
        for cache in self.caches:
            cache.window = slice(start, self.window.stop if self.decoder.cache == "dual" else x.shape[1])
        return states

    def next(self, x: torch.Tensor, positions: torch.Tensor) -> list[torch.Tensor]:
        """The same, by a pass over what the caches do not keep."""
        return self._read_once(x, positions) if self.alike else self._read(x, positions, self.padding)

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows only."""
        self.padding = self.padding[rows]
        for cache in filter(None, self.caches):
            cache.batch_select_indices(rows)


def fill_block(
    passes: _Passes, x: torch.Tensor, decoder: Decoder, keys: torch.Tensor, first_stream: int
) -> torch.Tensor:
    """Commit every masked token of a block of x (B, L), in place; the passes that each sequence took part in (B,)."""
    window, mask_id = passes.window, passes.model.mask_id
    took = torch.zeros(len(x), dtype=torch.long, device=x.device)
    rows, open_places = torch.arange(len(x), device=x.device), decoder.block_length  # at most, in a row
    for step, count in enumerate(decoder.schedule):
        ours = x[rows]
        masked = ours[:, window] == mask_id  # (B', K)
        places = masked.byte().argsort(dim=1, descending=True, stable=True)[:, :open_places]
        positions = window.start + places
        states = passes.next(ours, positions) if step else passes.first(ours, positions)
        chosen, confidence = choose(
            passes.model, states, decoder, noise.subkey(keys[rows], first_stream + step), places
        )
        masked = masked.gather(1, places)
        commit = most_confident(confidence, masked, count)
        if decoder.threshold is not None:
            commit |= masked & (confidence >= decoder.threshold)
        ours.scatter_(1, positions, torch.where(commit, chosen, ours.gather(1, positions)))
        x[rows] = ours
        took[rows] += masked.any(1) * len(states)
        if decoder.threshold is None:
            open_places -= count  # known without asking the device
            continue
        still_open = (ours[:, window] == mask_id).sum(1)
        open_places = int(still_open.max())
        if not open_places:
            break
        # a finished sequence waits in the batch until half of it has, since leaving copies the others' caches
        keep = still_open > 0
        if decoder.cache == "none" or 2 * int(keep.sum()) <= len(rows):
            rows = rows[keep]
            passes.keep(keep)
    return took


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
    keys = torch.tensor(keys if keys is not None else [0] * len(prompts), device=device)
    active = torch.arange(len(prompts), device=device)
    took = torch.zeros(len(prompts), dtype=torch.long, device=device)
    for block in range(decoder.blocks):
        window = slice(width + block * decoder.block_length, width + (block + 1) * decoder.block_length)
        x = tokens[active]
        passes = _Passes(model, decoder, width, window, padding[active])
        took[active] += fill_block(passes, x, decoder, keys[active], block * len(decoder.schedule))
        tokens[active] = x
        if decoder.stop_at_end:
            # later blocks cannot change what stands before the end token
            active = active[~torch.isin(x[:, window], ends).any(1)]
            if not len(active):
                break
    response = tokens[:, width:]
    return response.masked_fill(response == model.mask_id, end), took
