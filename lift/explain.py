"""Where a cell of a table comes from: the chain of records behind it as plain data, and what was checked.

A chain is read from the folder of an experiment alone. What is missing there is said, not guessed.
"""

import hashlib
import json
import math
import re
from functools import cache
from pathlib import Path

import pandas as pd
import yaml

from lift import provenance, table_cells
from lift.errors import InputError
from lift.table_cells import Cell

OK, NOTE, SKIPPED, WARNING = "ok", "note", "skipped", "WARNING"
NO_RECORD = "no record: made by an older version, or not yet"
_SMALL = 10**9  # bytes of weights that are read to check them
ENVIRONMENT = ("commit", "python", "versions", "machine")

_RATES = {"passes an answer": ("nfe", "answers", 1), "tokens a pass": ("tokens", "nfe", 2)}
_RATES["tokens a second"] = ("tokens", "seconds", 0)


class Checks(list):
    """What was checked, as rows of status, what, where."""

    def add(self, status: str, what: str, where: str = "") -> None:
        self.append({"status": status, "what": what, "where": where})

    def expect(self, right: bool, what: str, where: str, wrong: str) -> None:
        """Note that something is as it should be, or how it is not."""
        self.add(OK if right else WARNING, what if right else f"{what}: no, {wrong}", where)


def explain(results: Path, path: str) -> dict:
    """The chain behind the cell that a path names (see lift.table_cells), as plain data."""
    _hash.cache_clear()  # the files may have changed since the last call
    _sha256.cache_clear()
    experiment, table, _ = table_cells.locate(results, path)
    folder = results / experiment
    file = folder / "tables" / f"{table}.csv"
    scores = _scores(folder)
    wide = any(_benchmark_of(name, scores)[0] for name in table_cells.read_table(file).columns)
    cell = table_cells.find(results, path, whole_row=not wide)
    checks = Checks()
    if not (folder / "scores.csv").is_file():
        checks.add(WARNING, "the file is missing", "scores.csv")
    chain = {
        "cell": cell.name,
        "value": cell.value,
        "folder": str(folder),
        "table": {"path": f"tables/{table}.csv", "key": cell.key, "row": cell.row, "column": cell.column},
        "compared": _row_of(folder, "comparisons.csv", cell, scores),
        "published": _row_of(folder, "tables/reported.csv", cell, scores),
        "methods": [],
        "statistics": [],
        "corpora": [],
        "benchmarks": [],
    }
    names = {"corpora": [], "benchmarks": []}
    wanted = subjects(folder, cell, scores)
    for one in wanted:
        found = method_chain(folder, scores, one, checks)
        chain["methods"].append(found)
        names["corpora"] += [found["corpus"]] if found["corpus"] else []
        names["benchmarks"] += [part["benchmark"] for part in found["parts"]]
    if cell.column is not None and len(wanted) == 1:
        _check_text(cell, chain["methods"][0], checks)
    for method in compared(cell.row):
        if method not in [one["method"] for one in wanted]:
            checks.add(NOTE, f"no scores of {method} here: not run", cell.name)
    if len(wanted) == 2:
        _check_difference(cell, chain["methods"], checks)
    if "claim verdict" in cell.row:
        table_rows = table_cells.read_table(file)
        chain["table"]["rows_of_claim"] = int((table_rows["claim"] == cell.row["claim"]).sum())
    if wanted:
        _check_age(folder, file, folder / "scores.csv", "the table is not older than scores.csv", checks)
    elif wide:
        checks.add(WARNING, "scores.csv has no row for this cell", cell.name)
    else:
        stems = [cell.row["model and corpus"]] if "model and corpus" in cell.row else _statistics_of_claim(folder, cell)
        chain["statistics"] = [_statistics(folder, stem, cell, checks) for stem in stems]
        names["corpora"] += [found["corpus"] for found in chain["statistics"] if found["corpus"]]
        names["corpora"] += [cell.row["corpus"]] if "corpus" in cell.row else []
        names["benchmarks"] += [cell.row["benchmark"]] if "benchmark" in cell.row else []
        _check_data(folder, cell, checks)
        if not (chain["statistics"] or names["corpora"] or names["benchmarks"]):
            checks.add(
                WARNING, "the row names no method, statistics, corpus or benchmark that is known here", cell.name
            )
    for kind, found in names.items():
        chain[kind] = [_source(folder, kind, name, checks) for name in dict.fromkeys(found)]
    chain["config"] = _config(folder, chain, checks)
    chain["checks"] = list(checks)
    return chain


