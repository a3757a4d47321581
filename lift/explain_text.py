"""The chain behind a cell of a table (see lift.explain) as indented text."""

import json
import textwrap
from pathlib import Path

import yaml

from lift.explain import ENVIRONMENT, NO_RECORD, NOTE, OK, SKIPPED, WARNING, cost_of

_SETTINGS_OF_RUN = ("objective", "corpus", "dtype", "objective_settings", "training")
_PLACES = 2  # that a check lists


def text(chain: dict, width: int = 120) -> str:
    """A chain as indented text: the cell, its score, then each record behind it, and what was checked."""
    out = _Page(width)
    row = ", ".join(f"{key} {value}" for key, value in chain["table"]["row"].items() if key in chain["table"]["key"])
    column = chain["table"]["column"]
    out.line(0, f"{chain['cell']}: {chain['value'] or ''}".rstrip(": "))
    out.line(1, f"{chain['table']['path']}, row: {row}" + (f"; column: {column}" if column else ""))
    if column is None:
        for key, value in chain["table"]["row"].items():
            if key not in chain["table"]["key"]:
                out.line(1, f"{key}: {value}")
    if (rows := chain["table"].get("rows_of_claim", 1)) > 1:
        out.line(1, f"the claim verdict rests on all {rows} rows of {chain['table']['row']['claim']}")
    out.line(1, f"all paths below are in {chain['folder']}/")
    common = _common_environment(chain)
    if common:
        out.head(
            "made by", "the same in all records below" if common.pop("everywhere") else "what most records below say"
        )
        _environment(out, common)
    for kind in ("compared", "published"):
        if chain[kind]:
            out.head(kind, chain[kind]["path"])
            out.line(1, ", ".join(f"{key} {value}" for key, value in chain[kind]["row"].items() if value))
    for found in chain["methods"]:
        _method_text(out, found, common)
    for found in chain["statistics"]:
        _statistics_text(out, found, common)
    for base in {
        one["base"]["path"]: one["base"] for one in chain["methods"] + chain["statistics"] if one["base"]
    }.values():
        _base_text(out, base, common)
    for kind, title in (("corpora", "corpus"), ("benchmarks", "benchmark")):
        for number, source in enumerate(chain[kind]):
            _source_text(out, None if number else title, source)
    _config_text(out, chain["config"])
    _checks_text(out, chain["checks"])
    return "\n".join(out.lines)


class _Page:
    """Lines of indented, wrapped text."""

    def __init__(self, width: int):
        self.width, self.lines, self.said = width, [], set()

    def line(self, depth: int, content: str) -> None:
        start = "  " * depth
        self.lines += textwrap.wrap(
            content,
            self.width,
            initial_indent=start,
            subsequent_indent=start + "    ",
            break_on_hyphens=False,
            break_long_words=False,
        )

    def head(self, title: str, content: str) -> None:
        self.lines.append("")
        self.line(0, f"{title}: {content}")


def _common_environment(chain: dict) -> dict:
    """Commit, versions and machine of most records."""
    records = [environment_of(record) for record in _records(chain)]
    if not records:
        return {}
    counted = [json.dumps(record, sort_keys=True) for record in records]
    most = max(counted, key=counted.count)
    return json.loads(most) | {"everywhere": len(set(counted)) == 1}


def _records(chain: dict) -> list[dict]:
    found = [one["record_of"] for one in chain["statistics"]]
    found += [seed[key] for one in chain["methods"] for seed in one["seeds"] for key in ("grading", "decoding", "run")]
    bases = [one["base"] for one in chain["methods"] + chain["statistics"]]
    return [part["record"] for part in found + bases if part and part.get("record")]


def environment_of(record: dict) -> dict:
    return {key: record[key] for key in ENVIRONMENT if key in record}


def _environment(out: _Page, facts: dict) -> None:
    if not facts:
        return
    versions = ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())
    parts = [
        f"commit {facts['commit']}" if "commit" in facts else "",
        f"on {facts['machine']}" if "machine" in facts else "",
    ]
    python = [f"Python {facts['python']}" if "python" in facts else "", versions]
    for line in (parts, python):
        if any(line):
            out.line(1, ", ".join(part for part in line if part))


