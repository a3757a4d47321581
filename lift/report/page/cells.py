"""The tables of the page, from those of the experiment."""

from pathlib import Path
from urllib.parse import quote

import pandas as pd

from lift import tidy
from lift.config.layout import Layout
from lift.report import text
from lift.report.tables import in_order

_OF_A_CLAIM = ("claim", "says", "where")
VERDICTS = ("not held", "held", "alike", "undecided", "not run")  # "not held" before the "held" that it contains


def is_made(path: Path) -> bool:
    """Whether a table was made and has something to show."""
    return path.is_file() and path.stat().st_size > 1  # a table without columns is a line break


def read(layout: Layout, name: str) -> pd.DataFrame | None:
    """A table of an experiment, tidy; None where it was not made."""
    path = layout.table(name).with_suffix(".csv")
    return tidy.read(path) if is_made(path) else None


def as_text(name: str, table: pd.DataFrame | None) -> dict | None:
    """The columns and rows of a table as text, and which columns are of numbers; None where it was not made."""
    if table is None:
        return None
    shown = text.shown(name, table)
    return {"columns": list(shown), "rows": shown.to_numpy().tolist(), "numbers": shown.attrs.get("numbers", [])}


def main_table(
    table: pd.DataFrame | None, published: pd.DataFrame | None, index: dict, lengths: dict[tuple[str, str], int]
) -> dict | None:
    """The main table, each number with the link to the answers behind it: of the first decoder of the row's length.

    There two methods' answers stand side by side; an average opens the first benchmark of its row. published: the
    reported table. lengths: answer length by (benchmark, decoder).
    """
    if table is None:
        return None
    runs = [run for run in index["runs"] if "data" in run]
    embedded = {(run["model"], run["method"], run["benchmark"], run["decoder"]) for run in runs}

    def link(row: dict) -> str:
        model, method = row["model"], row["method"]
        for decoder in index["benchmarks"].get(row["benchmark"], {}).get("decoders", []):
            place = (row["benchmark"], decoder)
            if lengths.get(place) == row["length"] and (model, method, *place) in embedded:
                model = model if model != "none" else index["models"][0]
                others = [name for name in (index["reference"], "base", *index["methods"]) if name != method]
                other = next((n for n in others if {(model, n, *place), ("none", n, *place)} & embedded), method)
                return "#answers/" + "/".join(quote(part, safe="") for part in (model, *place, method, other))
        return ""

    cells = []
    for row, note in zip(table.to_dict("records"), text.notes(table, published), strict=True):
        number, _, interval = text.percent(row["value"], row["ci_low"], row["ci_high"]).partition(" ")
        cell = {"number": number, "interval": interval, "mark": row["verdict"], "note": note, "link": link(row)}
        cells.append(cell | {"title": f"{row['method']} on {row['benchmark']}: the answers"})
    wide = text.across(table, text.titles(table), cells)
    rows = wide.to_dict("records")
    for row in rows:
        links = [cell["link"] for cell in row.values() if isinstance(cell, dict) and cell["link"]]
        if isinstance(row.get("average"), dict):
            row["average"] |= {"link": links[0] if links else ""}
            row["average"] |= {"title": f"{row['method']}: the answers to the first benchmark"}
    return {"columns": list(wide), "rows": [list(row.values()) for row in rows], "numbers": []}


def verdict_kind(text: str) -> str:
    """Which of the verdicts a text begins with, as a name of a style; "" for none."""
    return next((name.replace(" ", "-") for name in VERDICTS if text.strip().lower().startswith(name)), "")


def claims(table: pd.DataFrame | None) -> list[dict] | None:
    """The claims in order, each with its comparisons as a table, and its verdict, by model where these differ."""
    if table is None:
        return None
    shown, found = text.shown("claims", table), []
    first = ("comparison", "verdict")  # which a narrow screen shows without scrolling
    columns = [name for name in shown if name not in (*_OF_A_CLAIM, "claim verdict")]
    columns.sort(key=lambda name: name not in first)
    for _, rows in shown.groupby("claim", sort=False):
        by_model = rows.groupby("model", sort=False)["claim verdict"].first()
        verdict = by_model.iloc[0]
        if by_model.nunique() > 1:
            verdict = "; ".join(f"{verdict} ({model})" for model, verdict in by_model.items())
        parts = {"columns": columns, "rows": rows[columns].to_numpy().tolist(), "numbers": shown.attrs["numbers"]}
        found.append(rows.iloc[0][list(_OF_A_CLAIM)].to_dict() | {"claim verdict": verdict} | parts)
    return found


def cost_summary(path: Path, methods: list[str]) -> dict | None:
    """costs.csv by stage, model and method: sums over seeds, benchmarks and decoders, and the most memory."""
    if not is_made(path):
        return None
    costs = tidy.read(path)
    costs = costs.reindex(columns=list(dict.fromkeys([*costs, "answers", "nfe", "peak_gpu_memory_mb"])))
    costs = in_order(costs, stage=["finetune", "decode"], model=None, method=methods)
    names, rows = {"finetune": "fine-tuning", "decode": "decoding"}, []
    for (stage, model, method), part in costs.groupby(["stage", "model", "method"], sort=False):
        answers, passes, tokens, seconds = part[["answers", "nfe", "tokens", "seconds"]].sum()
        numbers = [answers, passes, tokens, seconds, tokens / seconds if seconds else 0.0]
        numbers += part[["peak_memory_mb", "peak_gpu_memory_mb"]].max().tolist()
        shown = [f"{value:,.0f}" if value > 0 else "-" for value in numbers]
        shown[3] = f"{seconds:,.1f}"
        rows.append([names[stage], model, method, str(part["seed"].nunique()), *shown])
    columns = ["stage", "model", "method", "seeds", "answers", "passes", "tokens", "seconds", "tokens a second"]
    columns += ["peak memory (MiB)", "peak GPU memory (MiB)"]
    if all(row[-1] == "-" for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return {"columns": columns, "rows": rows, "numbers": columns[3:]}