# --- what a cell is about


def _scores(folder: Path) -> pd.DataFrame:
    path = folder / "scores.csv"
    columns = ["model", "method", "seed", "benchmark", "decoder", "gen_length", "metric", "n", "value"]
    return table_cells.read_table(path) if path.is_file() else pd.DataFrame(columns=columns, dtype=str)


def _benchmark_of(column: str | None, scores: pd.DataFrame) -> tuple[str | None, str | None]:
    """The benchmark and the metric that the head of a column names, each None if it does not."""
    known = {*scores["benchmark"], "average"}
    plain, _, inside = (column or "").partition(" (")
    name, _, metric = plain.partition(" ")
    first = inside.rstrip(")").split(", ")[0]
    if plain in known:
        return plain, first if first and "=" not in first else None
    return (name, metric) if name in known and "@" in metric else (None, None)


def own_metrics(folder: Path, scores: pd.DataFrame) -> dict[str, str]:
    """By benchmark, the metric that the main table shows."""
    path, own = folder / "tables" / "main.csv", {"average": "mean"}
    for column in table_cells.read_table(path).columns if path.is_file() else []:
        benchmark, metric = _benchmark_of(column, scores)
        if benchmark and benchmark != "average":
            own[benchmark] = metric or "accuracy"
    return own


def first_decoders(folder: Path, scores: pd.DataFrame) -> dict[tuple[str, str], str]:
    """By benchmark and answer length, the decoder that counts: the first, as the config lists them."""
    path, first = folder / "tables" / "decoders.csv", {}
    lengths = dict(zip(scores["decoder"], scores["gen_length"], strict=True))
    pairs = [
        (name, decoder)
        for name, entry in _yaml(folder / "config.yaml").get("benchmarks", {}).items()
        for decoder in _listed(entry["decoder"])
    ]
    if path.is_file():
        table = table_cells.read_table(path)
        pairs += list(zip(table["benchmark"], table["decoder"], strict=True))
    pairs += list(zip(scores["benchmark"], scores["decoder"], strict=True))
    for benchmark, decoder in pairs:
        first.setdefault((benchmark, lengths.get(decoder)), decoder)
    return first


def compared(row: dict[str, str]) -> list[str]:
    """The methods that a row names in columns, or in a comparison such as `lift3 - sft, average`."""
    named = re.match(r"(\S+) - (\S+), ", row.get("comparison", ""))
    return list(named.groups()) if named else [row[key] for key in ("method", "reference") if key in row]


def subjects(folder: Path, cell: Cell, scores: pd.DataFrame) -> list[dict]:
    """The scores that a cell rests on: a model, method and length each, with benchmark, metric, decoder and rows."""
    row, own = cell.row, own_metrics(folder, scores)
    words = re.split(r"[\s,;:()]+", row.get("comparison", ""))
    methods = [name for name in compared(row) if name in set(scores["method"])]
    benchmark, metric = _benchmark_of(cell.column, scores)
    if benchmark is None:
        named = [row["benchmark"]] if "benchmark" in row else words
        benchmarks = [name for name in named if name in {*scores["benchmark"], "average"}] or ["average"]
    else:
        benchmarks = [benchmark]
    said = next((word for word in words if word in set(scores["metric"])), None)
    metric = row.get("metric") or row.get("share of answers") or metric or said
    found = []
    for method in methods:
        for benchmark in benchmarks:
            rows = scores[(scores["method"] == method) & (scores["benchmark"] == benchmark)]
            usual = own.get(benchmark, "accuracy")
            rows = rows[rows["metric"] == (usual if benchmark == "average" else metric or usual)]
            if row.get("model") in set(scores["model"]):
                rows = rows[rows["model"] == row["model"]]
            if row.get("length") in set(scores["gen_length"]):
                rows = rows[rows["gen_length"] == row["length"]]
            if "decoder" in row:
                rows = rows[rows["decoder"] == row["decoder"]]
            elif benchmark != "average":
                first = first_decoders(folder, scores)
                keys = zip(rows["benchmark"], rows["gen_length"], strict=True)
                rows = rows[[first.get(key) == name for key, name in zip(keys, rows["decoder"], strict=True)]]
            for (model, length, decoder), group in rows.groupby(["model", "gen_length", "decoder"], sort=False):
                one = {"model": model, "method": method, "length": length, "benchmark": benchmark}
                found.append(one | {"decoder": decoder, "rows": group, "own": own})
    return found


