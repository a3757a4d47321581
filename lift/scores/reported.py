"""Published numbers, to be held against what is measured."""

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
