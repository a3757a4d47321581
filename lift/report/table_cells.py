"""Cells of an experiment's tables, found by a path: EXPERIMENT/TABLE/ROW.../COLUMN."""

import difflib
import shlex
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lift import tidy
from lift.errors import InputError

MEASURED = ("value", "difference")  # columns that a path means where it names none
_LONG = 30  # characters of a name; what is longer, or has spaces, is a text
_SHOWN = 5  # cells that an error lists


@dataclass(frozen=True)
class Cell:
    """A cell of a table. row: the cells of its row by column, as text; keys: the columns that name the row."""

    experiment: str
    table: str
    row: dict[str, str]
    column: str
    keys: list[str]

    @property
    def name(self) -> str:
        """The path that finds it; what was measured needs no name of its column."""
        column = [] if self.column in MEASURED else [self.column]
        return "/".join([self.experiment, self.table, *(self.row[key] for key in self.keys), *column])


def locate(results: Path, path: str) -> tuple[str, str, list[str]]:
    """Experiment, table ("" if not said) and further parts of a path. Raises InputError that lists what is there."""
    experiment, *rest = [part for part in path.split("/") if part] or [""]
    known = sorted(folder.parent.name for folder in results.glob("*/tables"))
    if experiment not in known:
        hint = f"there are {_nearest(experiment, known)}" if known else "there is no experiment with tables"
        raise InputError(f"{path!r}: no experiment {experiment!r} in {results}; {hint}.")
    tables = sorted(file.stem for file in results.glob(f"{experiment}/tables/*.csv"))
    if rest and rest[0] not in tables:
        raise InputError(f"{path!r}: no table {rest[0]!r} in {experiment}; there are {_nearest(rest[0], tables)}.")
    return experiment, rest[0] if rest else "", rest[1:]


def _nearest(word: str, known: list[str]) -> str:
    return ", ".join(difflib.get_close_matches(word, known, len(known), 0)) or "none"


def _keys(table: pd.DataFrame) -> list[str]:
    """The columns that name a row: the first that tell all rows apart, without texts that are not needed for it."""
    columns = list(table.columns)
    count = next((n for n in range(1, len(columns)) if not table.duplicated(columns[:n]).any()), len(columns))
    keys = columns[:count]
    for name in columns[:count]:
        others = [key for key in keys if key != name]
        is_text = table[name].str.contains(" ").any() or table[name].str.len().max() > _LONG
        if others and is_text and not table.duplicated(others).any():
            keys = others
    return keys


def cells(results: Path, experiment: str, table: str) -> list[Cell]:
    """The cells of a table that can be asked for: all but those that name its rows."""
    rows = tidy.read_text(results / experiment / "tables" / f"{table}.csv").drop_duplicates()
    keys = _keys(rows)
    columns = [column for column in rows.columns if column not in keys]
    return [Cell(experiment, table, row, column, keys) for row in rows.to_dict("records") for column in columns]


def _same(asked: str, found: str) -> bool:
    """Whether two texts are the same but for case, or the same number to the decimals that are asked for."""
    if asked.casefold() == found.casefold():
        return True
    decimals = len(asked.partition(".")[2])
    try:
        return float(asked) == (round(float(found), decimals) if decimals else float(found))
    except ValueError:
        return False


def _fits(cell: Cell, columns: list[str], path: str) -> bool:
    """Whether a path names the cell: its column, after some of the row's cells in these columns, in their order."""
    forms = [f"/{cell.column}"] + [""] * (cell.column in MEASURED)
    for form in forms:
        if f"/{path}".casefold().endswith(form.casefold()):
            words = iter(word for column in columns for word in cell.row[column].split("/"))
            asked = [part for part in f"/{path}"[: len(path) + 1 - len(form)].split("/") if part]
            if all(any(_same(part, word) for word in words) for part in asked):
                return True
    return False


def find(results: Path, path: str) -> Cell:
    """The cell that a path names. Raises InputError that lists the closest if none or several fit."""
    experiment, table, parts = locate(results, path)
    every = cells(results, experiment, table)
    rest = "/".join(parts)
    found = [cell for cell in every if _fits(cell, cell.keys, rest)]
    found = found or [cell for cell in every if _fits(cell, list(cell.row), rest)]
    if len(found) == 1:
        return found[0]
    if found:
        near, said = [cell.name for cell in found], f"fits {len(found)} cells"
    else:
        near, said = difflib.get_close_matches(path, [cell.name for cell in every], _SHOWN, 0), "is no cell"
    shown = ", ".join(map(shlex.quote, near[:_SHOWN])) or "none"
    more = f" and {len(near) - _SHOWN} more" if len(near) > _SHOWN else ""
    hint = f"{'the closest are ' if not found else ''}{shown}{more}"
    raise InputError(f"{path!r} {said} of tables/{table}.csv: {hint} (explain {experiment}/{table} lists all).")


def listing(results: Path, experiment: str, table: str) -> dict:
    """What can be asked for: the tables of an experiment, or what may stand at each place of a table's path."""
    if not table:
        files = sorted(results.glob(f"{experiment}/tables/*.csv"))
        return {f"{experiment}/{file.stem}": f"{len(tidy.read_text(file))} rows" for file in files}
    every = cells(results, experiment, table)
    if not every:
        return {f"{experiment}/{table}": "no rows"}
    rows = {key: list(dict.fromkeys(cell.row[key] for cell in every)) for key in every[0].keys}
    columns = list(dict.fromkeys(cell.column for cell in every))
    return {"path": f"{experiment}/{table}/ROW.../COLUMN", "ROW": rows, "COLUMN": columns, "example": every[-1].name}