def _row_of(folder: Path, path: str, cell: Cell, scores: pd.DataFrame) -> dict | None:
    """The only row of a table that is about the methods and the benchmark of a cell: of comparisons, or published."""
    row, methods = cell.row, compared(cell.row)
    benchmark, _ = _benchmark_of(cell.column, scores)
    benchmark = benchmark or row.get("benchmark") or row.get("comparison", "").rpartition(", ")[2]
    if not methods or not (folder / path).is_file() or f"tables/{cell.table}.csv" == path:
        return None
    table = table_cells.read_table(folder / path)
    wanted = {"model": row.get("model"), "benchmark": benchmark, "metric": row.get("metric")}
    wanted |= dict(zip(("method", "reference"), methods, strict=False))
    wanted |= {name: row.get("length") for name in ("gen_length", "length")}
    for key, value in wanted.items():
        if key in table and value:
            table = table[table[key] == value]
    return {"path": path, "row": table.iloc[0].to_dict()} if len(table) == 1 else None


# --- the chain of one method


def method_chain(folder: Path, scores: pd.DataFrame, subject: dict, checks: Checks) -> dict:
    """From scores.csv to grades, answers, weights and base model, for one model, method, benchmark (or the average)."""
    model, method, rows = subject["model"], subject["method"], subject["rows"]
    where = f"{model}, {method}"
    average = subject["benchmark"] == "average"
    pooled = _averaged(folder, scores, subject) if average else [rows]
    parts = [_part(folder, model, method, group, checks) for group in pooled]
    numbers = sorted({seed["seed"] for part in parts for seed in part["seeds"]}, key=int)
    seeds = [_seed(folder, model, method, number, parts, checks) for number in numbers]
    decoding = [seed["decoding"]["record"] for seed in seeds if seed["decoding"].get("record")]
    said = next((record["model"] for record in decoding if "model" in record), None)
    base = _below(folder, said) if said else folder / "models" / model
    runs = [seed["run"]["config"] for seed in seeds if seed["run"] and seed["run"].get("config")]
    score = _score(rows)
    if average:
        means = [part["recomputed"] for part in parts]
        if parts and None not in means:
            mean = math.fsum(means) / len(means)
            _check_value(mean, score["value"], f"{where}, average of {len(parts)} benchmarks", checks)
    return {
        "model": model,
        "method": method,
        "length": subject["length"],
        "benchmark": subject["benchmark"],
        "score": score,
        "parts": parts,
        "seeds": seeds,
        "base": None if model == "none" else _base(folder, base),
        "corpus": runs[0]["corpus"] if runs else None,
    }


def _averaged(folder: Path, scores: pd.DataFrame, subject: dict) -> list[pd.DataFrame]:
    """The rows of every benchmark in an average."""
    same = (scores["model"] == subject["model"]) & (scores["method"] == subject["method"])
    rows, first = scores[same & (scores["gen_length"] == subject["length"])], first_decoders(folder, scores)
    groups = []
    for benchmark, metric in subject["own"].items():
        group = rows[(rows["benchmark"] == benchmark) & (rows["metric"] == metric) & (benchmark != "average")]
        group = group[group["decoder"] == first.get((benchmark, subject["length"]))]
        groups += [group] if len(group) else []
    return groups


def _pooled(rows: pd.DataFrame) -> pd.Series:
    """The row over all seeds where there is one, else the only one."""
    every = rows[rows["seed"] == "all"]
    return (every if len(every) else rows).iloc[0]


def _score(rows: pd.DataFrame) -> dict:
    row = _pooled(rows).to_dict()
    numbers = {name: float(row[name]) for name in ("value", "ci_low", "ci_high") if row.get(name)}
    by_seed = {seed: float(value) for seed, value in zip(rows["seed"], rows["value"], strict=True) if seed.isdigit()}
    return row | numbers | {"n": int(row["n"]), "by_seed": by_seed}


