"""countdown: make a target from three numbers; the 256 problems of d1 (arXiv 2504.12216)."""

from lift.data import sources
from lift.data.problems import asked, from_rows

GRADER = "countdown"
METRIC = "accuracy"
PROMPT = "countdown"


def problems(
    *,
    path: str = "https://raw.githubusercontent.com/dllm-reasoning/d1/837888f22c21a5da91a0af2b0d7b19e81d9b47ec/dataset/countdown_cd3_test.jsonl",
    rows: int = 256,
    size: int = 0,
    prompt: str = "",
) -> list[dict]:
    """Fields input, "a,b,c", and output, the target. The answer is any expression that makes it."""

    def make(row: sources.Row) -> dict:
        given, output = row.text("input"), row.text("output")
        try:
            numbers, target = [int(n) for n in given.split(",")], int(output)
        except ValueError:
            raise ValueError(f"input must be like 30,100,93 and output like 23, not {given!r} and {output!r}") from None
        question = f"Numbers: {numbers}\nTarget: {target}"
        fields = {"numbers": str(numbers), "target": str(target)}
        return asked(PROMPT, prompt, question, str(target), **fields) | {"numbers": numbers, "target": target}

    return from_rows(sources.read_rows(path, fields=["input", "output"], rows=rows), GRADER, size, make)
