"""One page with the tables, claims, figures and answers of an experiment: self-contained, offline.

`gather` reads a results folder into plain values, `render` makes the page of them. What a model wrote is only ever
shown as text: it travels as JSON, and the page's script sets nothing but text from it.
"""

import base64
import bisect
import hashlib
import itertools
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import jinja2
import pandas as pd

from lift import tidy
from lift.benchmarks import question_of
from lift.errors import InputError

_FOLDER = Path(__file__).parent
SOURCES = tuple(_FOLDER / name for name in ("report.html.jinja", "report.css", "report.js"))

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
VERDICTS = ("not held", "held", "alike", "undecided", "not run")  # "not held" before the "held" that it contains
STAGES = {"runs": "fine-tuning", "generations": "decoding", "grades": "judging"}
CORRECT, INVALID, TRUNCATED = 1, 2, 4  # an answer's flags, as lift/report.js reads them
_FACTS = ("commit", "machine", "gpu", "device", "dtype", "threads", "devices", "sandbox", "python")


@dataclass(frozen=True, order=True)
class Run:
    """The answers of one checkpoint to one benchmark by one decoder."""

    model: str
    method: str
    seed: int
    decoder: str
    benchmark: str

    def file(self, kind: str) -> str:
        """Its file of generations or of grades, in the results folder."""
        suffix = ".jsonl" if kind == "generations" else ".csv"
        return f"{kind}/{self.model}/{self.method}/seed{self.seed}/{self.decoder}/{self.benchmark}{suffix}"