def _part(folder: Path, model: str, method: str, rows: pd.DataFrame, checks: Checks) -> dict:
    """One benchmark: its score, and of each seed the files of grades and answers."""
    score = _score(rows)
    benchmark, decoder, metric = score["benchmark"], score["decoder"], score["metric"]
    place = f"{model}/{method}/seed{{}}/{decoder}/{benchmark}"
    pattern = f"grades/{place.format('*')}.csv"
    on_disk = sorted((path.parts[-3].removeprefix("seed") for path in folder.glob(pattern)), key=int)
    numbers = sorted(score["by_seed"], key=int) or on_disk
    for extra in set(on_disk) - set(numbers):
        checks.add(WARNING, "there are grades of a seed that is not in scores.csv", f"grades/{place.format(extra)}.csv")
    seeds, means = [], []
    for number in numbers:
        grades = folder / "grades" / f"{place.format(number)}.csv"
        answers = folder / "generations" / f"{place.format(number)}.jsonl"
        found = {"seed": number, "value": score["by_seed"].get(number)}
        found |= {"grades": _grades(folder, grades, metric), "answers": _answers(folder, answers)}
        seeds.append(found)
        means.append(found["grades"].get("mean"))
        _check_files(folder, grades, answers, found, score, checks)
        if found["value"] is not None and means[-1] is not None:
            _check_value(means[-1], found["value"], found["grades"]["path"], checks)
    if score.get("seeds", str(len(numbers))) != str(len(numbers)):
        checks.add(WARNING, f"scores.csv has {score['seeds']} seeds, {len(numbers)} are there", pattern)
    complete = means and None not in means
    recomputed = math.fsum(means) / len(means) if complete else None
    if complete and not (len(means) == 1 and score["by_seed"]):
        _check_value(recomputed, score["value"], f"{model}, {method}, {benchmark}, over seeds", checks)
    elif metric is not None and not complete:
        checks.add(SKIPPED, f"{metric} again from the grades: not possible", f"{model}, {method}, {benchmark}")
    facts = {"benchmark": benchmark, "decoder": decoder, "metric": metric, "score": score}
    return facts | {"recomputed": recomputed, "seeds": seeds}


def mean_score(grades: pd.DataFrame, metric: str) -> float | None:
    """A metric over the rows of grades; None for one that is unknown here."""
    problems = grades.groupby("id")
    kind, _, k = metric.partition("@")
    if kind == "pass":
        from lift.intervals import pass_at_k  # scipy takes long to import

        samples = int(problems.size().iloc[0])
        if int(k) > samples:
            return None
        return float(pass_at_k(problems["correct"].sum().to_numpy(), samples, int(k)).mean())
    if metric == "cell_accuracy":
        cells = problems[["correct_cells", "empty_cells"]].sum()
        return float((cells["correct_cells"] / cells["empty_cells"]).mean())
    columns = {"avg": "correct", "accuracy": "correct", "invalid_format": "invalid", "truncated": "truncated"}
    column = (columns | {"valid_grid": "valid"}).get(kind)
    return float(problems[column].mean().mean()) if column in grades else None


def _grades(folder: Path, path: Path, metric: str) -> dict:
    facts = {"path": _relative(folder, path)}
    if not path.is_file():
        return facts | {"missing": True}
    try:
        grades = pd.read_csv(path)
        counts = {"right": int(grades["correct"].sum()), "answers": len(grades), "problems": grades["id"].nunique()}
        mean = mean_score(grades, metric)
    except (ValueError, KeyError, IndexError):  # cut off, or without its columns
        return facts | {"missing": True}
    return facts | counts | {"sha256": _sha256(path), "mean": mean}


def _answers(folder: Path, path: Path) -> dict:
    facts = {"path": _relative(folder, path)}
    if not path.is_file():
        return facts | {"missing": True}
    with open(path, "rb") as file:
        return facts | {"answers": sum(1 for line in file if line.strip()), "sha256": _sha256(path)}


def _seed(folder: Path, model: str, method: str, number: str, parts: list[dict], checks: Checks) -> dict:
    """Of one seed: the records of grading and decoding, and the run that made the weights."""
    place = f"{model}/{method}/seed{number}"
    names = [part["benchmark"] for part in parts]
    grading = _record(folder, f"grades/{place}/run.json")
    if record := grading.get("record"):
        _check_graders(record, grading["path"], checks)
    if model == "none":  # guesses are drawn with the problems
        return {"seed": number, "grading": grading, "decoding": {}, "run": None}
    decoding = _record(folder, f"generations/{place}/run.json")
    record = decoding.get("record")
    if not record:
        checks.add(SKIPPED, f"weights and problems as decoded: {NO_RECORD}", decoding["path"])
    own = folder / "runs" / place
    checkpoint = None
    if record and "run" in record:
        checkpoint = record["run"] and _below(folder, record["run"])
    elif own.is_dir():
        checkpoint = own / "best"
        checks.add(SKIPPED, "which checkpoint was decoded: no record says it, taken to be best", decoding["path"])
    run = checkpoint and _run(folder, checkpoint, method)
    if record:
        for name in names:
            _check_problems(folder, name, record, decoding["path"], checks)
        _check_weights(folder, record, decoding["path"], checks)
        if record.get("seed") is not None:
            checks.expect(
                *(str(record["seed"]) == number, "the seed of the decoding record is that of its folder"),
                *(decoding["path"], f"it is {record['seed']}"),
            )
        for part in parts:
            _check_counts(part, number, record, checks)
    if run and run.get("record"):
        seed = str(run["record"].get("seed", number))
        checks.expect(seed == number, "the seed of the run record is that of its folder", run["path"], f"it is {seed}")
        _check_training_data(folder, model, run, record, checks)
    return {"seed": number, "grading": grading, "decoding": decoding, "run": run}


