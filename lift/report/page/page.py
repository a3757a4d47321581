"""One page with the tables, claims, figures and answers of an experiment: self-contained, offline.

`gather` reads a results folder into plain values, `render` makes the page of them. What a model wrote is only ever
shown as text: it travels as JSON, and the page's script sets nothing but text from it.
"""

import base64
import hashlib
import json
from collections import Counter
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
_FACTS = (
    *("commit", "machine", "gpu", "cuda", "driver", "device", "dtype", "quantisation", "threads", "devices"),
    *("sandbox", "python"),
)


def figures(folder: Path) -> list[dict]:
    """Every PNG with its caption, and its size at two dots a pixel."""
    found = []
    for path in (path for kind in FIGURES for path in sorted(folder.glob(f"{kind}-*.png"))):
        content, caption = path.read_bytes(), contents.caption(path.stem.partition("-")[0])
        width, height = (int.from_bytes(content[at : at + 4], "big") // 2 for at in (16, 20))  # of the IHDR chunk
        source = "data:image/png;base64," + base64.b64encode(content).decode()
        found.append({"name": path.stem, "caption": caption, "width": width, "height": height, "source": source})
    return found


def records(results: Path) -> dict:
    """What the run records say: their number, commits, dates, and every fact with the records that state it."""
    facts: dict[str, dict[str, Counter]] = {}
    times = []
    for folder, stage in STAGES.items():
        for path in sorted(results.glob(f"{folder}/*/*/seed*/run.json")):
            record = json.loads(path.read_text())
            times.append(path.stat().st_mtime)
            values = {name: record[name] for name in _FACTS if name in record} | record.get("versions", {})
            for name, value in values.items():
                facts.setdefault(name, {}).setdefault(str(value), Counter())[stage] += 1
    dates = {datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d") for time in times}
    differing = [name for name, values in facts.items() if len(values) > 1]
    said = {"count": len(times), "commits": list(facts.get("commit", {})), "dates": sorted(dates)}
    return said | {"facts": facts, "differing": differing}


def gather(layout: Layout, view: dict, budget: int) -> dict:
    """All that the page shows. view: of lift.config.experiment.Experiment.page. budget: bytes of answers."""
    index, blobs, said = gather_answers(layout, view, budget)
    lengths = {}
    if is_made(layout.scores):
        scores = tidy.read(layout.scores)
        lengths = dict(zip(zip(scores["benchmark"], scores["decoder"], strict=True), scores["gen_length"], strict=True))
    titles = {name: title for made in TABLES.values() for name, title in made.items()}
    tables = {name: as_text(name, read(layout, name)) for name in titles if name not in ("main", "claims")}
    comparisons = tables.pop("comparisons")  # in a place of its own, as the main table and the claims
    return view | {
        "experiment": layout.folder.resolve().name,
        "reference": index["reference"],
        "models": index["models"],
        "seeds": said["seeds"][1],
        "records": records(layout.folder),
        "main": main_table(read(layout, "main"), read(layout, "reported"), index, lengths),
        "claims": claims(read(layout, "claims")),
        "comparisons": comparisons,
        "figures": figures(layout.figures),
        "tables": [{"name": name, "title": titles[name], **table} for name, table in tables.items() if table],
        "costs": cost_summary(layout.costs, view["methods"]),
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
    return environment.get_template(template.name).render(
        page,
        style=style.read_text(encoding="utf-8"),
        script=code,
        # no script but this one runs, whatever a text may contain
        script_hash=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
        data={"answers-index": dumps(page["index"]), **page["blobs"]},  # escaped by `dumps`
    )
