"""s1k: a thousand questions with traces of Gemini (simplescaling/s1K, arXiv 2501.19393), the paper's main corpus."""

from lift.data.corpora import dataset


def examples(
    *,
    path: str = "simplescaling/s1K",
    revision: str = "278d72baaa2b887a7e76a70a0ae254a5a45536e4",
    rows: int = 1000,
    prompt: str = "",
) -> list[dict[str, str]]:
    """The first trace of each question, and Gemini's answer."""
    return dataset.examples(
        path=path, revision=revision, rows=rows, reasoning="thinking_trajectories", answer="attempt", prompt=prompt
    )