def _run(folder: Path, checkpoint: Path, method: str) -> dict:
    """The fine-tuning run of a checkpoint, which may be that of another method."""
    place = checkpoint.parent
    config = _yaml(place / "config.yaml")
    other = place.parent.name
    facts = {"checkpoint": _relative(folder, checkpoint), "taken_from": other if other != method else None}
    facts |= {"config_path": _relative(folder, place / "config.yaml"), "config": config or None}
    return facts | _record(folder, _relative(folder, place / "run.json"))


def _base(folder: Path, place: Path) -> dict:
    """Where a base model comes from, as its folder says."""
    facts = {"path": _relative(folder, place), "source": _json(place / "source.json")}
    record = _json(place / "run.json")
    if record:  # the losses of all steps are no part of an explanation
        facts["record"] = {key: value for key, value in record.items() if key != "loss"}
    files = sorted(place.glob("*.safetensors"))
    size = sum(path.stat().st_size for path in files if path.is_file())
    facts["weights"] = {"files": [path.name for path in files], "bytes": size}
    if files:
        facts["weights"]["hash"], facts["weights"]["not_read"] = _weights_hash(files)
    return facts


# --- statistics, data


def _statistics_of_claim(folder: Path, cell: Cell) -> list[str]:
    """The statistics that a row without methods rests on: those of its model, else all."""
    if "corpus" in cell.row or "benchmark" in cell.row or "model" not in cell.row:
        return []
    every = sorted(path.stem for path in folder.glob("statistics/*.parquet"))
    return [stem for stem in every if stem.startswith(cell.row["model"] + "-")] or every


def _statistics(folder: Path, stem: str, cell: Cell, checks: Checks) -> dict:
    """Token statistics of a model on a corpus, and the base model."""
    table = folder / "statistics" / f"{stem}.parquet"
    corpus = next((p.stem for p in sorted(folder.glob("corpora/*.jsonl")) if stem.endswith(f"-{p.stem}")), None)
    model = stem.removesuffix(f"-{corpus}")
    facts = {"path": _relative(folder, table), "model": model, "corpus": corpus}
    facts |= {"data": f"data/{model}/{corpus}", "base": _base(folder, folder / "models" / model)}
    facts["record_of"] = _record(folder, f"statistics/{stem}.json")
    if not table.is_file():
        return facts | {"missing": True}
    facts["sha256"] = _sha256(table)
    shown = folder / "tables" / f"{cell.table}.csv"
    _check_age(folder, shown, table, "the table is not older than the statistics", checks)
    if "words" in cell.row and "level t" in cell.row:
        _check_statistics(table, cell, checks)
    return facts


def _check_statistics(path: Path, cell: Cell, checks: Checks) -> None:
    from lift.tables import statistics_table
    from lift.token_words import by_word, split_by_frequency

    statistics = by_word(pd.read_parquet(path))
    groups = dict(zip(("frequent", "rare"), split_by_frequency(statistics), strict=True))
    again = statistics_table(statistics, groups).astype(str)
    row = again[(again["words"] == cell.row["words"]) & (again["level t"] == cell.row["level t"])]
    shared = [name for name in again.columns if name in cell.row]
    different = [
        f"{name} {row[name].iloc[0]} there, {cell.row[name]} here"
        for name in shared
        if len(row) and row[name].iloc[0] != cell.row[name]
    ]
    right = len(row) == 1 and not different
    what = "the row of the table, again from the statistics, is the same"
    checks.expect(right, what, path.name, "; ".join(different) or "there is no such row")


