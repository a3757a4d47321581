"""Peaks of processors: what a plan divides operations by."""

# NVIDIA's data sheet of the H100 SXM, dense, without TF32.
GPU_TFLOPS = {"bfloat16": 989.0, "float32": 67.0}
CPU_TFLOPS = 0.05  # of one thread, where nothing else is said


def peaks(device: str, threads: int, bfloat16: float | None = None, float32: float | None = None) -> dict[str, float]:
    """Operations a second by dtype; bfloat16, float32: in TFLOP/s, where they are known."""
    given = {"bfloat16": bfloat16, "float32": float32}
    usual = GPU_TFLOPS if device == "cuda" else dict.fromkeys(given, CPU_TFLOPS * threads)
    return {dtype: 1e12 * (given[dtype] or usual[dtype]) for dtype in given}
