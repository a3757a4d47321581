"""humaneval: 164 Python functions to complete (openai/openai_humaneval; Chen et al. 2021, arXiv 2107.03374)."""

from lift import prompts, sources
from lift.benchmarks import numbered

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
        question = f"Complete this function:\n\n```python\n{row['prompt'].strip()}\n```"
        result.append(
            {
                "question": question,
                "prompt": prompts.fill(PROMPT, prompt, question=question),
                "answer": row["canonical_solution"],
                "task_id": row["task_id"],
                "code_prompt": row["prompt"],
                "entry_point": row["entry_point"],
                "test": row["test"],
            }
        )
    return numbered(result, size)
