"""lift-sft-12k: the paper's larger corpus (divelab/LIFT-SFT-12K)."""

from lift.data.corpora import dataset

EXAMPLES = 12_000


def examples(
    *, path: str = "divelab/LIFT-SFT-12K", revision: str = "main", rows: int = 0, prompt: str = ""
) -> list[dict[str, str]]:
    """The first trace of each question, and its solution. Its exact size is not published; 0 takes any."""
    return dataset.examples(
        path=path, revision=revision, rows=rows, reasoning="thinking_trajectories", answer="sol", prompt=prompt
    )
