"""Tables as text: how a number, an interval and what is missing are written, and which table lies down.

All take tidy tables, of lift.report.tables or read from their CSV files. Columns of numbers are named in the result's
`attrs["numbers"]`.
"""

import math
from functools import partial

import pandas as pd

from lift.tidy import HOURS

FORMATS = {  # of columns of numbers
    "p": "{:.3f}",
    "p corrected": "{:.3f}",
    "published": "{:.1f}",
    "passes an answer": "{:.1f}",
    "tokens a pass": "{:.2f}",
    "tokens a second": "{:.0f}",
    "level t": "{:.4f}",
    "confidence": "{:.3f}",
    "gold_probability": "{:.3f}",
    "accuracy": "{:.3f}",
    "share": "{:.1%}",
}
WHOLE = ("n", "seeds", "length", "masked tokens", "problems", "shared")
INTERVAL = ("ci_low", "ci_high")


def percent(value: float, low: float, high: float, sign: str = "") -> str:
    """A score with its interval, in percent."""
    return f"{100 * value:{sign}.1f} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


points = partial(percent, sign="+")  # a difference with its interval
_MEASURED = {"value": percent, "difference": points}  # what has the interval


def _column(table: pd.DataFrame, name: str) -> list[str]:
    values = table[name]
    if name in _MEASURED and "ci_low" in table:
        rows = zip(values, *(table[end] for end in INTERVAL), strict=True)
        return ["-" if pd.isna(row[0]) else _MEASURED[name](*row) for row in rows]
    if name in FORMATS:
        return ["-" if pd.isna(value) else FORMATS[name].format(value) for value in values]
    if values.dtype.kind == "f" and name in WHOLE:
        return ["-" if pd.isna(value) else f"{value:.0f}" for value in values]
    return ["-" if pd.isna(value) or value == "" else str(value) for value in values]


def plain(table: pd.DataFrame, names: dict[str, str] | None = None) -> pd.DataFrame:
    """A table row by row; its interval stands behind what it is of. names: of columns, where they have others."""
    columns = [name for name in table.columns if name not in INTERVAL]
    shown = pd.DataFrame({(names or {}).get(name, name): _column(table, name) for name in columns})
    numbers = [name for name in columns if name in _MEASURED or name in FORMATS or name in WHOLE]
    shown.attrs["numbers"] = [(names or {}).get(name, name) for name in numbers]
    return shown


def across(table: pd.DataFrame, titles: list[str], cells: list) -> pd.DataFrame:
    """Methods down and titles across, in their order; a column for the answer length where there are several.

    titles: of each row's column. cells: what stands in it.
    """
    keys, texts = ["model", "length", "method"], table.assign(title=titles, text=cells)
    facts = {"seeds": texts.groupby(keys, sort=False)["seeds"].max()}
    facts["step"] = texts.groupby(keys, sort=False)["step"].first()
    wide = pd.DataFrame(facts).astype(str)
    whole_first = sorted((list(part) for _, part in texts.groupby(keys)["title"]), key=len, reverse=True)
    across = list(dict.fromkeys(title for part in whole_first for title in part))
    for title in across:
        wide[title] = texts[texts["title"] == title].set_index(keys)["text"]
    wide = wide.reset_index().fillna("-").astype({"length": str})
    shown = wide if wide["length"].nunique() > 1 else wide.drop(columns="length")
    shown.attrs["numbers"] = ["length", "seeds", *across]
    return shown


def titles(table: pd.DataFrame) -> list[str]:
    """Of each row of the main table, the title of its column: the benchmark, its metric and how many problems."""
    sizes = table.groupby("benchmark")["n"].max()
    return [
        name if name == "average" else f"{name} ({'' if metric == 'accuracy' else f'{metric}, '}n={sizes[name]})"
        for name, metric in zip(table["benchmark"], table["metric"], strict=True)
    ]


def notes(table: pd.DataFrame, published: pd.DataFrame | None) -> list[str]:
    """Of each row of the main table, the published numbers beside it. published: the reported table, if it is there."""
    if published is None:
        return [""] * len(table)
    place = ["model", "method", "benchmark", "length"]
    beside = dict(list(published[published["value"].notna()].groupby(place)))
    found = []
    for key in table[place].itertuples(index=False, name=None):
        rows = beside[key] if key in beside else published.iloc[:0]
        numbers = zip(rows["published"], rows["differs"], strict=True)
        found.append("; ".join(f"published {n:.1f}{', differs' * (differs == 'yes')}" for n, differs in numbers))
    return found


