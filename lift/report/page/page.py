"""One page with the tables, claims, figures and answers of an experiment: self-contained, offline.

`gather` reads a results folder into plain values, `render` makes the page of them. What a model wrote is only ever
shown as text: it travels as JSON, and the page's script sets nothing but text from it.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from lift import tidy
from lift.config.layout import Layout
from lift.report import contents
from lift.report.contents import FIGURES, TABLES
from lift.report.page.answers import dumps, gather_answers
from lift.report.page.cells import as_text, claims, cost_summary, is_made, main_table, read, verdict_kind

_FOLDER = Path(__file__).parent
SOURCES = tuple(_FOLDER / name for name in ("page.html.jinja", "page.css", "page.js"))

STAGES = {"runs": "fine-tuning", "generations": "decoding", "grades": "judging"}
SHOWN = ("main", "claims", "comparisons")  # in places of their own
_FACTS = ("commit", "machine", "gpu", "device", "dtype", "quantisation", "threads", "devices", "sandbox", "python")


def figures(folder: Path) -> list[dict]:
    """Every PNG with its caption, its size at two dots a pixel, and its data as CSV where there is such a file."""
    found = []
    for path in (path for kind in FIGURES for path in sorted(folder.glob(f"{kind}-*.png"))):
        content, caption = path.read_bytes(), contents.caption(path.stem.partition("-")[0])
        width, height = (int.from_bytes(content[at : at + 4], "big") // 2 for at in (16, 20))  # of the IHDR chunk
        found.append(
            {"name": path.stem, "caption": caption, "width": width, "height": height}
            | {"alt": f"{path.stem}: {caption}"}
            | {"source": "data:image/png;base64," + base64.b64encode(content).decode()}
            | {"data": path.with_suffix(".csv").name if path.with_suffix(".csv").is_file() else ""}
        )
    return found


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


def gather(layout: Layout, view: dict, budget: int) -> dict:
    """All that the page shows. view: of lift.config.experiment.Experiment.page. budget: bytes of answers."""
    results, methods, metrics = layout.folder, view["methods"], view["metrics"]
    reference = view["references"][0]
    index, blobs, said = gather_answers(results, metrics, view["decoders"], methods, reference, budget)
    lengths = {}
    if is_made(layout.scores):
        scores = tidy.read(layout.scores)
        lengths = dict(zip(zip(scores["benchmark"], scores["decoder"], strict=True), scores["gen_length"], strict=True))
    titles = {name: title for made in TABLES.values() for name, title in made.items()}
    others = {name: as_text(name, read(layout, name)) for name in titles if name not in SHOWN}
    return {
        "experiment": results.resolve().name,
        "reference": reference,
        "models": index["models"],
        "methods": methods,
        "metrics": metrics,
        "seeds": said["seeds"][1],
        "records": records(results),
        "main": main_table(read(layout, "main"), read(layout, "reported"), index, lengths),
        "claims": claims(read(layout, "claims")),
        "comparisons": as_text("comparisons", read(layout, "comparisons")),
        "figures": figures(layout.figures),
        "tables": [{"name": name, "title": titles[name], **table} for name, table in others.items() if table],
        "costs": cost_summary(layout.costs, methods),
        "config": layout.config.read_text(encoding="utf-8") if layout.config.is_file() else None,
        "has_scores": bool(lengths),
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
