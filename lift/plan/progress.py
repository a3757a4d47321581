"""How far an experiment is: its jobs, by what lies in its folder, and the hours that are left by the plan.

Finished is a job whose files are all there, running one that works alone in its folder or has just written to its log.
Nothing here asks Snakemake, so that jobs on other machines are seen as well.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lift.config.experiment import Experiment
from lift.machine.lock import held
from lift.plan.planning import Plan
from lift.plan.schedule import decoding_hours, job_hours
from lift.report.contents import TABLES, figures

STARTING, SILENT = 60, 600  # seconds without a word in its log after which a job is no longer taken to run

# tqdm's bar: its label, how much of how much, and the time that it takes still
_BAR = re.compile(r"(?:([^\r\n|:]+): +)?\d+%\|[^|\r\n]*\| (\d+)/(\d+) \[[\d:]+<([\d:]+|\?)")
_SHARED = re.compile(r"^(\d+) processes share the work$", re.M)
_ENDED = re.compile(r"^(error: |\w*(Error|Exception|Interrupt)\b)", re.M)


class Job(NamedTuple):
    """One of an experiment's jobs, as workflow/rules has them.

    outputs: its files. alone: the folder that it works in alone, of those that take long. hours: of all its devices, by
    the plan. devices: of a training run. record: the run record. parts: of decoding, how large what each bar in its log
    shows is, by label.
    """

    stage: str
    what: str
    outputs: tuple[Path, ...]
    log: Path
    alone: Path | None = None
    hours: float = 0.0
    devices: int = 1
    record: Path | None = None
    parts: tuple[tuple[str, float], ...] = ()

    @property
    def finished(self) -> bool:
        return all(path.exists() for path in self.outputs)

    @property
    def state(self) -> str:
        """finished, running, failed (its log ends with an error) or waiting."""
        working = held(self.alone) if self.alone else None
        if working or (self.finished and not working):
            return "running" if working else "finished"
        try:
            silent = time.time() - self.log.stat().st_mtime
        except FileNotFoundError:
            return "waiting"
        if _ENDED.search(_read(self.log)[-2000:]):
            return "failed"
        return "running" if silent < (SILENT if working is None else STARTING) else "waiting"

    def seconds(self) -> float | None:
        """What the work took by its record, on all of its devices."""
        try:
            record = json.loads(self.record.read_text()) if self.record else {}
        except (OSError, ValueError):
            return None
        if "costs" in record:
            return sum(cost["seconds"] for cost in record["costs"])
        taken = record.get("seconds_this_process", record.get("seconds"))
        return taken and taken * record.get("processes", self.devices)

    def working(self) -> int:
        """On how many devices it runs, by its log."""
        shared = _SHARED.findall(_read(self.log))
        return int(shared[-1]) if shared else self.devices

    def progress(self) -> tuple[float, float | None]:
        """The share that is done, and the seconds that are left, by the bars in the log; None while that is unknown."""
        bars: dict[str, tuple[int, int, str]] = {}
        for label, done, total, left in _BAR.findall(_read(self.log)):
            bars[label] = int(done), int(total), left
        if not bars:
            return 0.0, None
        sizes = dict.fromkeys(bars, 1.0) | dict(self.parts)
        done = {label: size * bars[label][0] / max(bars[label][1], 1) for label, size in sizes.items() if label in bars}
        last = list(bars)[-1]
        share, left = sum(done.values()) / sum(sizes.values()), _seconds(bars[last][2])
        if not self.parts or left is None:
            return share, left
        open_here = sizes[last] - done[last]  # what takes the time that the last bar says
        return share, left * (sum(sizes.values()) - sum(done.values())) / open_here if open_here else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _seconds(clock: str) -> float | None:
    """Of tqdm's [H:]MM:SS; None for "?"."""
    if "?" in clock:
        return None
    total = 0
    for part in clock.split(":"):
        total = 60 * total + int(part)
    return float(total)


def jobs(experiment: Experiment, made: Plan) -> list[Job]:
    """All jobs of an experiment, in the order of the pipeline, with their hours by the plan."""
    return [*_data(experiment), *_models(experiment, made), *_answers(experiment, made), *_results(experiment)]


def _data(experiment: Experiment) -> Iterator[Job]:
    at = experiment.layout
    for kind, names, place in (
        ("corpora", experiment.corpora, at.corpus),
        ("benchmarks", experiment.benchmarks, at.problems),
    ):
        for name in names:
            path = place(name)
            yield Job("data", name, (path, path.with_suffix(".source.json")), at.log(f"{kind}/{name}"))
    for model in experiment.models:
        for corpus in experiment.corpora:
            log = at.log(f"data/{model}/{corpus}")
            yield Job("data", f"{corpus} for {model}", (at.tokenised(model, corpus),), log)
    yield Job("data", "report", (at.contamination, *at.table_files(*TABLES["data"])), at.log("data_report"))