def _source(folder: Path, kind: str, name: str, checks: Checks) -> dict:
    """Where a corpus or a benchmark comes from. kind: corpora or benchmarks."""
    data = folder / kind / f"{name}.jsonl"
    found = _record(folder, f"{kind}/{name}.source.json")
    facts = {"name": name, "path": _relative(folder, data), "source_path": found["path"]}
    facts["source"] = source = found.get("record")
    if not data.is_file():
        checks.add(WARNING, "the file is missing", facts["path"])
    elif source:
        right = _sha256(data) == source.get("sha256")
        wrong = (
            f"it is {_sha256(data)[:12]}, not {source.get('sha256', 'recorded')[:12]}: changed since it was prepared"
        )
        checks.expect(right, "the file has the checksum of its source record", facts["path"], wrong)
    return facts


def _check_data(folder: Path, cell: Cell, checks: Checks) -> None:
    """Numbers of the tables data, contamination and benchmarks, counted again where that is cheap."""
    row = cell.row
    source = (_json(folder / "corpora" / f"{row.get('corpus')}.source.json") or {}).get("count")
    if source is not None and {"training", "held out"} <= row.keys():
        both = int(row["training"]) + int(row["held out"])
        checks.expect(
            both == source, "training and held out are the whole corpus", row["corpus"], f"{both} of {source}"
        )
    details = folder / "contamination.csv"
    if {"corpus", "benchmark", "shared"} <= row.keys() and details.is_file():
        found = table_cells.read_table(details)
        found = found[(found["corpus"] == row["corpus"]) & (found["benchmark"] == row["benchmark"])]
        number = found["problem"].nunique()
        what = "contamination.csv lists as many problems"
        checks.expect(number == int(row["shared"]), what, row["benchmark"], f"it lists {number}")
    problems = folder / "benchmarks" / f"{row.get('benchmark')}.jsonl"
    if "problems" in row and problems.is_file():
        number = _answers(folder, problems)["answers"]
        what = "the benchmark has as many problems"
        checks.expect(number == int(row["problems"]), what, problems.name, f"it has {number}")


# --- the experiment's config


def _config(folder: Path, chain: dict, checks: Checks) -> dict:
    """The resolved config: its path and the entries that concern the cell."""
    path = folder / "config.yaml"
    config = _yaml(path)
    if not config:
        return {"path": "config.yaml", "missing": True}
    entries = {"seeds": config.get("seeds")}
    for found in chain["methods"]:
        taken = next((seed["run"]["taken_from"] for seed in found["seeds"] if seed["run"]), None)
        for name in filter(None, (found["method"], taken)):
            entries |= _entry(config, "methods", name)
        entries |= _entry(config, "models", found["model"])
        for part in found["parts"]:
            entries |= _entry(config, "benchmarks", part["benchmark"]) | _entry(config, "decoders", part["decoder"])
        if any(seed["run"] for seed in found["seeds"]):
            entries["training"] = config.get("training")
        _check_config(config, found, checks)
    for found in chain["statistics"]:
        entries |= {"statistics": config.get("statistics")} | _entry(config, "models", found["model"])
    for kind in ("corpora", "benchmarks"):
        for source in chain[kind]:
            entries |= _entry(config, kind, source["name"])
    return {"path": "config.yaml", "entries": {key: value for key, value in entries.items() if value is not None}}


def _entry(config: dict, kind: str, name: str) -> dict:
    return {f"{kind}.{name}": config.get(kind, {}).get(name)}


def _check_config(config: dict, found: dict, checks: Checks) -> None:
    """Whether the records were made by the settings that the config has now."""
    for seed in found["seeds"]:
        if record := seed["decoding"].get("record"):
            different = []
            for part in found["parts"]:
                used = (
                    record.get("decoding", {}).get(part["benchmark"], {}).get("decoders", {}).get(part["decoder"], {})
                )
                different += _differences(config.get("decoders", {}).get(part["decoder"], {}), used)
            what = "decoded with the settings of config.yaml"
            checks.expect(not different, what, seed["decoding"]["path"], "; ".join(dict.fromkeys(different)))
        run = seed["run"]
        if run and run["config"]:
            method = run["taken_from"] or found["method"]
            entry = config.get("methods", {}).get(method, {})
            wanted = config.get("training", {}) | entry.get("training", {})
            used = run["config"]["training"] | {"corpus": run["config"]["corpus"]}
            different = _differences(wanted, used)
            different += _differences(entry, run["config"] | run["config"]["objective_settings"])
            decoded = config.get("methods", {}).get(found["method"], {}).get("checkpoint") or wanted.get("checkpoint")
            different += _differences({"checkpoint": decoded}, {"checkpoint": Path(run["checkpoint"]).name})
            what = "trained with the settings of config.yaml"
            checks.expect(not different, what, run["config_path"], "; ".join(different))