def main(table: pd.DataFrame, published: pd.DataFrame | None) -> pd.DataFrame:
    """The main table: each score with its verdict and the published numbers beside it."""
    marked = zip(_column(table, "value"), table["verdict"].fillna(""), notes(table, published), strict=True)
    cells = [f"{score} {verdict}".rstrip() + (f"; {note}" if note else "") for score, verdict, note in marked]
    return across(table, titles(table), cells)


def pass_at_k(table: pd.DataFrame) -> pd.DataFrame:
    """A column a benchmark and metric."""
    if table.empty:
        return pd.DataFrame(columns=["model", "method"])
    return across(table, list(table["benchmark"] + " " + table["metric"]), _column(table, "value"))


def formats(table: pd.DataFrame) -> pd.DataFrame:
    """A row a method and kind of fault, a column a benchmark."""
    if table.empty:
        return pd.DataFrame(columns=["model", "method"])
    parts = []
    for metric in table["metric"].unique():
        rows = table[table["metric"] == metric]
        part = across(rows, list(rows["benchmark"]), _column(rows, "value"))
        part.insert(part.columns.get_loc("method") + 1, "share of answers", metric)
        parts.append(part)
    shown = pd.concat(parts, ignore_index=True)
    shown.attrs = parts[0].attrs
    return shown


def reported(table: pd.DataFrame) -> pd.DataFrame:
    """Published numbers beside ours, whose length is in brackets where it is not stated."""
    lengths = [
        "not stated" if pd.isna(length) else f"{length:.0f}" + ("" if stated == "yes" else " (not stated)")
        for length, stated in zip(table["length"], table["stated"], strict=True)
    ]
    rows = table.assign(length=lengths, model=table["model"].replace("", "not stated")).drop(columns="stated")
    return plain(rows, {"value": "measured"})


def benchmarks(table: pd.DataFrame) -> pd.DataFrame:
    """A row a benchmark and decoder, which has steps or a threshold."""
    pairs = zip(table["steps"], table["threshold"], strict=True)
    steps = [f"threshold {threshold}" if pd.isna(steps) else f"{steps:.0f}" for steps, threshold in pairs]
    return plain(table.assign(steps=steps).drop(columns="threshold"))


def power(table: pd.DataFrame) -> pd.DataFrame:
    """What an experiment could find, and the seeds and problems that find less, each with its hours in brackets."""

    def cell(count: float, hours: float) -> str:
        if pd.isna(count) or math.isinf(count):
            return "-" if pd.isna(count) else "none"
        return f"{count:,.0f} ({hours:,.0f} h)" if hours >= 10 else f"{count:,.0f} ({hours:.1f} h)"

    counts = [name for name in table if f"{HOURS}{name}" in table]
    others = ["finds", "method", "reference", *counts, *(f"{HOURS}{name}" for name in counts)]
    shown = plain(table.drop(columns=others))
    shown["finds (points)"] = ["-" if pd.isna(value) else f"{100 * value:.1f}" for value in table["finds"]]
    for name in counts:
        shown[name] = [cell(*pair) for pair in zip(table[name], table[f"{HOURS}{name}"], strict=True)]
    shown.attrs["numbers"] = [*shown.attrs["numbers"], "finds (points)", *counts]
    return shown


def made_with(costs: pd.DataFrame) -> str:
    """What made numbers, for the foot of a table: processor, CUDA, driver and torch; where several, which did what.

    costs: rows of costs.csv, or others with such columns; without them, nothing is said.
    """
    if "processor" not in costs or costs.empty:
        return ""
    facts = [costs["processor"], "CUDA " + costs["cuda"], "driver " + costs["driver"], "torch " + costs["torch"]]
    kinds = pd.concat(facts, axis=1).apply(lambda row: ", ".join(x for x in row if not x.endswith(" -")), axis=1)
    if kinds.nunique() == 1:
        return f"Made with {kinds.iloc[0]}."
    work = costs["stage"] + " of " + costs["method"]
    parts = [f"{kind}: {', '.join(dict.fromkeys(work[kinds == kind]))}" for kind in kinds.unique()]
    return f"Made with {kinds.nunique()} kinds of machine, from one to another of which numbers may move. " + "; ".join(
        parts
    )


_OTHERS = {  # than row by row
    "claims": lambda table: plain(table.drop(columns=["method", "reference"]), {"difference": "measured"}),
    "decoders": lambda table: plain(table, {"value": "score"}),
    "pass_at_k": pass_at_k,
    "format": formats,
    "reported": reported,
    "power": power,
    "benchmarks": benchmarks,
}


def shown(name: str, table: pd.DataFrame, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """A table of this name as text. published: for the main one, the reported table."""
    return main(table, published) if name == "main" else _OTHERS.get(name, plain)(table)
