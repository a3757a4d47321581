"""Cells of the tables of an experiment, found by a path: EXPERIMENT/TABLE/ROW.../COLUMN."""

import difflib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lift.errors import InputError

_LONG = 30  # characters of a name; what is longer, or has spaces, is a text
_SHOWN = 5  # cells that an error lists


@dataclass(frozen=True)
class Cell:
    """A cell of a table, or a whole row where `column` is None. row: the row's cells by column, as text."""

    experiment: str
    table: str
    row: dict[str, str]
    column: str | None
    key: list[str]  # the columns that name the row
    name: str  # the path that finds it

    @property
    def value(self) -> str | None:
        return None if self.column is None else self.row[self.column]


def experiments(results: Path) -> list[str]:
    """The experiments in a folder of results that have tables."""
    return sorted(path.parent.name for path in results.glob("*/tables"))


def table_names(folder: Path) -> list[str]:
    """The tables of an experiment."""
    return sorted(path.stem for path in folder.glob("tables/*.csv"))


def read_table(path: Path) -> pd.DataFrame:
    """A CSV file with all its cells as text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def locate(results: Path, path: str) -> tuple[str, str | None, list[str]]:
    """Experiment, table (None if not said) and further parts of a path. Raises InputError that lists what is there."""
    experiment, *rest = [part for part in path.split("/") if part] or [""]
    known = experiments(results)
    if experiment not in known:
        hint = f"there are {_closest(experiment, known)}" if known else "there is no experiment with tables"
        raise InputError(f"{path!r}: no experiment {experiment!r} in {results}; {hint}.")
    if not rest:
        return experiment, None, []
    tables = table_names(results / experiment)
    if rest[0] not in tables:
        near = [f"{experiment}/{name}" for name in difflib.get_close_matches(rest[0], tables, len(tables), 0)]
        raise InputError(f"{path!r}: no table {rest[0]!r} in {experiment}; there are {', '.join(near)}.")
    return experiment, rest[0], rest[1:]


def _closest(word: str, known: list[str]) -> str:
    return ", ".join(difflib.get_close_matches(word, known, _SHOWN, 0))


def key_columns(table: pd.DataFrame) -> list[str]:
    """The columns that name a row: the first that tell all rows apart, without texts that are not needed for it."""
    columns = list(table.columns)
    count = next((n for n in range(1, len(columns)) if not table.duplicated(columns[:n]).any()), len(columns))
    keys = columns[:count]
    for name in columns[:count]:
        others = [key for key in keys if key != name]
        wordy = table[name].str.contains(" ").any() or table[name].str.len().max() > _LONG
        if others and wordy and not table.duplicated(others).any():
            keys = others
    return keys


def _same(asked: str, found: str) -> bool:
    """Whether two texts are the same but for case, or the same number."""
    if asked.casefold() == found.casefold():
        return True
    try:
        return float(asked) == float(found)
    except ValueError:
        return False


def _ordered(parts: list[str], cells: list[str]) -> bool:
    """Whether the parts are some of the cells, in their order; a cell with slashes is several parts."""
    if not parts:
        return True
    for width in range(1, len(parts) + 1):
        text = "/".join(parts[:width])
        for i, cell in enumerate(cells):
            if _same(text, cell) and _ordered(parts[width:], cells[i + 1 :]):
                return True
    return False


def _anyhow(parts: list[str], cells: list[str]) -> bool:
    """Whether the parts are some of the cells, in any order."""
    if not parts:
        return True
    return any(
        _same("/".join(parts[:width]), cell) and _anyhow(parts[width:], cells[:i] + cells[i + 1 :])
        for width in range(1, len(parts) + 1)
        for i, cell in enumerate(cells)
    )


def column_forms(column: str) -> list[str]:
    """How a column may be called: `x (pass@16, n=30)` also x, x pass@16."""
    plain, _, inside = column.partition(" (")
    first = inside.rstrip(")").split(", ")[0]
    return [column, plain, *([f"{plain} {first}"] if first and "=" not in first else [])]


def _columns(parts: list[str], columns: list[str]) -> list[str]:
    """The columns that the parts name: by the whole name if any, else by a form of it."""
    for forms in (1, 3):
        texts = {"/".join(parts).casefold(), " ".join(parts).casefold()}
        found = [name for name in columns if texts & {form.casefold() for form in column_forms(name)[:forms]}]
        if found:
            return found
    return []


def _rows(parts: list[str], table: pd.DataFrame, keys: list[str]) -> list[int]:
    """The rows that the parts fit: by their names, else by other cells, else in another order of the parts."""
    for columns, fits in ((keys, _ordered), (list(table.columns), _ordered), (list(table.columns), _anyhow)):
        found = [i for i, cells in enumerate(table[columns].to_numpy().tolist()) if fits(parts, cells)]
        if found:
            return found
    return []


def _column_name(column: str, columns: list[str]) -> str:
    """The shortest name of a column that is its alone; the metric of `x pass@16` is a part by itself."""
    name = next(form for form in sorted(column_forms(column), key=len) if _columns([form], columns) == [column])
    return name.replace(" ", "/") if re.search(r" \w+@\d+$", name) else name


def cell_names(experiment: str, table_name: str, table: pd.DataFrame) -> dict[tuple[int, str], str]:
    """The path of every cell, by row and column."""
    keys, columns = key_columns(table), list(table.columns)
    start = f"{experiment}/{table_name}"
    last = {name: _column_name(name, columns) for name in columns if name not in keys}
    return {
        (i, column): "/".join([start, *(row[key] for key in keys), name])
        for i, row in enumerate(table.to_dict("records"))
        for column, name in last.items()
    }


def find(results: Path, path: str, whole_row: bool = False) -> Cell:
    """The cell that a path names. Raises InputError that lists the closest if none or several fit.

    whole_row: whether the column may be left out.
    """
    experiment, table_name, parts = locate(results, path)
    table = read_table(results / experiment / "tables" / f"{table_name}.csv")
    keys, columns = key_columns(table), list(table.columns)
    names = cell_names(experiment, table_name, table)
    found = []
    for width in range(1, len(parts) + 1):
        wanted = _columns(parts[-width:], columns)
        rows = _rows(parts[:-width], table, keys) if wanted else []
        found += [(i, column) for i in rows for column in wanted]
    if not found and whole_row and parts:
        found = [(i, None) for i in _rows(parts, table, keys)]
    records = table.to_dict("records")
    distinct = {(*records[i].values(), column): (i, column) for i, column in found}
    if len(distinct) == 1:
        i, column = next(iter(distinct.values()))
        row_name = "/".join([experiment, table_name, *(records[i][key] for key in keys)])
        name = row_name if column is None else names.get((i, column), f"{row_name}/{column}")
        return Cell(experiment, table_name, records[i], column, keys, name)
    if distinct:
        fitting = [
            names.get(pair) or "/".join([experiment, table_name, *_key(records[pair[0]], keys)]) for pair in found
        ]
        raise InputError(f"{path!r} fits {len(fitting)} cells of tables/{table_name}.csv: {_quoted(fitting)}.")
    if table.empty:
        raise InputError(f"{path!r}: tables/{table_name}.csv has no rows.")
    near = difflib.get_close_matches(path, list(names.values()), _SHOWN, 0)
    whole = f" (python -m lift explain {experiment}/{table_name} lists all)"
    raise InputError(f"{path!r} is no cell of tables/{table_name}.csv; the closest are {_quoted(near)}{whole}.")


def _key(row: dict, keys: list[str]) -> list[str]:
    return [row[key] for key in keys]


def _quoted(names: list[str]) -> str:
    """Some names as they can be typed."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shlex.quote(name) for name in names[:_SHOWN]) + more


