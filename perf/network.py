"""Networks with random weights, which take the time and memory of trained ones."""

import torch

from lift.models.families import FAMILIES
from lift.models.predictor import FullPrecisionRotary, MaskPredictor
from lift.models.quantisation import matrix_names, put_linears, quantise
from lift.models.shape import Shape


def network(
    shape: Shape,
    device: str,
    family: str = "llada",
    dtype: torch.dtype = torch.bfloat16,
    quantisation: str | None = None,
) -> MaskPredictor:
    """A model of a shape; its mask and padding are the last two tokens. quantisation: as of lift.models.checkpoint."""
    kind = FAMILIES[family]
    rope = {"rope_type": "default", "rope_theta": 5e5}
    config = kind.config(**shape.fields, rope_parameters=rope, use_cache=False)
    with torch.device("meta"):
        inner = kind.network(config)
    few = matrix_names(inner) if quantisation else set()
    generator, weights = torch.Generator(device).manual_seed(0), {}
    for name, weight in inner.state_dict().items():
        made = torch.ones(weight.shape, dtype=dtype, device=device)
        if weight.dim() > 1:
            made.normal_(0, 0.02, generator=generator)
        weights[name] = quantise(made) if name in few else made
    put_linears(inner, weights)
    inner.load_state_dict(weights, assign=True)
    inner.tie_weights()
    rotary = type(inner.model.rotary_emb)(config=config).to(device)
    inner.model.rotary_emb = FullPrecisionRotary(rotary) if kind.full_precision_rotary else rotary
    return MaskPredictor(inner.eval(), shape.vocabulary - 1, shape.vocabulary - 2, kind.shift)
