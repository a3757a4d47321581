"""Estimate what an experiment costs, stage by stage: jobs, hours, memory and disk. Nothing of it is run or fetched.

docs/plan.md has the formulas. What is estimated is the whole experiment, whatever of it is there already.
"""

import json
from dataclasses import asdict
from pathlib import Path

from tabulate import tabulate

from lift.config import configuration
from lift.config.experiment import Experiment
from lift.config.layout import Layout
from lift.errors import InputError
from lift.machine.cards import CARDS
from lift.plan import planning, preflight, schedule


def add_arguments(parser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="the .yaml file of the experiment")
    parser.add_argument("--results", type=Path, help="folder of its results; results/EXPERIMENT if left out")
    parser.add_argument("--gpu", choices=list(CARDS), default="H100", help="what it runs on, and must fit")
    parser.add_argument(
        "--tflops", type=float, help="peak in bfloat16, 10^12 operations a second; the card's if left out"
    )
    parser.add_argument("--tflops-fp32", type=float, help="peak in float32, without TF32")
    parser.add_argument("--utilisation", type=float, help="share of the peak that is used; by the width if left out")
    parser.add_argument("--prompt-tokens", type=int, help="mean tokens of a prompt, of all corpora and benchmarks")
    parser.add_argument("--response-tokens", type=int, help="mean tokens of a response, of all corpora")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs that jobs take together")
    parser.add_argument("--json", action="store_true", help="everything as JSON, in bytes and operations")


def _rounded(value: float) -> str:
    if not value:
        return "-"
    return f"{value:,.1f}" if value >= 0.05 else "< 0.1"


def table(rows: list[dict], columns: dict[str, str]) -> str:
    """Rows as Markdown. columns: headings by key; hours and sizes are rounded."""
    units = {"hours": 1, "gpu_memory": 1e9, "memory": 1e9, "disk": 1e9}
    text = [
        {heading: _rounded(row[key] / units[key]) if key in units else row[key] for key, heading in columns.items()}
        for row in rows
    ]
    right = ["right" if key in {*units, "jobs"} else "left" for key in columns]
    return tabulate(text, headers="keys", tablefmt="pipe", colalign=right, disable_numparse=True)


def main(args) -> None:
    names = ("gpu", "tflops", "tflops_fp32", "utilisation", "prompt_tokens", "response_tokens", "gpus")
    given = {name: getattr(args, name) for name in names}
    for name, value in given.items():
        if isinstance(value, int | float) and value <= 0:
            raise InputError(f"--{name.replace('_', '-')}: {value} is not above zero.")
    config = configuration.load_config(args.config)
    experiment = Experiment(config)
    experiment.layout = Layout(args.results or experiment.layout.folder)
    assumed = planning.Assumptions(**given)
    made = planning.plan(config, experiment.layout.folder, assumed)
    stages, jobs = made.stages(), schedule.tasks(experiment, made, args.gpus)
    choices = schedule.choices(experiment, assumed) if config["device"] == "cuda" and args.gpus > 1 else []
    if args.json:
        parts = [asdict(part) | {"disk": part.disk} for part in made.parts]
        found = {"stages": stages, "parts": parts, "notes": made.notes, "schedules": choices}
        print(json.dumps(found, indent=2, default=str))
    else:
        print(report(made, stages, config["device"], args.gpus, schedule.hours_with(jobs, args.gpus)))
        if choices:
            print(schedules(jobs, choices, args.gpus))
        if config["device"] == "cuda":
            faults = preflight.memory_faults(made, "gpu_memory", CARDS[args.gpu].memory, f"the {args.gpu}")
            print("\n".join(faults) or f"Every job fits the {args.gpu} by the plan.")


def report(made: planning.Plan, stages: list[dict], device: str, gpus: int, hours: float | None = None) -> str:
    """The tables of stages and of their parts, and what they rest on. hours: of all jobs with these GPUs, if known."""
    sizes = {
        "hours": "GPU-hours" if device == "cuda" else "CPU-hours",
        "gpu_memory": "GPU memory (GB)",
        "memory": "main memory (GB)",
        "disk": "disk (GB)",
    }
    parts = [vars(part) | {"disk": part.disk} for part in made.parts if part.hours or part.disk]
    days = (hours or stages[-1]["hours"] / gpus) / 24
    return "\n".join(
        [
            table(stages, {"stage": "stage", "jobs": "jobs"} | sizes),
            "\nHours and disk are those of all jobs, memory that of the largest; 1 GB is 10^9 bytes. By part:\n",
            table(parts, {"stage": "stage", "model": "model", "what": "what", "jobs": "jobs"} | sizes),
            *([f"\nWith {gpus} GPU(s) at a time: about {days:,.1f} days."] if device == "cuda" else []),
            "\nEstimated, not measured, and resting on this:",
            *(f"- {note}" for note in made.notes),
        ]
    )


def schedules(jobs: dict[str, schedule.Task], choices: list[dict], gpus: int) -> str:
    """The longest chain of jobs, and a table of what `shards` and `training.devices` make of it and of the whole."""
    chain = [name for name in schedule.longest_chain(jobs) if jobs[name].hours]
    said = ", then ".join(f"{name} ({_rounded(jobs[name].hours)})" for name in chain)
    rows = [
        {
            "`shards`": row["shards"],
            "`training.devices`": row["devices"],
            "longest chain (hours)": _rounded(row["chain"]),
        }
        | {f"all with {gpus} GPUs (hours)": "too few GPUs" if row["all"] is None else _rounded(row["all"])}
        for row in choices
    ]
    right = tabulate(rows, headers="keys", tablefmt="pipe", colalign=["right"] * 4, disable_numparse=True)
    return f"\nThe longest chain of jobs, in hours, which more GPUs do not shorten: {said}.\n\n{right}\n"
