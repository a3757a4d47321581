"""CSV files of results, read back as they were written: names are text, whatever they look like."""

from pathlib import Path

import pandas as pd

from lift.errors import InputError

HOURS = "hours of "  # before the name of a column: what it takes
_NEEDED = [f"{kind} for {target}" for kind in ("seeds", "problems") for target in ("2 points", "1 point")]
NUMBERS = (
    *("finds", *_NEEDED, *(HOURS + name for name in _NEEDED)),
    *("gen_length", "steps", "n", "seeds", "value", "ci_low", "ci_high", "difference", "p", "p_corrected"),
    *("id", "sample", "correct", "invalid", "truncated", "correct_cells", "empty_cells", "valid"),
    *("length", "p corrected", "published", "passes an answer", "tokens a pass", "tokens a second", "masked tokens"),
    *("level t", "confidence", "gold_probability", "accuracy", "problems", "shared", "share"),
    *("answers", "nfe", "tokens", "seconds", "tokens_per_second", "peak_memory_mb", "peak_gpu_memory_mb"),
)


def read_text(path: Path) -> pd.DataFrame:
    """A table with all its cells as text; an empty one is "". Raises InputError where the file is empty."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty.") from None


def read(path: Path) -> pd.DataFrame:
    """A table with NUMBERS as numbers, NaN where the cell is empty, and every other column as text.

    A method named NA, a decoder named 16 and a text like 1e5 stay what they are. Raises InputError where a number is
    none.
    """
    table = read_text(path)
    for name in table.columns.intersection(NUMBERS):
        try:
            table[name] = pd.to_numeric(table[name].where(table[name] != ""))
        except ValueError as error:
            raise InputError(f"{path}, column {name}: {error}.") from None
    return table
