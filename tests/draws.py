"""Random numbers that a test gives itself."""

from dataclasses import dataclass, field

import torch

from lift.models.forward_process import Draws


@dataclass
class GivenDraws(Draws):
    """Draws with given numbers, also those of an objective's own streams."""

    keys: torch.Tensor | None = None
    streams: dict[int, torch.Tensor] = field(default_factory=dict)

    def by_sequence(self, stream: int) -> torch.Tensor:
        return self.streams[stream].clone()  # as fresh as drawn ones

    by_token = by_sequence

    def row(self, i: int) -> "GivenDraws":
        """Those of one sequence."""
        pick = slice(i, i + 1)
        streams = {stream: numbers[pick] for stream, numbers in self.streams.items()}
        return GivenDraws(self.t[pick], self.mask[pick], streams=streams)
