"""gsm8k: the training problems of GSM8K (openai/gsm8k, arXiv 2110.14168)."""

from lift.data import sources
from lift.data.benchmarks.gsm8k import split_answer
from lift.data.corpora import dataset

EXAMPLE_TOKENS = (150, 150)


def examples(
    *,
    path: str = "openai/gsm8k",
    revision: str = "740312add88f781978c0658806c59bc2815b9866",
    rows: int = 7473,
    prompt: str = "",
) -> list[dict[str, str]]:
    """The solution up to `####` is the trace, as published with its <<calculations>>; what follows is the answer."""
    found = sources.read_rows(path, fields=["question", "answer"], rows=rows, revision=revision, subset="main")
    result = []
    for row in found:
        with sources.row_errors(row):
            trace, answer = split_answer(row.text("answer"))
        result.append(dataset.example(row.text("question"), trace, answer, prompt))
    return result
