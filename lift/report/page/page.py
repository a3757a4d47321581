"""One page with the tables, claims, figures and answers of an experiment: self-contained, offline.

`gather` reads a results folder into plain values, `render` makes the page of them. What a model wrote is only ever
shown as text: it travels as JSON, and the page's script sets nothing but text from it.
"""

import base64
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import jinja2
import pandas as pd

from lift.report.page.answers import dumps, gather_answers
from lift.report.page.cells import claims, cost_summary, is_made, main_table, numeric_columns, read_table, verdict_kind

_FOLDER = Path(__file__).parent
SOURCES = tuple(_FOLDER / name for name in ("page.html.jinja", "page.css", "page.js"))

CAPTIONS = {
    "scores": "The score of every method on every benchmark, and the plain average: a point is the mean over seeds, a "
    "line the 95% interval over problems and seeds, the dashed line the base model.",
    "pass_at_k": "The share of problems that at least one of k sampled answers solves, with 95% intervals. At k = 1 it "
    "is the mean over all samples.",
    "held_out_loss": "The loss of plain fine-tuning on held-out examples over training: over all masking levels, and "
    "by level. Lines are means over seeds, bands their range.",
    "trained_on": "The tokens that each method's loss counts, by their frequency in the corpus and the masking level, "
    "before any weights. The first panel gives shares in percent of the first method's tokens; the others how many "
    "times as many tokens a method has as the first.",
    "confidence": "How sure the base model is of its prediction, and which probability it gives to the true token, by "
    "masking level, for frequent and for rare words.",
    "heatmap": "The base model's confidence in its prediction and probability of the true token, by the token's "
    "frequency and the masking level. Means over masked tokens.",
    "cost": "The mean score against what it costs: forward passes and seconds an answer, and seconds of fine-tuning a "
    "run. Seconds depend on the machine and what else it did.",
}  # in the order in which the figures are shown
TABLES = {
    "power": "What this experiment could find, and what smaller differences take",
    "reported": "Scores next to the published ones",
    "pass_at_k": "pass@k and avg@k",
    "format": "Answers that are invalid or cut off",
    "decoders": "Decoders: score and cost",
    "statistics": "Token statistics",
    "data": "Training data: lengths and cuts",
    "contamination": "Words that a corpus shares with a benchmark",
    "benchmarks": "Benchmarks: sources, prompts, decoders",
}
STAGES = {"runs": "fine-tuning", "generations": "decoding", "grades": "judging"}
_FACTS = ("commit", "machine", "gpu", "device", "dtype", "threads", "devices", "sandbox", "python")


def figures(folder: Path) -> list[dict]:
    """Every PNG with its caption, its size at two dots a pixel, and its data as CSV where there is such a file."""
    found = []
    for path in sorted(folder.glob("*.png")):
        content = path.read_bytes()
        caption = CAPTIONS.get(path.stem.split("-")[0], "")
        width, height = (int.from_bytes(content[at : at + 4], "big") // 2 for at in (16, 20))  # of the IHDR chunk
        found.append(
            {"name": path.stem, "caption": caption, "width": width, "height": height}
            | {"alt": f"{path.stem}: {caption}" if caption else path.stem}
            | {"source": "data:image/png;base64," + base64.b64encode(content).decode()}
            | {"data": path.with_suffix(".csv").name if path.with_suffix(".csv").is_file() else ""}
        )
    order = list(CAPTIONS)
    return sorted(found, key=lambda one: order.index(p) if (p := one["name"].split("-")[0]) in order else len(order))


def records(results: Path) -> dict:
    """What the run records say: their number, commits, dates, and every fact with the records that state it."""
    facts: dict[str, dict[str, dict[str, int]]] = {}
    count, times = 0, []
    for folder, stage in STAGES.items():
        for path in sorted(results.glob(f"{folder}/*/*/seed*/run.json")):
            record = json.loads(path.read_text())
            count += 1
            times.append(path.stat().st_mtime)
            values = {name: record[name] for name in _FACTS if name in record} | record.get("versions", {})
            for name, value in values.items():
                stages = facts.setdefault(name, {}).setdefault(str(value), {})
                stages[stage] = stages.get(stage, 0) + 1
    dates = {datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d") for time in times}
    rows = [
        {
            "name": name,
            "values": [
                {"value": value, "of": "" if len(values) == 1 else ", ".join(f"{n} {s}" for s, n in stages.items())}
                for value, stages in values.items()
            ],
        }
        for name, values in facts.items()
    ]
    return {"count": count, "commits": list(facts.get("commit", {})), "dates": sorted(dates), "facts": rows}


def gather(
    results: Path,
    metrics: dict[str, str],
    decoders: dict[str, list[str]],
    methods: list[str],
    reference: str,
    budget: int,
    root: str = "",
) -> dict:
    """All that the page shows. budget: bytes of answers. root: from the page to the results folder, for links."""
    index, blobs, said = gather_answers(results, metrics, decoders, methods, reference, budget)
    index["root"] = root
    scores = read_table(results / "scores.csv")
    lengths = {}
    if scores is not None:
        frame = pd.DataFrame(scores["rows"], columns=scores["columns"])
        lengths = dict(zip(zip(frame["benchmark"], frame["decoder"], strict=True), frame["gen_length"], strict=True))
    main = main_table(read_table(results / "tables/main.csv"), index, lengths)
    comparisons = read_table(results / "tables/comparisons.csv")
    config = results / "config.yaml"
    others = sorted(results.glob("tables/*.csv"), key=lambda path: [*TABLES, path.stem].index(path.stem))
    shown = ("main", "claims", "comparisons")
    return {
        "experiment": results.resolve().name,
        "root": root,
        "reference": reference,
        "models": index["models"],
        "methods": methods,
        "metrics": metrics,
        "seeds": said["seeds"][1],
        "records": records(results),
        "main": main,
        "claims": claims(read_table(results / "tables/claims.csv")),
        "comparisons": comparisons,
        "figures": figures(results / "figures"),
        "tables": [
            {"name": path.stem, "title": TABLES.get(path.stem, path.stem), **read_table(path)}
            for path in others
            if path.stem not in shown and is_made(path)
        ],
        "costs": cost_summary(results / "costs.csv", methods),
        "config": config.read_text(encoding="utf-8") if config.is_file() else None,
        "has_scores": scores is not None,
        "answers": said,
        "index": index,
        "blobs": blobs,
    }


def render(page: dict) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["zip"] = zip
    environment.filters["verdict_kind"] = verdict_kind
    environment.filters["numeric_columns"] = numeric_columns
    template, style, script = SOURCES
    code = script.read_text(encoding="utf-8")
    data = {"answers-index": dumps(page["index"]), **page["blobs"]}  # escaped by `dumps`
    return environment.get_template(template.name).render(
        page,
        style=style.read_text(encoding="utf-8"),
        script=code,
        # no script but this one runs, whatever a text may contain
        script_hash=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
        data=data,
    )


def root_of(results: Path, page: Path) -> str:
    """The relative address of the results folder from a page, "" or ending in a slash."""
    relative = Path(os.path.relpath(results, page.parent)).as_posix()
    return "" if relative == "." else quote(relative) + "/"
