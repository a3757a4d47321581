"""math500: 500 problems of MATH (HuggingFaceH4/MATH-500; Lightman et al. 2023, arXiv 2305.20050)."""

from lift.data import sources
from lift.data.problems import asked, from_rows

GRADER = "mathematics"
METRIC = "accuracy"
PROMPT = "math"


def problems(
    *,
    path: str = "HuggingFaceH4/MATH-500",
    revision: str = "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
    rows: int = 500,
    size: int = 0,
    prompt: str = "",
) -> list[dict]:
    """The answer is LaTeX, compared by mathematical equivalence."""
    found = sources.read_rows(path, fields=["problem", "answer"], rows=rows, revision=revision, split="test")
    return from_rows(found, GRADER, size, lambda row: asked(PROMPT, prompt, row.text("problem"), row.text("answer")))
