"""What processors can do, by their makers' data sheets: what a plan divides operations by, and holds memory against."""

from typing import NamedTuple


class Card(NamedTuple):
    """A GPU: its memory in bytes, and its peaks in TFLOP/s, dense: in bfloat16 with sums in float32, and in float32
    without TF32."""

    memory: int
    bfloat16: float
    float32: float


# NVIDIA's data sheets and white papers (Ampere GA102, Ada, Blackwell); of a figure with sparsity, half.
CARDS = {
    "H200": Card(141 * 10**9, 989, 67),
    "H100": Card(80 * 2**30, 989, 67),
    "A100-80": Card(80 * 2**30, 312, 19.5),
    "A100-40": Card(40 * 2**30, 312, 19.5),
    "L40S": Card(48 * 2**30, 362, 91.6),
    "A6000": Card(48 * 2**30, 154.8, 38.7),
    "5090": Card(32 * 2**30, 209.5, 104.8),
    "4090": Card(24 * 2**30, 165.2, 82.6),
    "3090": Card(24 * 2**30, 71, 35.6),
    "L4": Card(24 * 2**30, 121, 30.3),
}
CPU_TFLOPS = 0.05  # of one thread, where nothing else is said


def peaks(
    device: str, threads: int, card: str = "H100", bfloat16: float | None = None, float32: float | None = None
) -> dict[str, float]:
    """Operations a second by dtype; bfloat16, float32: in TFLOP/s, where they are known better."""
    given = {"bfloat16": bfloat16, "float32": float32}
    usual = CARDS[card]._asdict() if device == "cuda" else dict.fromkeys(given, CPU_TFLOPS * threads)
    return {dtype: 1e12 * (given[dtype] or usual[dtype]) for dtype in given}
