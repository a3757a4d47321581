"""Words of a corpus, and which of them count as frequent and which as rare."""

import pandas as pd


def by_word(table: pd.DataFrame) -> pd.DataFrame:
    """The statistics with tokens of the same text, such as with and without a space before them, taken together."""
    means = [name for name in ("confidence", "gold_probability", "accuracy") if name in table]
    sums = table.assign(**{name: table[name] * table["count"] for name in means})
    merged = sums.groupby(["level", "word"], sort=False)[["frequency", "count", *means]].sum().reset_index()
    return merged.assign(**{name: merged[name] / merged["count"] for name in means})


def split_by_frequency(table: pd.DataFrame, share: float = 0.25) -> tuple[list[str], list[str]]:
    """The most and the least frequent quarter of the words (letters only) that were masked at every level."""
    seen = table.groupby("word")["level"].nunique()
    words = table[table["word"].isin(seen[seen == table["level"].nunique()].index) & table["word"].str.isalpha()]
    ranked = words.groupby("word")["frequency"].first().sort_values(ascending=False, kind="stable").index.tolist()
    size = max(1, round(share * len(ranked)))
    return ranked[:size], ranked[-size:]