def listing(experiment: str, table_name: str, table: pd.DataFrame) -> str:
    """The cells of a table that can be asked for, on a few lines: what may stand at each place of the path."""
    names = cell_names(experiment, table_name, table)
    keys, columns = key_columns(table), list(table.columns)
    others = [shlex.quote(_column_name(name, columns)) for name in columns if name not in keys]
    lines = [f"{experiment}/{table_name}/{'/'.join(key.upper() for key in keys)}/COLUMN, {len(table)} rows"]
    lines += [f"  {key.upper()}: {', '.join(map(shlex.quote, table[key].unique()))}" for key in keys]
    lines += [f"  COLUMN: {', '.join(others)}"]
    if names:
        lines += [f"for example: python -m lift explain {shlex.quote(next(reversed(names.values())))}"]
    return "\n".join(lines)


def percents(text: str) -> list[float]:
    """The score and the bounds of its interval at the start of a cell, in percent; empty if it has none."""
    found = re.match(r"(-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]", text)
    return [float(number) for number in found.groups()] if found else []


def table_listing(experiment: str, tables: dict[str, int]) -> str:
    """The tables of an experiment with their numbers of rows."""
    lines = [f"{experiment}: {len(tables)} tables"]
    lines += [f"  {experiment}/{name}: {rows} rows" for name, rows in tables.items()]
    return "\n".join([*lines, f"python -m lift explain {experiment}/TABLE lists the cells of one"])