def _other_environments(out: _Page, records: dict[str, dict | None], common: dict) -> None:
    """What of the records' commit, versions and machine is not that of most, with the seeds that it is of."""
    seeds_of = {}
    for seed, record in records.items():
        own = {key: value for key, value in environment_of(record or {}).items() if common.get(key) != value}
        if own:
            seeds_of.setdefault(json.dumps(own), []).append(seed)
    for own, seeds in seeds_of.items():
        which = [seed for seed in seeds if seed]
        if which and len(which) < len(records):
            out.line(1, f"made otherwise, seed {', '.join(which)}:")
        _environment(out, json.loads(own))


def _flow(value: object) -> str:
    """A value as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False).strip().removesuffix("\n...")


def _facts(facts: dict) -> str:
    """Named facts on a line, without those that are not known; `missing` says what is not there."""
    known = {
        name: value if isinstance(value, str) else _flow(value) for name, value in facts.items() if value is not None
    }
    return ", ".join(value if name == "missing" else f"{name} {value}" for name, value in known.items())


def _cost(record: dict) -> dict:
    size, gpu = record.get("peak_memory_bytes"), record.get("peak_gpu_memory_bytes")
    return {
        "wall time": f"{record['seconds_this_process']} s" if "seconds_this_process" in record else None,
        "peak memory": f"{size / 1e6:.0f} MB" if size else None,
        "GPU": record.get("gpu"),
        "peak GPU memory": f"{gpu / 1e9:.1f} GB" if gpu else None,
    }


def _by_seed(out: _Page, facts: dict[str, dict]) -> None:
    """What each seed has of its own, a line each, then what all share; settings on lines of their own."""
    rows = list(facts.values())
    shared = (
        [key for key in rows[0] if len(rows) > 1 and all(row.get(key) == rows[0][key] for row in rows)] if rows else []
    )
    for seed, row in facts.items():
        own = {key: value for key, value in row.items() if key not in shared}
        _fact_lines(out, f"seed {seed}: ", own)
    if shared:
        _fact_lines(out, "all seeds: ", {key: rows[0][key] for key in shared})


def _fact_lines(out: _Page, start: str, facts: dict) -> None:
    plain = {key: value for key, value in facts.items() if not isinstance(value, dict | list)}
    if line := _facts(plain):
        out.line(1, f"{start}{line}")
    for key, value in facts.items():
        if isinstance(value, dict | list):
            line = f"{key}: {_flow(value)}"
            out.line(1, line if line not in out.said else f"{key}: as above")
            out.said.add(line)


def _range(numbers: list[str]) -> str:
    return f"seed{numbers[0]}" if len(numbers) == 1 else f"seed{{{','.join(numbers)}}}"


def _method_text(out: _Page, found: dict, common: dict) -> None:
    """One method: score, grades, answers and weights, each with its records by seed."""
    model, method, seeds = found["model"], found["method"], found["seeds"]
    numbers = [seed["seed"] for seed in seeds]
    place = f"{model}/{method}/{_range(numbers)}"
    only = found["parts"][0] if found["benchmark"] != "average" and found["parts"] else None
    file = f"{only['decoder']}/{only['benchmark']}" if only else "DECODER/BENCHMARK"
    _score_text(out, found, only)

    out.head("grades", f"grades/{place}/{file}.csv")
    if not only:
        _files_text(out, found["parts"], "grades", "right of all, sha256")
    out.line(1, f"judged: grades/{place}/run.json")
    records = {seed["seed"]: seed["grading"].get("record") for seed in seeds}
    _records_text(out, records, lambda record: _grading_facts(record, only), only, "grades", common)

    out.head("answers", f"generations/{place}/{file}.jsonl")
    if not only:
        _files_text(out, found["parts"], "answers", "number, sha256")
    if model == "none":
        for number in numbers if only else []:
            out.line(1, f"seed {number}: {_facts(_file_facts(only, number, 'answers'))}")
        out.line(1, "random well-formed answers, drawn with the problems of the benchmark; no model, no record")
        return
    out.line(1, f"decoded: generations/{place}/run.json")
    records = {seed["seed"]: seed["decoding"].get("record") for seed in seeds}
    _records_text(out, records, lambda record: _decoding_facts(record, found), only, "answers", common)

    runs = {seed["seed"]: seed["run"] for seed in seeds if seed["run"]}
    if not runs:
        out.head("weights", "those of the base model" if method == "base" else f"no record of a run of {method}")
        return
    first = next(iter(runs.values()))
    checkpoint = Path(first["checkpoint"])
    folder = checkpoint.parent.parent / _range(list(runs))
    other = first["taken_from"]
    out.head(
        "weights", f"{folder / checkpoint.name}" + (f" ({method} takes them from {other}'s runs)" if other else "")
    )
    out.line(1, f"trained: {folder}/run.json, config.yaml")
    _by_seed(out, {seed: _run_facts(run) for seed, run in runs.items()})
    _other_environments(out, {seed: run.get("record") for seed, run in runs.items()}, common)


def _score_text(out: _Page, found: dict, only: dict | None) -> None:
    score, several = found["score"], len(found["seeds"]) > 1
    out.head(f"score of {found['method']} ({found['model']})", "scores.csv")
    out.line(1, f"{_score_line(score)}, length {score['gen_length']}, seeds {len(found['seeds'])}")
    if not only:
        out.line(
            1, f"the plain mean of {len(found['parts'])} benchmarks" + (", with each seed's score:" if several else ":")
        )
    for part in found["parts"]:
        values = part["score"]["by_seed"] if several else {}
        if only and values:
            out.line(1, ", ".join(f"seed {seed} {value:.6f}" for seed, value in values.items()))
        elif not only:
            shown = ", ".join(f"{value:.4f}" for value in values.values())
            out.line(2, f"{part['benchmark']}: {_score_line(part['score'])}" + (f"; {shown}" if shown else ""))


def _files_text(out: _Page, parts: list[dict], kind: str, what: str) -> None:
    """The files of several benchmarks, a line each with all seeds."""
    numbers = [seed["seed"] for seed in parts[0]["seeds"]] if parts else []
    out.line(1, f"{what}, of seed {', '.join(numbers)}:")
    for part in parts:
        files = [_file_facts(part, seed["seed"], kind) for seed in part["seeds"]]
        shown = ", ".join(" ".join(str(value) for value in facts.values()) for facts in files)
        out.line(2, f"{part['decoder']}/{part['benchmark']}: {shown}")


def _records_text(out: _Page, records: dict, describe, only: dict | None, kind: str, common: dict) -> None:
    """What the records of all seeds say, and of one benchmark its files."""
    facts = {}
    for seed, record in records.items():
        own = _file_facts(only, seed, kind) if only else {}
        facts[seed] = own | (describe(record) if record else {"missing": NO_RECORD})
    _by_seed(out, facts)
    _other_environments(out, records, common)


def _score_line(score: dict) -> str:
    bounds = f" [{score['ci_low']:.6f}, {score['ci_high']:.6f}]" if "ci_high" in score else ""
    decoder = f", decoder {score['decoder']}" if score["decoder"] != "-" else ""
    return f"{score['metric']} {score['value']:.6f}{bounds}, n {score['n']}{decoder}"


def _file_facts(part: dict, number: str, kind: str) -> dict:
    """Of the file of grades or answers of one seed."""
    found = next((seed[kind] for seed in part["seeds"] if seed["seed"] == number), {"missing": True})
    if "missing" in found:
        return {"missing": "the file is missing"}
    count = {"right": f"{found['right']} of {found['answers']}"} if kind == "grades" else {"answers": found["answers"]}
    return count | {"sha256": found["sha256"][:12]}


def _grading_facts(record: dict, part: dict | None) -> dict:
    graders = record.get("graders", {})
    return {
        "grader": graders.get(part["benchmark"]) if part else graders,
        "code": record.get("code"),
        "sandbox": record.get("sandbox"),
        "wall time": _cost(record)["wall time"],
    }


def _decoding_facts(record: dict, found: dict) -> dict:
    decoders, samples, problems, costs = {}, {}, {}, []
    for part in found["parts"]:
        benchmark, decoder = part["benchmark"], part["decoder"]
        plan = record.get("decoding", {}).get(benchmark, {})
        decoders[decoder] = plan.get("decoders", {}).get(decoder)
        problems[benchmark] = record.get("problems", {}).get(benchmark)
        if "samples" in plan:
            samples[benchmark] = plan["samples"]
        costs += [cost_of(record, part)]
    single = len(found["parts"]) == 1
    cost = (
        {key: sum(one[key] for one in costs) for key in ("nfe", "tokens", "seconds")}
        if costs and None not in costs
        else {}
    )
    return {
        "passes": cost.get("nfe"),
        "tokens": cost.get("tokens"),
        "time of these": f"{cost['seconds']:.1f} s" if cost else None,
        "weights": record.get("weights"),
        **_cost(record),
        "samples": (next(iter(samples.values())) if single else samples) if samples else None,
        "problems": next(iter(problems.values())) if single else None,
        **{f"decoder {name}": settings for name, settings in decoders.items()},
        **{key: record.get(key) for key in ("device", "dtype", "threads")},
    }


def _run_facts(run: dict) -> dict:
    record, config = run.get("record") or {}, run["config"] or {}
    facts = {key: config.get(key) for key in _SETTINGS_OF_RUN}
    facts["objective settings"] = facts.pop("objective_settings")
    loss = record.get("best_held_out_loss")
    facts |= {
        "steps": record.get("steps"),
        "best step": record.get("best_step"),
        "held-out loss there": loss and round(loss, 4),
        "masked tokens": record.get("masked_tokens"),
        "trainable parameters": record.get("trainable_parameters"),
        "data": record.get("data"),
        "devices": record.get("devices"),
        **_cost(record),
    }
    if not record:
        facts["missing"] = f"run.json: {NO_RECORD}"
    if not config:
        facts["missing"] = f"config.yaml: {NO_RECORD}"
    return facts


def _statistics_text(out: _Page, found: dict, common: dict) -> None:
    out.head(f"token statistics of {found['model']} on {found['corpus']}", found["path"])
    if "missing" in found:
        out.line(1, "the file is missing")
    else:
        out.line(1, f"sha256 {found['sha256'][:12]}; frequent and rare: the outer quarters of its words by frequency")
    record = found["record_of"].get("record")
    if record:
        out.line(1, f"made: {found['record_of']['path']}")
        out.line(1, _facts({"settings": record.get("settings"), **_cost(record)}))
        _other_environments(out, {"": record}, common)
    else:
        out.line(1, f"{found['record_of']['path']}: {NO_RECORD}")
    out.line(1, f"over the tokenised corpus {found['data']}")


def _base_text(out: _Page, base: dict, common: dict) -> None:
    out.head("base model", base["path"])
    weights, record = base["weights"], base.get("record")
    if weights["files"]:
        names = weights["files"] if len(weights["files"]) < 3 else [f"{len(weights['files'])} files"]
        told = f"hash {weights['hash']}" if weights["hash"] else f"no hash: {weights['not_read']}"
        out.line(1, f"{', '.join(names)}, {weights['bytes'] / 1e6:,.1f} MB, {told}")
    else:
        out.line(1, "its weights are not here")
    if base["source"]:
        out.line(1, f"source.json: {_facts(base['source'])}")
    if record:
        facts = {"steps": record.get("step"), "time": f"{record['seconds']:.0f} s" if "seconds" in record else None}
        out.line(1, f"trained: {base['path']}/run.json")
        out.line(1, _facts(facts | {"tokens": record.get("tokens"), "settings": record.get("settings")}))
        _other_environments(out, {"": record}, common)
    if not record and not base["source"]:
        out.line(1, "no record of where it comes from: the config says which folder it is")


def _source_text(out: _Page, title: str | None, found: dict) -> None:
    if title:
        out.head(title, found["path"])
    else:
        out.line(0, found["path"])
    if not found["source"]:
        out.line(1, f"{found['source_path']}: {NO_RECORD}")
        return
    facts = dict(found["source"])
    for key in ("sha256", "data_sha256", "prompt_sha256"):
        if key in facts:
            facts[key] = facts[key][:12]
    out.line(1, f"{Path(found['source_path']).name}: {_facts(facts)}")


def _config_text(out: _Page, config: dict) -> None:
    out.head("config", config["path"] if "missing" not in config else f"{config['path']}: {NO_RECORD}")
    for key, value in config.get("entries", {}).items():
        out.line(1, f"{key}: {_flow(value)}")


def _checks_text(out: _Page, checks: list[dict]) -> None:
    """What is wrong, a line each and where; then what is right, and how often it was looked at."""
    bad = sum(check["status"] == WARNING for check in checks)
    skipped = sum(check["status"] == SKIPPED for check in checks)
    left = f"; {skipped} could not be made" if skipped else ""
    out.head("checks", (f"{bad} warning{'s' if bad > 1 else ''}" if bad else "no warning") + left)
    grouped = {}
    for check in checks:
        grouped.setdefault((check["status"], check["what"]), []).append(check["where"])
    for status in (WARNING, NOTE, SKIPPED):
        for what, places in [(what, places) for (found, what), places in grouped.items() if found == status]:
            places = list(dict.fromkeys(places))
            more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
            out.line(1, f"{status}: {what} -- {', '.join(places[:_PLACES])}{more}")
    fine = [(what, len(places)) for (found, what), places in grouped.items() if found == OK]
    if fine:
        out.line(1, "ok: " + "; ".join(what + (f" ({times} times)" if times > 1 else "") for what, times in fine))
