"""How long an experiment takes on several GPUs: the jobs of a plan, each after those whose results it reads."""

import copy
import heapq
from typing import NamedTuple

from lift.config.experiment import Experiment
from lift.plan.planning import Assumptions, Plan, plan


class Task(NamedTuple):
    """A job that takes GPUs. hours: that it lasts. after: the names of the jobs that must have ended."""

    hours: float
    devices: int
    after: tuple[str, ...] = ()


def job_hours(made: Plan) -> dict[tuple[str, str, str], float]:
    """Device-hours of one job, by stage, model and what of its part of the plan."""
    return {(part.stage, part.model, part.what): part.hours / part.jobs for part in made.parts if part.jobs}


def decoding_hours(experiment: Experiment, each: dict, model: str, method: str, seed: int) -> float:
    """Device-hours of decoding a checkpoint, by `job_hours`: the base answers with a further seed what is drawn."""
    further = method == "base" and seed != experiment.seeds[0]
    return each["decode", model, "base, further seeds" if further else method]


def tasks(experiment: Experiment, made: Plan, gpus: int) -> dict[str, Task]:
    """By name, the jobs with hours in a plan, where a job may take so many GPUs."""
    each, config, found = job_hours(made), experiment.config, {}
    shards = experiment.processes(gpus)
    for model in experiment.models:
        base = f"base {model}"
        found[base] = Task(each["models", model, config["models"][model]["base"]], 1)
        of_corpus = each["statistics", model, config["statistics"]["corpus"]]
        found[f"statistics of {model}"] = Task(of_corpus / shards, shards, (base,))
        for method in experiment.trained:
            devices, hours = experiment.training(method)["devices"], each["finetune", model, method]
            for seed in experiment.seeds:
                found[f"training {model} by {method}, seed {seed}"] = Task(hours / devices, devices, (base,))
        for of_model, method, seed in experiment.checkpoints():
            if of_model != model:
                continue
            hours = decoding_hours(experiment, each, model, method, seed)
            run = base if method == "base" else f"training {model} by {experiment.run_of(method)}, seed {seed}"
            found[f"decoding {model} by {method}, seed {seed}"] = Task(hours / shards, shards, (run,))
    return found


def longest_chain(jobs: dict[str, Task]) -> list[str]:
    """The jobs that take longest one after the other: no number of GPUs shortens that."""
    ends: dict[str, float] = {}
    for name, job in jobs.items():  # which stand after those that they need
        ends[name] = job.hours + max((ends[before] for before in job.after), default=0.0)
    chain = [max(ends, key=ends.get)]
    while after := jobs[chain[0]].after:
        chain.insert(0, max(after, key=ends.get))
    return chain


def hours_with(jobs: dict[str, Task], gpus: int) -> float | None:
    """How long all jobs take where so many GPUs work, none waiting for a job that could run; what has the longest
    chain behind it goes first. None where a job takes more GPUs than that."""
    if any(job.devices > gpus for job in jobs.values()):
        return None
    behind = {name: job.hours for name, job in jobs.items()}
    for name, job in reversed(jobs.items()):
        for before in job.after:
            behind[before] = max(behind[before], jobs[before].hours + behind[name])
    waiting, running, ended, now, free = sorted(jobs, key=behind.get, reverse=True), [], set(), 0.0, gpus
    while waiting or running:
        for name in list(waiting):
            if jobs[name].devices <= free and ended.issuperset(jobs[name].after):
                waiting.remove(name)
                free -= jobs[name].devices
                heapq.heappush(running, (now + jobs[name].hours, name))
        now, name = heapq.heappop(running)
        ended.add(name)
        free += jobs[name].devices
    return now


def choices(experiment: Experiment, assumed: Assumptions) -> list[dict]:
    """Rows of shards, devices, hours of the longest `chain` and of `all` jobs: as the config has them, and with more.

    More are as many shards as GPUs, and of devices the most that share out every global batch.
    """
    config, gpus = experiment.config, assumed.gpus
    trainings = [experiment.training(method) for method in experiment.trained]
    own = config["shards"], max(one["devices"] for one in trainings)
    cuts = [one["batch_size"] // one["micro_batch_size"] for one in trainings]
    most = next(devices for devices in range(gpus, 0, -1) if all(cut % devices == 0 for cut in cuts))
    rows = []
    for shards, devices in dict.fromkeys([own, (gpus, own[1]), (own[0], most), (gpus, most)]):
        changed = copy.deepcopy(config) | {"shards": shards}
        if devices != own[1]:
            for training in (changed["training"], *(one.get("training", {}) for one in changed["methods"].values())):
                training["devices"] = devices
        other = Experiment(changed)
        jobs = tasks(other, plan(changed, experiment.layout.folder, assumed), gpus)
        chain = sum(jobs[name].hours for name in longest_chain(jobs))
        rows.append({"shards": shards, "devices": devices, "chain": chain, "all": hours_with(jobs, gpus)})
    return rows
