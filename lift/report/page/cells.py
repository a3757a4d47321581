"""The tables of the page, read from their CSV files."""

import re
from pathlib import Path

import pandas as pd

from lift import tidy
from lift.report.page.answers import answers_link

VERDICTS = ("not held", "held", "alike", "undecided", "not run")  # "not held" before the "held" that it contains


def is_made(path: Path) -> bool:
    """Whether a table was made and has something to show."""
    return path.is_file() and path.stat().st_size > 1  # a table without columns is a line break


def read_table(path: Path) -> dict | None:
    """The columns and rows of a CSV file as text; None where it was not made."""
    if not is_made(path):
        return None
    frame = tidy.read_text(path)
    return {"columns": list(frame.columns), "rows": frame.to_numpy().tolist()}


def _cell(text: str) -> dict:
    """A cell of the main table in its parts: number, interval, mark against the reference, and the rest."""
    number, interval, rest = re.fullmatch(r"(-?[\d.]+)?\s*(\[[^\]]*\])?\s*(.*)", text, re.DOTALL).groups()
    mark, _, note = rest.partition(";")
    if mark.strip() not in ("better", "worse"):
        mark, note = "", rest
    return {"number": number, "interval": interval, "mark": mark.strip(), "note": note.strip(" ;"), "link": ""}


def main_table(table: dict | None, index: dict, lengths: dict[tuple[str, str], str]) -> dict | None:
    """The main table, each number with the link to the answers behind it.

    A column's benchmark is its first word, its decoder the first one of the row's answer length. An average opens the
    first benchmark of its row. lengths: answer length by (benchmark, decoder).
    """
    if table is None:
        return None
    models: dict[tuple, list[str]] = {}  # of embedded answers
    for run in index["runs"]:
        if "data" in run:
            models.setdefault((run["benchmark"], run["decoder"], run["method"]), []).append(run["model"])
    rows = []
    for values in table["rows"]:
        facts = dict(zip(table["columns"], values, strict=True))
        method, length = facts["method"], facts.get("length")
        cells = {}
        for column, text in facts.items():
            benchmark = column.split()[0]
            if benchmark not in index["benchmarks"] and benchmark != "average":
                continue
            cells[column] = cell = _cell(text)
            if not cell["number"]:
                continue
            for decoder in index["benchmarks"].get(benchmark, {}).get("decoders", []):
                same_length = length is None or lengths.get((benchmark, decoder)) == length
                if same_length and facts["model"] in models.get((benchmark, decoder, method), []):
                    model = facts["model"] if facts["model"] != "none" else index["models"][0]
                    others = (index["reference"], "base", *index["methods"])
                    answering = [
                        other
                        for other in others
                        if other != method and {model, "none"} & set(models.get((benchmark, decoder, other), []))
                    ]
                    cell["link"] = answers_link(model, benchmark, decoder, method, (answering or [method])[0])
                    cell["title"] = f"{method} on {benchmark}: the answers"
                    break
        if cells.get("average", {}).get("number"):
            first = next((cell["link"] for cell in cells.values() if cell["link"]), "")
            cells["average"] |= {"link": first, "title": f"{method}: the answers to the first benchmark"}
        rows.append({"text": facts, "cells": cells})
    return {"columns": table["columns"], "rows": rows}


def verdict_kind(text: str) -> str:
    """Which of the verdicts a text begins with, as a name of a style; "" for none."""
    return next((name.replace(" ", "-") for name in VERDICTS if text.strip().lower().startswith(name)), "")


def claims(table: dict | None) -> list[dict] | None:
    """The claims in order, each with its comparisons as a table, and its verdict, by model where these differ."""
    if table is None:
        return None
    about = ("claim", "says", "where", "claim verdict")
    first = ("comparison", "verdict")  # which a narrow screen shows without scrolling
    columns = [name for name in table["columns"] if name not in about]
    columns.sort(key=lambda name: name not in first)
    found: dict[str, dict] = {}
    for values in table["rows"]:
        facts = dict(zip(table["columns"], values, strict=True))
        claim = found.setdefault(facts["claim"], {name: facts.get(name, "") for name in about} | {"rows": [], "by": {}})
        claim["rows"].append([facts[name] for name in columns])
        claim["by"][facts.get("model", "")] = facts.get("claim verdict", "")
    for claim in found.values():
        if len(set(claim["by"].values())) > 1:
            claim["claim verdict"] = "; ".join(f"{verdict} ({model})" for model, verdict in claim["by"].items())
    return [claim | {"columns": columns} for claim in found.values()]


def numeric_columns(table: dict) -> list[str]:
    """The columns of numbers, with intervals or without, and dashes."""
    number = re.compile(r"[-+<]?[\d.,]+%?( \[[^\]]*\])?")
    return [
        name
        for name, texts in zip(table["columns"], zip(*table["rows"], strict=True), strict=False)
        if any(map(number.fullmatch, texts)) and all(text in ("", "-") or number.fullmatch(text) for text in texts)
    ]


def cost_summary(path: Path, methods: list[str]) -> dict | None:
    """costs.csv by stage, model and method: sums over seeds, benchmarks and decoders, and the most memory."""
    if not is_made(path):
        return None
    frame = tidy.read(path)
    frame = frame.reindex(columns=list(dict.fromkeys([*frame.columns, "answers", "nfe", "peak_gpu_memory_mb"])))
    order = {method: place for place, method in enumerate(methods)}
    groups = [
        ((stage != "finetune", model, order.get(method, len(order)), method), part, (stage, model, method))
        for (stage, model, method), part in frame.groupby(["stage", "model", "method"], sort=False)
    ]
    rows = []
    for _, part, names in sorted(groups, key=lambda group: group[0]):
        seconds, tokens = part["seconds"].sum(), part["tokens"].sum()
        numbers = [part["answers"].sum(), part["nfe"].sum(), tokens]
        stage = "decoding" if names[0] == "decode" else "fine-tuning"
        row = [stage, *names[1:], str(part["seed"].nunique())]
        row += [f"{value:,.0f}" if value else "-" for value in numbers]
        row += [f"{seconds:,.1f}", f"{tokens / seconds:,.0f}" if seconds else "-"]
        row += [f"{part['peak_memory_mb'].max():,.0f}"]
        gpu = part["peak_gpu_memory_mb"].max()
        rows.append([*row, "-" if pd.isna(gpu) else f"{gpu:,.0f}"])
    columns = ["stage", "model", "method", "seeds", "answers", "passes", "tokens", "seconds", "tokens a second"]
    columns += ["peak memory (MiB)", "peak GPU memory (MiB)"]
    if all(row[-1] == "-" for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return {"columns": columns, "rows": rows}
