"""Where a cell of a table comes from: the records behind it as nested dicts, and what was checked.

All is read from the folder of one experiment. What is missing there is said, not guessed.
"""

import contextlib
import math
from pathlib import Path

import pandas as pd

from lift import tidy
from lift.config.layout import Layout
from lift.errors import InputError
from lift.report import table_cells
from lift.report.records import AT, SCORE, Records, check_answers, check_problems, check_score, check_weights, inside
from lift.report.table_cells import Cell
from lift.scores.problem_scores import METRICS, problem_scores

_PLACE = ["model", "method", "benchmark", "decoder", "gen_length"]


def explain(results: Path, path: str) -> dict:
    """The chain behind the cell that a path names (see lift.report.table_cells), or what can be asked for."""
    experiment, table, rest = table_cells.locate(results, path)
    if not rest:
        return table_cells.listing(results, experiment, table)
    cell, records = table_cells.find(results, path), Records(results / experiment)
    named = [cell.row[key] for key in ("method", "reference") if cell.row.get(key)]
    methods = {method: _method(records, cell, method) for method in named}
    statistics = {} if named else _statistics(records, cell)
    kinds = {"model": "models", "corpus": "corpora", "benchmark": "benchmarks", "decoder": "decoders"}
    for column, kind in kinds.items():
        records.use(kind, cell.row.get(column, "-"))
    return {
        "cell": cell.name,
        "value": cell.row[cell.column],
        "table": {"file": f"{AT.table(table)}.csv", "column": cell.column},
        "folder": str(records.folder),
        "made by": records.made_by,
        "methods": methods,
        "statistics": statistics,
        "models": {name: _base(records, name) for name in records.used["models"]},
        "corpora": {name: _source(records, AT.corpus(name)) for name in records.used["corpora"]},
        "benchmarks": {name: _source(records, AT.problems(name)) for name in records.used["benchmarks"]},
        "config.yaml": _config(records),
        "checks": records.checks,
    }


# --- scores


def _tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """scores.csv, and of it what counts in averages: each benchmark's own metric, by the first of its decoders."""
    at = Layout(folder)
    for file in (at.scores, at.problem_scores):
        if not file.is_file():
            raise InputError(f"{file} is missing: the experiment is unfinished, or of an older version.")
    counts = pd.read_parquet(at.problem_scores, columns=[*_PLACE, "metric", "counts"])
    counts = counts[counts["counts"]].drop(columns="counts").drop_duplicates().astype(str)
    return tidy.read_text(at.scores).drop(columns="experiment"), counts


