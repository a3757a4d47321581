"""s1k-1-1: the questions of s1K with traces of DeepSeek R1 (simplescaling/s1K-1.1)."""

from lift.data.corpora import dataset

EXAMPLE_TOKENS = (300, 8000)


def examples(
    *, path: str = "simplescaling/s1K-1.1", revision: str = "main", rows: int = 1000, prompt: str = ""
) -> list[dict[str, str]]:
    """R1's trace and answer."""
    return dataset.examples(
        path=path,
        revision=revision,
        rows=rows,
        reasoning="deepseek_thinking_trajectory",
        answer="deepseek_attempt",
        prompt=prompt,
    )
