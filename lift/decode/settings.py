"""Settings of a decoder: which go together, what its passes commit, whether anything is drawn.

Told without torch, so that a config is checked and planned at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Decoder:
    """Settings of one decoder. Raises ValueError for those that do not go together.

    gen_length, block_length: tokens. steps: forward passes for a whole response, shared equally by the blocks.
    schedule: how many tokens each commits, see SCHEDULES. threshold: in place of steps; a pass commits every token of
    at least this confidence, and always the most confident.
    temperature: 0 is greedy; above it, tokens are drawn from softmax(logits / temperature), cut to the top_k most
    probable and to the fewest that together have more than top_p. confidence: see lift.decode.decoder.confidence_of.
    confidence_temperature: above 0, what is committed is drawn by softmax(confidence / confidence_temperature), as by
    alg_temp in Dream (arXiv 2508.15487). guidance: weight w of classifier-free guidance, 0 for none.
    logits_eos_inf: the end token is never chosen. confidence_eos_eot_inf: ends are committed last; both are LLaDA's
    (arXiv 2502.09992, appendix B.4). stop_at_end: leave a sequence once a finished block holds its end token. cache:
    what a block's passes after the first take as it was in the first: with "prefix" all before the block, with "dual"
    all but the block.
    """

    gen_length: int
    block_length: int
    steps: int | None = None
    temperature: float = 0.0
    guidance: float = 0.0
    stop_at_end: bool = True
    cache: Literal["none", "prefix", "dual"] = "none"
    threshold: float | None = None
    schedule: Literal["equal", "timesteps"] = "equal"
    confidence: Literal["probability", "maskgit_plus", "topk_margin", "entropy"] = "probability"
    confidence_temperature: float = 0.0
    top_p: float | None = None
    top_k: int | None = None
    logits_eos_inf: bool = False
    confidence_eos_eot_inf: bool = False

    def __post_init__(self) -> None:
        if found := [f"{key}: {fault}." for key, fault in faults(vars(self))]:
            raise ValueError(" ".join(found))

    @property
    def blocks(self) -> int:
        return self.gen_length // self.block_length

    @property
    def commits(self) -> list[int]:
        """How many tokens each pass of a block commits; with a threshold it may be more."""
        return commits(vars(self))

    @property
    def drawn(self) -> bool:
        """Whether two answers to one prompt may differ."""
        return drawn(vars(self))


def equal_shares(length: int, steps: int) -> list[int]:
    """How many tokens each step of a block commits in LLaDA: equal shares, the remainder on the first steps."""
    share, remainder = divmod(length, steps)
    return [share + (i < remainder) for i in range(steps)]


def timestep_shares(length: int, steps: int) -> list[int]:
    """The same in Dream: of what is masked at time t, the share 1 - s/t down to the next time s, rounded down.

    Times fall evenly from 1 to 0.001; the last step commits the rest. Dream's code counts in fp32, which may round
    otherwise where the share is a whole number of tokens; of at most 512 tokens it never does.
    """
    shares, left = [], length
    for i in range(steps - 1):
        shares.append(left * 999 // (1000 * steps - 999 * i))  # 1 - s/t = 0.999 / (steps - 0.999 i)
        left -= shares[-1]
    return [*shares, left]


SCHEDULES = {"equal": equal_shares, "timesteps": timestep_shares}


def commits(decoder: Mapping) -> list[int]:
    """How many tokens each pass of a block commits, by all settings of a decoder; with a threshold, at least one."""
    block, blocks = decoder["block_length"], decoder["gen_length"] // decoder["block_length"]
    return SCHEDULES[decoder["schedule"]](block, block if decoder["steps"] is None else decoder["steps"] // blocks)


def drawn(decoder: Mapping) -> bool:
    """Whether a decoder draws anything at random, by all its settings."""
    return bool(decoder["temperature"] or decoder["confidence_temperature"])


def faults(decoder: Mapping) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it), for settings of a decoder that do not go together."""
    length, steps, threshold = decoder["gen_length"], decoder["steps"], decoder["threshold"]
    blocks, rest = divmod(length, decoder["block_length"])
    if rest:
        yield "block_length", f"{decoder['block_length']} does not divide gen_length {length}"
    elif (steps is None) == (threshold is None):
        yield "steps", "either `steps` or `threshold`, and not both"
    elif steps is not None and (not blocks <= steps <= length or steps % blocks):
        yield "steps", f"{steps} must be a multiple of the {blocks} blocks, from {blocks} to {length}"
    if threshold is not None and decoder["schedule"] != "equal":
        yield "schedule", f"{decoder['schedule']} shares out `steps`, which there are none of with a `threshold`"
    if threshold is not None and decoder["confidence"] == "entropy":
        yield "threshold", "the confidence `entropy` is a negative number, which reaches none"
    if threshold is not None and decoder["confidence_temperature"]:
        yield "confidence_temperature", "a `threshold` leaves nothing to be drawn; it goes with `steps`"
    if decoder["confidence"] == "probability":
        for key in ("top_p", "top_k", "confidence_temperature"):
            if decoder[key]:
                others = "maskgit_plus, topk_margin or entropy"
                yield key, f"goes with the `confidence` {others}; `probability` is that of the model as it is"
    elif decoder["confidence_eos_eot_inf"]:
        yield "confidence_eos_eot_inf", f"goes with the `confidence` probability, not with {decoder['confidence']}"