def _models(experiment: Experiment, made: Plan) -> Iterator[Job]:
    """Base models, statistics and fine-tuning."""
    at, each, config = experiment.layout, job_hours(made), experiment.config
    for model in experiment.models:
        folder = at.model(model)
        if experiment.model(model) == folder:
            hours = each["models", model, config["models"][model]["base"]]
            facts = {"alone": at.resume(folder), "hours": hours, "record": folder / "run.json"}
            yield Job("models", model, (folder,), at.log(f"models/{model}"), **facts)
    for model in experiment.models:
        corpus = config["statistics"]["corpus"]
        output, hours, name = at.statistics(model, corpus), each["statistics", model, corpus], f"{model}-{corpus}"
        files, log = (output, output.with_suffix(".json")), at.log(f"statistics/{name}")
        yield Job("statistics", name, files, log, alone=at.resume(output), hours=hours, record=files[1])
    for model in experiment.models:
        for method in experiment.trained:
            hours, devices = each["finetune", model, method], experiment.training(method)["devices"]
            for seed in experiment.seeds:
                run = at.run(model, method, seed)
                files = tuple(run / name for name in ("best", "last", "config.yaml", "log.jsonl", "run.json"))
                facts = {"alone": at.resume(run), "hours": hours, "record": files[-1]}
                log = at.log(f"runs/{model}/{method}/seed{seed}")
                yield Job("finetune", f"{model}, {method}, seed {seed}", files, log, devices=devices, **facts)


def _answers(experiment: Experiment, made: Plan) -> Iterator[Job]:
    """Decoding and grading."""
    at, each = experiment.layout, job_hours(made)
    judged = []
    for place in experiment.checkpoints():
        model, method, seed = place
        name, path = f"{model}, {method}, seed {seed}", f"{model}/{method}/seed{seed}"
        answered = experiment.answers(method, seed)
        grades = tuple(at.grades(*place) / decoder / f"{benchmark}.csv" for benchmark, decoder in answered)
        judged.append(Job("grade", name, (*grades, at.grades(*place) / "run.json"), at.log(f"grades/{path}")))
        files = tuple(at.generations(*place) / decoder / f"{benchmark}.jsonl" for benchmark, decoder in answered)
        if method == "guess":
            yield Job("decode", "guesses", files, at.log("generations/none/guess"))
            continue
        hours = decoding_hours(experiment, each, *place)
        record, parts = at.generations(*place) / "run.json", _parts(experiment, method, seed)
        facts = {"alone": at.store(*place) / "all", "record": record, "hours": hours, "parts": parts}
        yield Job("decode", name, (*files, record), at.log(f"generations/{path}"), **facts)
    yield from judged


def _parts(experiment: Experiment, method: str, seed: int) -> tuple[tuple[str, float], ...]:
    """By the label of its bar in the log, how large a benchmark with a decoder is: passes x length x answers."""
    found = {}
    for benchmark, decoder in sorted(experiment.answers(method, seed)):
        one = experiment.decoders(benchmark)[decoder]
        answers = len(_read(experiment.layout.problems(benchmark)).splitlines())
        answers *= experiment.config["benchmarks"][benchmark]["samples"]
        found[f"{benchmark}.{decoder}"] = float(answers * (one["steps"] or one["gen_length"]) * one["gen_length"])
    return tuple(found.items())


def _results(experiment: Experiment) -> Iterator[Job]:
    at = experiment.layout
    drawn = figures(experiment.models, experiment.lengths, experiment.config["statistics"]["corpus"])
    for name, files in {
        "settings": (at.config,),
        "problem_scores": (at.problem_scores, at.costs),
        "scores": (at.scores,),
        "comparisons": (at.comparisons,),
        "tables": at.table_files(*TABLES["tables"]),
        "power": at.table_files(*TABLES["power"]),
        "figures": [Path(f"{at.figure(name)}.{ending}") for name in drawn for ending in ("png", "pdf", "csv")],
        "report": (at.page,),
    }.items():
        yield Job("results", name, tuple(files), at.log(name))


def pace(every: list[Job]) -> tuple[dict[str, float], int]:
    """By stage, how much longer its finished jobs took than planned, and of how many jobs that is known.

    A stage without one is taken to be like all others together; 1 while nothing is known.
    """
    took: dict[str, list[tuple[float, float]]] = {job.stage: [] for job in every}
    for job in every:
        if job.hours and job.finished and (seconds := job.seconds()):
            took[job.stage].append((seconds / 3600, job.hours))
    known = [one for found in took.values() for one in found]

    def ratio(found: list[tuple[float, float]]) -> float:
        return sum(hours for hours, _ in found) / sum(planned for _, planned in found) if found else 1.0

    return {stage: ratio(found or known) for stage, found in took.items()}, len(known)
