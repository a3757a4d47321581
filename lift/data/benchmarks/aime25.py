"""aime25: the 30 problems of the AIME of 2025, answers from 0 to 999."""

from lift.data.benchmarks import aime24

GRADER = aime24.GRADER
METRIC = aime24.METRIC
PROMPT = aime24.PROMPT


def problems(
    *,
    path: str = "https://raw.githubusercontent.com/divelab/LIFT/a95b85823bed4189ac22dad6c15cbe6ea5ceffaf/dataset/aime25.json",
    rows: int = 30,
    size: int = 0,
    prompt: str = "",
) -> list[dict]:
    """From the paper's repository: fields question and sol."""
    return aime24.problems(path=path, rows=rows, size=size, prompt=prompt)
