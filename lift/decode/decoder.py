"""Block-wise diffusion decoding with low-confidence remasking (LLaDA, arXiv 2502.09992, section 2.4).

The response is cut in blocks, decoded left to right. Within a block each pass predicts every masked position and
commits the most confident ones; the others stay masked. What confidence is and how many are committed may also be as in
Dream (arXiv 2508.15487). Two approximations are there by choice, both from Fast-dLLM (arXiv 2505.22618): a cache, and
committing all that is confident enough.
"""

import torch

from lift import noise
from lift.decode.settings import Decoder
from lift.models.block_cache import BlockCache
from lift.models.predictor import MaskPredictor


def choose(
    model: MaskPredictor,
    states: list[torch.Tensor],
    decoder: Decoder,
    keys: torch.Tensor,
    places: torch.Tensor,
    ends: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """States (B, K, H) -> (B, K) tokens and their confidence, as `confidence_of` has it.

    states: with the prompt and, under guidance, without it. The mask token is never chosen. keys (B,): where the
    sampling noise of this pass lies, places (B, K) in the block: where a position's part of it lies. ends (E,): end
    tokens. Logits stand in memory for a chunk of positions at a time.
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
        if decoder.logits_eos_inf:
            logits[:, model.pad_id] = -torch.inf
        weight = decoder.temperature  # of the noise
        if decoder.confidence != "probability":
            logits, weight = restrict(logits, decoder), 1.0
        highest, chosen = logits.max(-1)
        if decoder.temperature > 0:
            size = logits.shape[1]
            uniforms = noise.uniform(keys[part], size, first=places[part] * size)
            chosen = (logits.double() - weight * (-uniforms.log()).log()).argmax(-1)
        if decoder.confidence_eos_eot_inf:
            highest = logits.index_fill_(1, ends, -torch.inf).amax(-1)
        odds = logits.sub_(highest[:, None]).exp_()  # a softmax in place
        tokens[part] = chosen
        confidence[part] = confidence_of(chosen, odds, decoder)
    return tokens.view(states[0].shape[:2]), confidence.view(states[0].shape[:2])


def restrict(logits: torch.Tensor, decoder: Decoder) -> torch.Tensor:
    """(C, V) logits, over the temperature and, where top_p and top_k leave a token out, -inf; in place."""
    if decoder.temperature > 0:
        logits.div_(decoder.temperature)
    if decoder.top_p is not None:
        ordered = logits.sort(descending=True).values
        not_above = (ordered.softmax(-1).cumsum_(-1) <= decoder.top_p).sum(-1, keepdim=True)  # one more token is needed
        logits.masked_fill_(logits < ordered.gather(1, not_above.clamp(max=logits.shape[1] - 1)), -torch.inf)
    if decoder.top_k is not None:
        lowest = logits.topk(min(decoder.top_k, logits.shape[1])).values[:, -1:]
        logits.masked_fill_(logits < lowest, -torch.inf)
    return logits


def confidence_of(chosen: torch.Tensor, odds: torch.Tensor, decoder: Decoder) -> torch.Tensor:
    """(C,) tokens out of (C, V) odds, which are used up -> (C,) how sure a decoder is of each.

    "probability": of the token, by the model, whatever the temperature (LLaDA's low_confidence). The others are Dream's
    and of the distribution that tokens are drawn from: the token's probability ("maskgit_plus"), how much more probable
    the best token is than the second ("topk_margin"), the negative entropy in nats ("entropy").
    """
    if decoder.confidence == "entropy":
        odds.div_(odds.sum(-1, keepdim=True))
        return (odds + 1e-10).log_().mul_(odds).sum(-1)
    if decoder.confidence == "topk_margin":
        best = odds.topk(2).values  # (C, 2)
        return (best[:, 0] - best[:, 1]) / odds.sum(-1)
    return odds.gather(1, chosen[:, None])[:, 0] / odds.sum(-1)


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
        self.padded, self.alike = bool(padding.any()), decoder.drawn

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
    passes: _Passes, x: torch.Tensor, decoder: Decoder, keys: torch.Tensor, first_stream: int, ends: torch.Tensor
) -> torch.Tensor:
    """Commit every masked token of a block of x (B, L), in place; the passes that each sequence took part in (B,)."""
    window, mask_id = passes.window, passes.model.mask_id
    took = torch.zeros(len(x), dtype=torch.long, device=x.device)
    rows, open_places = torch.arange(len(x), device=x.device), decoder.block_length  # at most, in a row
    for step, count in enumerate(decoder.commits):
        ours = x[rows]
        masked = ours[:, window] == mask_id  # (B', K)
        places = masked.byte().argsort(dim=1, descending=True, stable=True)[:, :open_places]
        positions = window.start + places
        states = passes.next(ours, positions) if step else passes.first(ours, positions)
        drawn_by = noise.subkey(keys[rows], first_stream + step)
        chosen, confidence = choose(passes.model, states, decoder, drawn_by, places, ends)
        masked = masked.gather(1, places)
        if decoder.confidence_temperature > 0:  # the highest of these are a draw without replacement
            uniforms = noise.uniform(noise.subkey(drawn_by, 0), decoder.block_length).gather(1, places)
            confidence = confidence / decoder.confidence_temperature - (-uniforms.log()).log()
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
    passes that each sequence took part in (B,). keys: one a sequence, addresses its sampling noise (needed where
    anything is drawn). ends: the end tokens, padding alone if left out. A sequence's answer does not depend, up to
    rounding, on the others in the batch.
    """
    if decoder.drawn and keys is None:
        raise ValueError("Sampling needs a key for every prompt.")
    device, end, passes_a_block = model.device, model.pad_id, len(decoder.commits)
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
        took[active] += fill_block(passes, x, decoder, keys[active], block * passes_a_block, ends)
        tokens[active] = x
        if decoder.stop_at_end:
            # later blocks cannot change what stands before the end token
            active = active[~torch.isin(x[:, window], ends).any(1)]
            if not len(active):
                break
    response = tokens[:, width:]
    return response.masked_fill(response == model.mask_id, end), took
