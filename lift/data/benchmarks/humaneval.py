"""humaneval: 164 Python functions to complete (openai/openai_humaneval; Chen et al. 2021, arXiv 2107.03374)."""

from lift.data import sources
from lift.data.problems import asked, from_rows

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

    def make(row: sources.Row) -> dict:
        question = f"Complete this function:\n\n```python\n{row.text('prompt').strip()}\n```"
        facts = {"task_id": row.text("task_id"), "code_prompt": row.text("prompt")}
        facts |= {field: row.text(field) for field in ("entry_point", "test")}
        return asked(PROMPT, prompt, question, row.text("canonical_solution", empty=True)) | facts

    return from_rows(found, GRADER, size, make)
