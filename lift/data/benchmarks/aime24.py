"""aime24: the 30 problems of the AIME of 2024, answers from 0 to 999."""

from lift.data import sources
from lift.data.problems import asked, from_rows

GRADER = "mathematics"
METRIC = "pass@k"
PROMPT = "math"


def problems(
    *,
    path: str = "https://raw.githubusercontent.com/divelab/LIFT/a95b85823bed4189ac22dad6c15cbe6ea5ceffaf/dataset/aime24.json",
    rows: int = 30,
    size: int = 0,
    prompt: str = "",
) -> list[dict]:
    """From the paper's repository: fields question and sol."""
    found = sources.read_rows(path, fields=["question", "sol"], rows=rows)
    return from_rows(
        found, GRADER, size, lambda row: asked(PROMPT, prompt, row.text("question"), row.text("sol", first=True))
    )
