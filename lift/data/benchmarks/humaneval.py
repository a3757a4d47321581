"""humaneval: 164 Python functions to complete (openai/openai_humaneval; Chen et al. 2021, arXiv 2107.03374)."""

from lift.data import prompts, sources
from lift.data.benchmarks import numbered
from lift.data.problem_checks import check

GRADER = "code"
METRIC = "accuracy"
PROMPT = "code"


def problems(
    *,
    path: str = "openai/openai_humaneval",
    revision: str = "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
    rows: int = 164,
    size: int = 0,
    prompt: str = "",
) -> list[dict]:
    """The question is the signature with its docstring; the answer is judged by the published tests."""
    fields = ["task_id", "prompt", "entry_point", "test", "canonical_solution"]
    found = sources.read_rows(path, fields=fields, rows=rows, revision=revision, split="test")
    result = []
    for row in found:
        question = f"Complete this function:\n\n```python\n{row.text('prompt').strip()}\n```"
        problem = {
            "question": question,
            "prompt": prompts.fill(PROMPT, prompt, question=question),
            "answer": row.text("canonical_solution", empty=True),
            "task_id": row.text("task_id"),
            "code_prompt": row.text("prompt"),
            "entry_point": row.text("entry_point"),
            "test": row.text("test"),
        }
        with sources.row_errors(row):
            check(GRADER, problem)
        result.append(problem)
    return numbered(result, size)
