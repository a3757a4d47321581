"""Which words of a corpus count as frequent and which as rare."""

import pandas as pd


def split_by_frequency(table: pd.DataFrame, share: float = 0.25) -> tuple[list[str], list[str]]:
    """The most and the least frequent quarter of the words (letters only) that were masked at every level."""
    seen = table.groupby("word")["level"].nunique()
    words = table[table["word"].isin(seen[seen == table["level"].nunique()].index) & table["word"].str.isalpha()]
    ranked = words.groupby("word")["frequency"].first().sort_values(ascending=False, kind="stable").index.tolist()
    size = max(1, round(share * len(ranked)))
    return ranked[:size], ranked[-size:]