def dumps(value: object) -> str:
    """JSON that cannot end, or open a comment in, the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("</", "<\\/").replace("<!", "<\\u0021")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _is_made(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 1  # a table without columns is a line break


def read_table(path: Path) -> dict | None:
    """The columns and rows of a CSV file as text; None where it was not made."""
    if not _is_made(path):
        return None
    frame = tidy.read_text(path)
    return {"columns": list(frame.columns), "rows": frame.to_numpy().tolist()}


# --- answers ---------------------------------------------------------------------------------------------------------


def find_runs(results: Path) -> tuple[list[Run], list[str]]:
    """Everything that was answered, and the files left out because their problems or grades are missing."""
    runs, left_out = [], []
    for path in sorted(results.glob("generations/*/*/seed*/*/*.jsonl")):
        model, method, seed, decoder = path.parts[-5:-1]
        run = Run(model, method, int(seed.removeprefix("seed")), decoder, path.stem)
        judged = (results / run.file("grades")).is_file() and (results / f"benchmarks/{path.stem}.jsonl").is_file()
        if judged:
            runs.append(run)
        else:
            left_out.append(run.file("generations"))
    return runs, left_out


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def read_problems(results: Path, benchmark: str) -> list[dict]:
    """The problems of a benchmark: id, question, reference answer."""
    rows = []
    for problem in _lines(results / f"benchmarks/{benchmark}.jsonl"):
        answer = problem.get("answer", "")
        text = answer if isinstance(answer, str) else json.dumps(answer)
        rows.append({"id": problem["id"], "question": question_of(problem), "answer": text})
    return rows


def read_answers(results: Path, run: Run) -> dict[int, list[list]]:
    """By problem, its samples in order, each [number, text, extracted, flags] and, of Sudoku, the share of cells."""
    grades = tidy.read_text(results / run.file("grades")).to_dict("records")
    verdicts = {(int(row["id"]), int(row["sample"])): row for row in grades}
    found: dict[int, list[list]] = {}
    for answer in _lines(results / run.file("generations")):
        row = verdicts.get((answer["id"], answer["sample"]))
        if row is None:
            raise InputError(
                f"{results / run.file('grades')} has no row for sample {answer['sample']} of problem {answer['id']}; "
                "judge the answers again."
            )
        names = {"correct": CORRECT, "invalid": INVALID, "truncated": TRUNCATED}
        sample = [answer["sample"], answer["text"], row["extracted"]]
        sample.append(sum(flag for name, flag in names.items() if row[name] == "1"))
        if row.get("empty_cells"):
            sample.append(f"{row['correct_cells']} of {row['empty_cells']}")
        found.setdefault(answer["id"], []).append(sample)
    for samples in found.values():
        samples.sort(key=lambda sample: sample[0])
    return found


def first_seeds(runs: list[Run]) -> list[Run]:
    """Of each checkpoint, benchmark and decoder, the first seed."""
    first: dict[tuple, Run] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        first.setdefault((run.model, run.method, run.decoder, run.benchmark), run)
    return sorted(first.values())


def choose(results: Path, runs: list[Run], problems: dict[str, list[dict]], budget: int) -> tuple[list[Run], int, int]:
    """What fits into a number of bytes: the runs, how many samples of each, and how many problems of each benchmark.

    Rather all seeds than many samples, and rather all problems than several seeds. If the first sample of the first
    seeds is still too much, as many problems as fit, the same for every method, and at least one.
    """
    sizes = {}  # bytes of each sample, so that the texts need not all be kept
    for run in runs:
        answers = read_answers(results, run)
        sizes[run] = {i: [_size(dumps(sample)) + 1 for sample in samples] for i, samples in answers.items()}
    questions = {name: [_size(dumps(problem)) + 1 for problem in rows] for name, rows in problems.items()}
    ids = {name: [problem["id"] for problem in rows] for name, rows in problems.items()}
    most = max((len(samples) for by_id in sizes.values() for samples in by_id.values()), default=1)
    longest = max(map(len, ids.values()), default=1)

    def totals(chosen: list[Run], samples: int) -> list[int]:
        """Bytes of the first 1, 2, ... problems of every benchmark."""
        at = [0] * longest
        for row in questions.values():
            for place, size in enumerate(row):
                at[place] += size
        for run in chosen:
            at[0] += 60  # brackets and the script element around a run
            for place, number in enumerate(ids[run.benchmark]):
                at[place] += sum(sizes[run].get(number, [])[:samples]) + 16
        return list(itertools.accumulate(at))

    first = first_seeds(runs)
    for chosen, samples in ((runs, most), (runs, 4), (runs, 1), (first, 4), (first, 1)):
        by_limit = totals(chosen, samples)
        if by_limit[-1] <= budget:
            return chosen, samples, longest
    return first, 1, max(1, bisect.bisect_right(by_limit, budget))


def gather_answers(results: Path, metrics: dict, decoders: dict, methods: list[str], reference: str, budget: int):
    """The index that the answers browser starts from, its data by element id, and what to say of what is embedded."""
    runs, left_out = find_runs(results)
    known = [run for run in runs if run.method in methods and run.decoder in decoders.get(run.benchmark, [])]
    names = [name for name in decoders if any(run.benchmark == name for run in known)]
    problems = {name: read_problems(results, name) for name in names}
    chosen, samples, limit = choose(results, known, problems, budget)
    blobs, benchmarks = {}, {}
    for place, name in enumerate(names):
        kept = problems[name][:limit]
        blobs[f"problems-{place}"] = dumps(kept)
        benchmarks[name] = {"metric": metrics.get(name, "accuracy"), "decoders": decoders[name]}
        benchmarks[name] |= {"total": len(problems[name]), "kept": len(kept), "data": f"problems-{place}"}
    embedded, rows, most = set(chosen), [], 1
    for place, run in enumerate(known):
        row = {"model": run.model, "method": run.method, "seed": run.seed}
        row |= {"decoder": run.decoder, "benchmark": run.benchmark}
        if run in embedded:
            answers = read_answers(results, run)
            most = max(most, *map(len, answers.values())) if answers else most
            kept = [answers.get(problem["id"], []) for problem in problems[run.benchmark][:limit]]
            blobs[f"run-{place}"] = dumps(
                {
                    "right": [sum(sample[3] & CORRECT for sample in group) for group in kept],
                    "of": [len(group) for group in kept],
                    "samples": [group[:samples] for group in kept],
                }
            )
            row["data"] = f"run-{place}"
        rows.append(row)
    present = [run.model for run in known]
    models = [name for name in dict.fromkeys(present) if name != "none"] or sorted(set(present))
    index = {"reference": reference, "models": models, "benchmarks": benchmarks, "runs": rows}
    index["methods"] = [name for name in methods if any(run.method == name for run in known)]
    seeds, all_seeds = ({run.seed for run in part} for part in (chosen, known))
    said = {
        "problems": [(name, entry["kept"], entry["total"]) for name, entry in benchmarks.items()],
        "cut": any(entry["kept"] < entry["total"] for entry in benchmarks.values()),
        "samples": samples if samples < most else 0,
        "runs": (len(chosen), len(known)),
        "seeds": (sorted(seeds), sorted(all_seeds)),
        "left_out": left_out,
        "bytes": sum(map(_size, blobs.values())),
    }
    return index, blobs, said


# --- tables ----------------------------------------------------------------------------------------------------------


def answers_link(model: str, benchmark: str, decoder: str, method: str, other: str) -> str:
    """The place in the page where two methods' answers stand side by side."""
    return "#answers/" + "/".join(quote(part, safe="") for part in (model, benchmark, decoder, method, other))


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
    if not _is_made(path):
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


# --- figures and records ---------------------------------------------------------------------------------------------


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


# --- the page --------------------------------------------------------------------------------------------------------


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
            if path.stem not in shown and _is_made(path)
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