def _differences(wanted: dict, used: dict) -> list[str]:
    """The keys of both that differ, `training` apart."""
    return [
        f"{key} was {used[key]}, now {wanted[key]}"
        for key in wanted.keys() & used.keys()
        if key != "training" and wanted[key] != used[key]
    ]


# --- checks


def _check_text(cell: Cell, found: dict, checks: Checks) -> None:
    """Whether a cell says what scores.csv (of a score) or the decoding records (of a rate) say."""
    score, shown = found["score"], table_cells.percents(cell.value)
    if shown and "value" in score and _is_score(cell):
        exact = [100 * score[name] for name in ("value", "ci_low", "ci_high")]
        right = all(f"{a:.1f}" == f"{b:.1f}" for a, b in zip(shown, exact, strict=True))
        checks.expect(right, "the cell is the row of scores.csv, rounded", cell.name, f"it is {exact[0]:.1f} there")
    if cell.column in _RATES:
        above, below, digits = _RATES[cell.column]
        costs = [cost_of(seed["decoding"].get("record"), part) for part in found["parts"] for seed in found["seeds"]]
        if costs and None not in costs and sum(cost[below] for cost in costs):
            rate = sum(cost[above] for cost in costs) / sum(cost[below] for cost in costs)
            what = "the cell, again from the decoding records, is the same"
            checks.expect(f"{rate:.{digits}f}" == cell.value, what, cell.name, f"it is {rate:.{digits}f} there")


def _check_difference(cell: Cell, found: list[dict], checks: Checks) -> None:
    """Whether a difference is that of the two scores, as a share or in percent, to the digits shown."""
    difference = cell.row.get("difference") or cell.row.get("measured") or ""
    shown = re.match(r"[-+]?[\d.]+", difference.replace("\u2212", "-"))
    values = [one["score"]["value"] for one in found]
    whole = "benchmark" in cell.row or cell.row["comparison"].endswith(f", {found[0]['benchmark']}")
    if shown and whole:
        gap = values[0] - values[1]
        half = 0.51 * 10.0 ** -len(shown[0].partition(".")[2])
        right = any(abs(float(shown[0]) - scale * gap) <= half for scale in (1, 100))
        what = "the difference is that of the two scores"
        checks.add(OK if right else NOTE, what if right else f"{what}: no, {100 * gap:+.2f} points", cell.name)


def _is_score(cell: Cell) -> bool:
    return cell.column in ("score", "measured") or "benchmark" not in cell.row


def cost_of(record: dict | None, part: dict) -> dict | None:
    """Passes, tokens and seconds of a benchmark in a decoding record."""
    wanted = (part["benchmark"], part["decoder"])
    costs = (record or {}).get("costs", [])
    return next((cost for cost in costs if (cost["benchmark"], cost["decoder"]) == wanted), None)


def _check_value(again: float, value: float, where: str, checks: Checks) -> None:
    right = abs(again - value) <= 1.01e-6  # scores.csv has six digits
    what = "the score, again from the grades, is that of scores.csv"
    checks.expect(right, what, where, f"{again:.6f} from the grades, {value:.6f} there")


def _check_files(folder: Path, grades: Path, answers: Path, found: dict, score: dict, checks: Checks) -> None:
    for kind in ("grades", "answers"):
        if "missing" in found[kind]:
            checks.add(WARNING, "the file is missing or cannot be read", found[kind]["path"])
    _check_age(folder, grades, answers, "the grades are not older than the answers", checks)
    _check_age(folder, folder / "scores.csv", grades, "scores.csv is not older than the grades", checks)
    if "missing" not in found["grades"] | found["answers"]:
        graded, given = found["grades"]["answers"], found["answers"]["answers"]
        where = found["grades"]["path"]
        checks.expect(graded == given, "a grade for every answer", where, f"{graded} grades, {given} answers")
        problems = found["grades"]["problems"]
        checks.expect(
            problems == score["n"], "as many problems as n in scores.csv", where, f"{problems}, not {score['n']}"
        )


def _check_age(folder: Path, later: Path, earlier: Path, what: str, checks: Checks) -> None:
    if later.is_file() and earlier.is_file():
        right = earlier.stat().st_mtime <= later.stat().st_mtime
        checks.expect(right, what, _relative(folder, earlier), f"it has been changed after {_relative(folder, later)}")


