"""math500: 500 problems of MATH (HuggingFaceH4/MATH-500; Lightman et al. 2023, arXiv 2305.20050)."""

from lift.data import prompts, sources
from lift.data.benchmarks import numbered
from lift.data.problem_checks import check

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
    result = []
    for row in found:
        question = row.text("problem")
        problem = {
            "question": question,
            "prompt": prompts.fill(PROMPT, prompt, question=question),
            "answer": row.text("answer"),
        }
        with sources.row_errors(row):
            check(GRADER, problem)
        result.append(problem)
    return numbered(result, size)
