"""gsm8k: grade-school mathematics (openai/gsm8k, arXiv 2110.14168), 1,319 test problems."""

from lift.data import sources
from lift.data.problems import asked, from_rows

GRADER = "gsm8k"
METRIC = "accuracy"
PROMPT = "gsm8k"


def split_answer(text: str) -> tuple[str, str]:
    """A published answer's working and its number. ValueError where the mark between them or the number is missing."""
    working, mark, number = text.rpartition("####")
    if not mark or not number.strip():
        raise ValueError("the answer has no #### with a number behind it")
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

    def make(row: sources.Row) -> dict:
        answer = split_answer(row.text("answer"))[1].replace(",", "")
        return asked(PROMPT, prompt, row.text("question"), answer)

    return from_rows(found, GRADER, size, make)
