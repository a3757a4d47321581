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

    def refuse(wrong: pd.Series, said: str) -> None:
        if wrong.any():
            raise InputError(f"{path}, line {wrong.idxmax() + 2}: {said.format(**table.loc[wrong.idxmax()])}.")

    for column in ("value", "length"):
        numbers = pd.to_numeric(table[column].where(table[column] != ""), errors="coerce")
        refuse(numbers.isna() & ((table[column] != "") | (column == "value")), f"{column} {{{column}!r}} is no number")
        table[column] = numbers
    refuse(~table["value"].between(0, 100), "value {value:g} is not between 0 and 100")
    refuse((table["model"] != "") & table.duplicated(list(COLUMNS[1:])), "the same number stands there twice")
    return table
