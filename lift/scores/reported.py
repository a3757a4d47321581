"""Published numbers, beside what was measured."""

from pathlib import Path

import pandas as pd

from lift import tidy
from lift.errors import InputError

COLUMNS = ("value", "model", "method", "benchmark", "length", "metric", "source")


def read(path: Path) -> pd.DataFrame:
    """The published numbers in a file, in percent; where model or length is empty, it is not stated.

    Raises InputError that names what is missing or is no number.
    """
    table = tidy.read_text(path)
    if list(table.columns) != list(COLUMNS):
        raise InputError(f"{path}: the columns must be {', '.join(COLUMNS)}.")
    for column in ("value", "length"):
        numbers = pd.to_numeric(table[column].where(table[column] != ""), errors="coerce")
        wrong = table.index[numbers.isna() & ((table[column] != "") | (column == "value"))]
        if len(wrong):
            raise InputError(f"{path}, line {wrong[0] + 2}: {column} {table[column][wrong[0]]!r} is no number.")
        table[column] = numbers
    outside = table.index[~table["value"].between(0, 100)]
    if len(outside):
        raise InputError(
            f"{path}, line {outside[0] + 2}: value {table['value'][outside[0]]:g} is not between 0 and 100."
        )
    twice = table.index[
        (table["model"] != "") & table.duplicated(["model", "method", "benchmark", "length", "metric", "source"])
    ]
    if len(twice):
        raise InputError(f"{path}, line {twice[0] + 2}: the same number stands there twice.")
    return table


def join(scores: pd.DataFrame, published: pd.DataFrame, bases: dict[str, str], sources: dict[str, str]) -> pd.DataFrame:
    """The published numbers that a run can be held against: a row each, beside the score that was measured.

    scores: a row a model, method, benchmark and answer length, of the decoders that tables show. bases: the base model
    by the name of a model; sources: the source by the name of a benchmark. A number without a length stands beside
    every length; one without a model stands beside none. row: its place in `published`. differs: it lies outside the
    interval.
    """
    ours = scores.assign(base=scores["model"].map(bases), source_name=scores["benchmark"].map(sources))
    both = ours.merge(
        published[published["model"] != ""].reset_index(names="row"),
        left_on=["base", "source_name", "method", "metric"],
        right_on=["model", "benchmark", "method", "metric"],
        suffixes=("", "_published"),
    )
    both = both[both["length"].isna() | (both["length"] == both["gen_length"])]
    inside = both["value_published"].between(100 * both["ci_low"], 100 * both["ci_high"])
    keep = ["row", "model", "method", "step", "benchmark", "gen_length", "metric", "value", "ci_low", "ci_high"]
    return both[keep].assign(
        published=both["value_published"], source=both["source"], length_stated=both["length"].notna(), differs=~inside
    )


def without_counterpart(joined: pd.DataFrame, published: pd.DataFrame, sources: dict[str, str]) -> pd.DataFrame:
    """The published numbers on benchmarks of this experiment that stand beside none of its scores."""
    return published[published["benchmark"].isin(sources.values()) & ~published.index.isin(joined["row"])]