def _rows(cell: Cell, method: str, scores: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """The rows of scores.csv behind a cell, over all seeds and of each."""
    row = cell.row
    metric, benchmark, length = row.get("metric"), row.get("benchmark", "average"), row.get("length")
    wanted = {"model": row.get("model"), "method": method, "benchmark": benchmark}
    wanted |= {"metric": "mean" if benchmark == "average" else metric}
    wanted |= {"decoder": row.get("decoder"), "gen_length": length}
    for key, value in wanted.items():
        scores = scores[scores[key] == value] if value else scores
    if benchmark == "average" or "decoder" in row:
        return scores
    return scores.merge(counts[_PLACE if metric else [*_PLACE, "metric"]])


def _method(records: Records, cell: Cell, method: str) -> dict:
    """From scores.csv to grades, answers and weights, for one method on a benchmark or on all in the average."""
    records.use("methods", method)
    scores, counts = _tables(records.folder)
    rows = _rows(cell, method, scores, counts)
    if rows.empty:
        return {"scores.csv": "missing"}
    score = _pooled(rows)
    place, average = (score["model"], method), score["benchmark"] == "average"
    own = scores.merge(counts.merge(rows[["model", "method", "gen_length"]].drop_duplicates())) if average else rows
    numbers = {path.name.removeprefix("seed") for path in records.folder.glob(str(AT.grades(*place, "*")))}
    numbers = sorted(numbers | {seed for seed in own["seed"] if seed.isdigit()}, key=int) or ["0"]
    graded = {number: records.read(AT.grades(*place, number) / "run.json") for number in numbers}
    decoded = {number: records.read(AT.generations(*place, number) / "run.json") for number in numbers}
    parts = {name: _part(records, part, decoded) for name, part in own.groupby("benchmark", sort=False)}
    means = [part.pop("mean") for part in parts.values()]
    if average and None not in means:
        check_score(records, math.fsum(means) / len(means), score["value"], f"average of {method}")
    records.use("models", score["model"])
    records.use("benchmarks", *parts)
    records.use("decoders", *own["decoder"])
    # what the records say of other benchmarks is left out; in an average, what they say of any
    others = {*counts["benchmark"], *scores["decoder"]} - (set() if average else {*parts, score["decoder"]})
    seeds = _seeds(numbers)
    file = "DECODER/BENCHMARK" if average else f"{score['decoder']}/{score['benchmark']}"
    chain = {
        "scores.csv": _by_seed({row["seed"]: row for row in rows.to_dict("records")}),
        "benchmarks": parts,
        "grades": {"files": f"{AT.grades(*place, seeds) / file}.csv, run.json", **_by_seed(_without(graded, others))},
    }
    answers = {"files": f"{AT.generations(*place, seeds) / file}.jsonl, run.json"}
    if score["model"] == "none":
        return chain | {"answers": answers | {"weights": "none, they are drawn at random"}}
    return chain | {"answers": answers | _by_seed(_without(decoded, others)), "weights": _weights(records, decoded)}


def _seeds(numbers: list[str]) -> str:
    """Some seeds, as the shell would spell them in a path."""
    return numbers[0] if len(numbers) == 1 else f"{{{','.join(numbers)}}}"


def _pooled(rows: pd.DataFrame) -> pd.Series:
    """The row over all seeds where there is one, else the only one."""
    every = rows[rows["seed"] == "all"]
    return (every if len(every) else rows).iloc[0]


def _part(records: Records, rows: pd.DataFrame, decoded: dict[str, dict]) -> dict:
    """One benchmark: its score, again from each seed's grades, and how many answers are right."""
    score, by_seed = _pooled(rows), dict(zip(rows["seed"], rows["value"], strict=True))
    means, right = [], []
    answered = {
        number: record
        for number, record in decoded.items()  # greedy answers of the base are those of its first seed
        if score["benchmark"] in record.get("decoding", {score["benchmark"]})
    }
    for number, record in answered.items():
        place, file = (score["model"], score["method"], number), f"{score['decoder']}/{score['benchmark']}"
        judged, answers = AT.grades(*place) / f"{file}.csv", AT.generations(*place) / f"{file}.jsonl"
        try:
            grades = tidy.read(records.folder / judged)
            means.append(_mean(grades, score["metric"]))
            right.append(f"{grades['correct'].sum()} of {len(grades)}")
        except (OSError, ValueError, KeyError, InputError):  # missing, cut off or empty
            records.check(SCORE, f"{judged} cannot be read")
            continue
        if number in by_seed:
            check_score(records, means[-1], by_seed[number], str(judged))
        check_answers(records, answers, judged, len(grades), score, record)
        check_problems(records, score["benchmark"], record)
    mean = math.fsum(means) / len(means) if len(means) == len(answered) else None
    if mean is not None and score["seed"] not in answered:
        check_score(records, mean, score["value"], f"{score['benchmark']}, over seeds")
    facts = {"metric": score["metric"], "value": float(score["value"]), "n": int(score["n"])}
    if len(answered) > 1:
        facts["value by seed"] = [float(value) for seed, value in by_seed.items() if seed.isdigit()]
    return facts | {"decoder": score["decoder"], "right": right, "mean": mean}


def _mean(grades: pd.DataFrame, metric: str) -> float:
    """A metric, computed from grades as for scores.csv. Raises KeyError if they do not have it."""
    for kind in METRICS:
        with contextlib.suppress(KeyError):  # of a kind whose columns they do not have
            return float(problem_scores(grades, kind, int(metric.partition("@")[2] or 1))[metric].mean())
    raise KeyError(metric)


def _by_seed(records: dict[str, dict]) -> dict:
    """Records by seed; what several share comes first and once."""
    rows = {f"seed {seed}": {key: row[key] for key in row if key != "seed"} for seed, row in records.items()}
    if len(rows) < 2:
        return rows
    first, *others = rows.values()
    shared = {key: value for key, value in first.items() if all(row.get(key) == value for row in others)}
    own = {seed: {key: row[key] for key in row if key not in shared} for seed, row in rows.items()}
    return {"each seed": shared} | {seed: row for seed, row in own.items() if row}


def _without(value: object, names: set[str]) -> object:
    """A record without its entries on some benchmarks and decoders."""
    if isinstance(value, dict):
        kept = {key: _without(item, names) for key, item in value.items() if key not in names}
        return {key: item for key, item in kept.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [item for item in value if not (isinstance(item, dict) and names & {*map(str, item.values())})]
    return value


# --- where weights, statistics and data come from


def _weights(records: Records, decoded: dict[str, dict]) -> dict | str:
    """The fine-tuning runs of what was decoded, which for a method with `run_of` are another's."""
    for record in decoded.values():
        check_weights(records, record)
    runs = {seed: inside(record["run"]) for seed, record in decoded.items() if record.get("run")}
    if not runs:
        return "those of the base model" if all("run" in record for record in decoded.values()) else "missing"
    trained = {
        seed: records.read(run.parent / "config.yaml") | records.read(run.parent / "run.json")
        for seed, run in runs.items()
    }
    records.use("methods", *(run.parts[-3] for run in runs.values()))
    records.use("corpora", *(record["corpus"] for record in trained.values() if "corpus" in record))
    first = next(iter(runs.values()))
    files = f"{AT.run(*first.parts[1:3], _seeds(list(runs))) / first.name}, run.json, config.yaml"
    return {"files": files} | _by_seed(trained)


def _statistics(records: Records, cell: Cell) -> dict:
    """The token statistics that a row names, or that a claim on words rests on."""
    found = {}
    for corpus in sorted(path.stem for path in records.folder.glob(str(AT.corpus("*")))):
        for model in sorted(path.name for path in records.folder.glob(str(AT.model("*")))):
            table = AT.statistics(model, corpus)
            stem = table.stem
            if cell.row.get("model and corpus") == stem or ("comparison" in cell.row and cell.row["model"] == model):
                records.use("models", model)
                records.use("corpora", corpus)
                found[stem] = {"file": records.file(table), "data": str(AT.tokenised(model, corpus))}
                found[stem] |= records.read(table.with_suffix(".json"))
    return found


def _base(records: Records, name: str) -> dict:
    """A base model: where it was taken from, or how it was trained."""
    folder = AT.model(name)
    files = [file for file in ("source.json", "run.json") if (records.folder / folder / file).is_file()]
    found = {file: records.read(folder / file) for file in files}
    return {"folder": str(folder)} | (found or {"record": "missing"})


def _source(records: Records, file: Path) -> dict:
    """Where a corpus or a benchmark comes from."""
    return {"file": records.file(file)} | records.read(file.with_suffix(".source.json"))


def _config(records: Records) -> dict | str:
    """Of the experiment's config, the entries of what a cell rests on."""
    config = records.read(AT.config)
    entries = {
        kind: {name: config[kind][name] for name in names if name in config.get(kind, {})}
        for kind, names in records.used.items()
    }
    return "missing" if "record" in config else {kind: entry for kind, entry in entries.items() if entry}
