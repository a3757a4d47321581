"""kodcode: Python tasks with solutions and no traces (KodCode/KodCode-Light-RL-10K, arXiv 2503.02951)."""

from lift.data import sources
from lift.data.corpora import dataset

EXAMPLE_TOKENS = (300, 300)


def examples(
    *, path: str = "KodCode/KodCode-Light-RL-10K", revision: str = "main", rows: int = 10000, prompt: str = ""
) -> list[dict[str, str]]:
    """An empty trace, and the solution in a code fence, as the code benchmarks ask for it."""
    found = sources.read_rows(path, fields=["question", "solution"], rows=rows, revision=revision)
    return [
        dataset.example(row.text("question"), "", f"```python\n{row.text('solution').strip()}\n```", prompt)
        for row in found
    ]
