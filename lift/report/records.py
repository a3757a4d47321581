"""The records behind a cell of a table: what they say of its making, and whether they still fit each other."""

import json
from pathlib import Path

import pandas as pd
import yaml

from lift import provenance
from lift.config.layout import Layout
from lift.errors import InputError

AT = Layout(Path())  # of files as they are named inside an experiment's folder
WARNING = "WARNING"
SCORE = "the score, again from the grades, is that of scores.csv"
COUNT = "there are n x samples answers, each with a grade"
AGE = "the grades are not older than the answers"
PROBLEMS = "the problems have the checksum of the decoding record"
WEIGHTS = "the weights have the hash of the decoding record"
_SHARED = ("commit", "python", "versions", "machine")
_LEFT_OUT = ("costs", "loss")
_SMALL = 10**9  # bytes of weights that are read to check them


class Records:
    """Reads the records behind a cell; holds what they share, the entries of the config they name, and the checks."""

    def __init__(self, folder: Path):
        self.folder, self.made_by, self.checks = folder, {}, {}
        self.used = {kind: {} for kind in ("models", "methods", "corpora", "benchmarks", "decoders")}

    def read(self, path: Path) -> dict:
        """A JSON or YAML record, without costs by benchmark and without what the first one read says of its making."""
        file = self.folder / path
        if not file.is_file():
            return {"record": "missing"}
        try:
            found = json.loads(file.read_text()) if file.suffix == ".json" else yaml.safe_load(file.read_text())
        except (ValueError, yaml.YAMLError):
            raise InputError(f"{file} cannot be read.") from None
        if "machine" in found and not self.made_by:
            self.made_by.update({key: found[key] for key in _SHARED if key in found})
        said = {*_LEFT_OUT, *(key for key in _SHARED if found.get(key) == self.made_by.get(key))}
        return {key: value for key, value in found.items() if key not in said}

    def file(self, path: Path) -> str:
        """A path, with a word if nothing is there."""
        return str(path) if (self.folder / path).is_file() else f"{path} (missing)"

    def use(self, kind: str, *names: str) -> None:
        """Note what a cell rests on, by its name in the config."""
        self.used[kind] |= dict.fromkeys(name for name in names if name not in ("", "average", "none", "-"))

    def check(self, what: str, problem: str = "") -> None:
        """Note that something is right, or the problem with it."""
        found = self.checks.setdefault(what, {})
        if problem:
            found.setdefault(WARNING, []).append(problem)
        else:
            found["ok"] = found.get("ok", 0) + 1

    def skip(self, what: str, why: str) -> None:
        """Note why something cannot be checked."""
        self.checks.setdefault(what, {})["skipped"] = f"({why})"


def inside(path: str) -> Path:
    """A recorded path, results/EXPERIMENT/..., as seen from the experiment's folder; any other as it is."""
    parts = Path(path).parts
    return Path(*parts[2:]) if parts[0] == "results" else Path(path)


def check_score(records: Records, again: float, value: str, where: str) -> None:
    close = abs(again - float(value)) <= 1.01e-6  # scores.csv has six digits
    records.check(SCORE, "" if close else f"{where}: {again:.6f}, {value} in scores.csv")


def check_answers(records: Records, answers: Path, grades: Path, graded: int, score: pd.Series, record: dict) -> None:
    file = records.folder / answers
    if not file.is_file():
        records.check(COUNT, f"{answers} is missing")
        return
    given, n = sum(1 for line in file.read_bytes().splitlines() if line.strip()), int(score["n"])
    samples = record.get("decoding", {}).get(score["benchmark"], {}).get("samples", graded / n)
    problem = f"{answers}: {given} answers, {graded} grades, n {n}, samples {samples:g}"
    records.check(COUNT, "" if given == graded == n * samples else problem)
    newer = file.stat().st_mtime > (records.folder / grades).stat().st_mtime
    records.check(AGE, f"{answers} was changed after it was judged" if newer else "")


def check_problems(records: Records, benchmark: str, record: dict) -> None:
    known, name = record.get("problems", {}).get(benchmark), AT.problems(benchmark)
    if known is None:
        records.skip(PROBLEMS, "no checksum recorded")
        return
    file = records.folder / name
    now = provenance.file_hash(file) if file.is_file() else "missing"
    records.check(PROBLEMS, "" if now == known else f"{name}: {now}, {known} when decoded")


def check_weights(records: Records, record: dict) -> None:
    places = [inside(record[key]) for key in ("model", "run") if record.get(key)]
    files = [sorted((records.folder / place).glob("*.safetensors")) for place in places]
    weights = [file for found in files for file in found]
    if "weights" not in record:
        records.skip(WEIGHTS, "no hash recorded")
    elif not all(files) or not all(file.is_file() for file in weights):
        records.skip(WEIGHTS, "weights are missing")
    elif sum(file.stat().st_size for file in weights) >= _SMALL:
        records.skip(WEIGHTS, "1 GB or more")
    else:
        now, known = provenance.file_hash(*weights), record["weights"]
        records.check(WEIGHTS, "" if now == known else f"{places[-1]}: {now}, {known} when decoded")
