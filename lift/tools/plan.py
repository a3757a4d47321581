"""Estimate what an experiment costs, stage by stage: jobs, hours, memory and disk. Nothing of it is run or fetched.

docs/plan.md has the formulas. What is estimated is the whole experiment, whatever of it is there already.
"""

import json
from dataclasses import asdict
from pathlib import Path

from tabulate import tabulate

from lift.config import configuration
from lift.errors import InputError
from lift.machine.cards import CARDS
from lift.plan import planning, preflight


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
    made = planning.plan(config, args.results or Path("results", config["experiment"]), planning.Assumptions(**given))
    stages = made.stages()
    if args.json:
        parts = [asdict(part) | {"disk": part.disk} for part in made.parts]
        print(json.dumps({"stages": stages, "parts": parts, "notes": made.notes}, indent=2, default=str))
    else:
        print(report(made, stages, config["device"], args.gpus))
        if config["device"] == "cuda":
            faults = preflight.memory_faults(made, "gpu_memory", CARDS[args.gpu].memory, f"the {args.gpu}")
            print("\n".join(faults) or f"Every job fits the {args.gpu} by the plan.")


def report(made: planning.Plan, stages: list[dict], device: str, gpus: int) -> str:
    """The tables of stages and of their parts, and what they rest on."""
    sizes = {
        "hours": "GPU-hours" if device == "cuda" else "CPU-hours",
        "gpu_memory": "GPU memory (GB)",
        "memory": "main memory (GB)",
        "disk": "disk (GB)",
    }
    parts = [vars(part) | {"disk": part.disk} for part in made.parts if part.hours or part.disk]
    days = stages[-1]["hours"] / gpus / 24
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
