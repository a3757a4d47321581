"""dataset: any JSONL, CSV or parquet file or hub data set, by the names of its fields."""

from lift.data import prompts, sources
from lift.errors import InputError


def examples(
    *,
    path: str = "",
    revision: str = "main",
    subset: str = "",
    split: str = "train",
    rows: int = 0,
    question: str = "question",
    reasoning: str = "reasoning",
    answer: str = "answer",
    prompt: str = "",
) -> list[dict[str, str]]:
    """An example a row. question, reasoning, answer: the names of its fields; of a field that is a list, the first
    value counts. A trace and an answer may be empty; reasoning may be "", for a corpus without traces. rows: how many
    rows there must be, 0 for any.
    """
    if not path:
        raise InputError("corpus dataset: `path` must name a file or a hub data set.")
    fields = [question, answer, *([reasoning] if reasoning else [])]
    found = sources.read_rows(path, fields=fields, rows=rows, revision=revision, subset=subset, split=split)
    return [
        example(
            row.text(question, first=True),
            row.text(reasoning, first=True, empty=True) if reasoning else "",
            row.text(answer, first=True, empty=True),
            prompt,
        )
        for row in found
    ]


def example(question: str, reasoning: str, answer: str, prompt: str) -> dict[str, str]:
    """One example in the published form. prompt: the user's own prompt file, or ""."""
    response = f"<reasoning>{reasoning}</reasoning>\n<answer>{answer}</answer>"
    return {"question": question, "prompt": prompts.fill("reasoning", prompt, question=question), "response": response}
