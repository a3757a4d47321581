"""The sizes of a base of the miniature, by its recipe. Nothing imports torch."""

from lift.miniature.language import VOCABULARY
from lift.models.families import FAMILIES
from lift.models.shape import Shape, traits


def shape(family: str, hidden_size: int = 128, layers: int = 4, heads: int = 4) -> Shape:
    """Of a network whose feed-forward is three times as wide as it is, and whose head is not tied."""
    return Shape(hidden_size, layers, heads, heads, 3 * hidden_size, len(VOCABULARY), **traits(FAMILIES[family]))
