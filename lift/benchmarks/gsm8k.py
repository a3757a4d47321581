"""gsm8k: grade-school mathematics (openai/gsm8k, arXiv 2110.14168), 1,319 test problems."""

from lift import prompts, sources
from lift.benchmarks import numbered

GRADER = "gsm8k"
METRIC = "accuracy"
PROMPT = "gsm8k"


def split_answer(text: str) -> tuple[str, str]:
    """A published answer's working and its number. ValueError where the mark between them is missing."""
    working, mark, number = text.rpartition("####")
    if not mark:
        raise ValueError("the answer has no ####")
    return working.strip(), number.strip()


def problems(
    *,
    path: str = "openai/gsm8k",
    revision: str = "740312add88f781978c0658806c59bc2815b9866",
    rows: int = 1319,
    size: int = 0,
    prompt: str = "",
) -> list[dict]:
    """The answer is the number after `####`."""
    found = sources.read_rows(
        path, fields=["question", "answer"], rows=rows, revision=revision, subset="main", split="test"
    )
    result = []
    for number, row in enumerate(found):
        with sources.row_errors(path, number):
            _, answer = split_answer(row["answer"])
        text = prompts.fill(PROMPT, prompt, question=row["question"])
        result.append({"question": row["question"], "prompt": text, "answer": answer.replace(",", "")})
    return numbered(result, size)