def _check_counts(part: dict, number: str, record: dict, checks: Checks) -> None:
    seed = next((seed for seed in part["seeds"] if seed["seed"] == number), None)
    samples = record.get("decoding", {}).get(part["benchmark"], {}).get("samples")
    if seed and samples and "answers" in seed["answers"]:
        wanted, given = part["score"]["n"] * samples, seed["answers"]["answers"]
        what = "as many answers as problems x samples"
        checks.expect(given == wanted, what, seed["answers"]["path"], f"{given}, not {part['score']['n']} x {samples}")


def _check_problems(folder: Path, name: str, record: dict, where: str, checks: Checks) -> None:
    path, known = folder / "benchmarks" / f"{name}.jsonl", record.get("problems", {}).get(name)
    if known is None:
        checks.add(SKIPPED, "the problems as decoded: the record has no checksum of them", where)
    elif path.is_file():
        now = _hash(path)
        what = "the problems have the checksum that the decoding record has"
        checks.expect(now == known, what, f"benchmarks/{name}.jsonl", f"they are {now}, {known} in {where}")


def _check_weights(folder: Path, record: dict, where: str, checks: Checks) -> None:
    what = "the weights have the hash that the decoding record has"
    folders = [_below(folder, record[key]) for key in ("model", "run") if record.get(key)]
    files = [path for place in folders for path in sorted(place.glob("*.safetensors"))]
    if not record.get("weights"):
        checks.add(SKIPPED, f"{what}: it has none", where)
    elif missing := [str(place) for place in folders if not any(place.glob("*.safetensors"))]:
        checks.add(SKIPPED, f"{what}: no weights in {', '.join(missing)}", where)
    else:
        _check_hash(files, record["weights"], what, where, checks)


def _check_hash(files: list[Path], known: str, what: str, where: str, checks: Checks) -> None:
    now, why = _weights_hash(files)
    if now is None:
        checks.add(SKIPPED, f"{what}: {why}", where)
    else:
        checks.expect(now == known, what, where, f"{now} now, {known} then")


def _check_training_data(folder: Path, model: str, run: dict, decoding: dict | None, checks: Checks) -> None:
    """Whether a run was trained on the tokenised corpus and the base model that are there."""
    what = "the tokenised corpus and the base have the hash that the run record has"
    known, config = run["record"].get("data"), run["config"]
    if not known or not config:
        checks.add(SKIPPED, f"{what}: {'config.yaml is missing' if known else 'it has none'}", run["path"])
        return
    said = (decoding or {}).get("model")
    base = _below(folder, said) if said else folder / "models" / model
    index = _json(base / "model.safetensors.index.json")
    names = sorted(set(index["weight_map"].values())) if index else ["model.safetensors"]
    corpus = sorted((folder / "data" / model / config["corpus"]).glob("*/*.arrow"))
    files = [*corpus, *(base / name for name in names)]
    if corpus:
        _check_hash(files, known, what, run["path"], checks)
    else:
        checks.add(SKIPPED, f"{what}: files are missing", run["path"])


def _check_graders(record: dict, where: str, checks: Checks) -> None:
    graders = {f"lift.graders.{name}" for name in record.get("graders", {}).values()}
    if not record.get("code") or not graders:
        return
    try:
        same = _fingerprint("lift.grading", *sorted(graders)) == record["code"]
    except (AttributeError, OSError):  # a grader that this version does not have
        same = False
    checks.add(OK if same else NOTE, f"the graders are {'those of' if same else 'not those of'} this version", where)


# --- files


_fingerprint = cache(provenance.fingerprint)
_hash = cache(provenance.file_hash)


@cache
def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _weights_hash(files: list[Path]) -> tuple[str | None, str]:
    """The hash of some weights, or why it is not known. A file in the hub's cache is named by its checksum."""
    read = [path for path in files if not re.fullmatch("[0-9a-f]{64}", path.resolve().name)]
    try:
        if sum(path.stat().st_size for path in read) >= _SMALL:
            return None, "1 GB or more would have to be read"
        return _hash(*files), ""
    except OSError:
        return None, "files are missing"


def _below(folder: Path, path: str) -> Path:
    """Where a recorded path lies: results/EXPERIMENT/... in this folder, any other as it is."""
    parts = Path(path).parts
    return folder.joinpath(*parts[2:]) if parts[:1] == ("results",) and len(parts) > 2 else Path(path)


def _relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _record(folder: Path, path: str) -> dict:
    found = _json(folder / path)
    return {"path": path, "record": found} if found else {"path": path, "missing": True}


def _json(path: Path) -> dict | None:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text())
    except ValueError:
        raise InputError(f"{path} is not JSON.") from None


def _yaml(path: Path) -> dict:
    return (yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
