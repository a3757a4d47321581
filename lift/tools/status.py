"""Say how far an experiment is: what runs, how far that is and how long it will take; what waits and is finished.

Told from the files in RESULTS alone, on any machine that sees them: logs, locks, records. RESULTS is the folder of an
experiment or of several; results/ if left out. The hours that are left are those of the plan, corrected by what the
finished jobs took; what would be made again because something changed is not among them: `snakemake -n` tells that.
"""

from collections import Counter
from pathlib import Path

from lift.config.experiment import Experiment
from lift.config.layout import Layout, experiments
from lift.plan import planning, progress


def add_arguments(parser) -> None:
    parser.add_argument("results", metavar="RESULTS", type=Path, nargs="?", default=Path("results"))
    parser.add_argument("--config", type=Path, help="the .yaml file of the experiment; its config.yaml if left out")


def main(args) -> None:
    folders = [args.results] if args.config else experiments(args.results)
    for folder in folders:
        experiment = Experiment.read(args.config or Layout(folder).config)
        experiment.layout = Layout(folder)
        print(status(experiment))


def status(experiment: Experiment) -> str:
    """Lines on one experiment."""
    made = planning.plan(experiment.config, experiment.layout.folder)
    every = progress.jobs(experiment, made)
    states = {job: job.state for job in every}
    running = {job: job.progress() for job, state in states.items() if state == "running"}
    counts = Counter(states.values())
    said = [f"{counts[state]} {state}" for state in ("finished", "running", "waiting", "failed") if counts[state]]
    lines = [f"{experiment.layout.folder}: {len(every)} jobs, {', '.join(said)}"]
    for job, (share, left) in running.items():
        lines.append(f"  {job.stage:<10} {job.what:<40} {share:>4.0%}  {_left(left)}")
    lines += [f"  failed     {job.what}: {job.log}" for job, state in states.items() if state == "failed"]
    lines.append(_total(experiment, every, states, running))
    return "\n".join(lines)


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}" if size > 60 else f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"


def _total(experiment: Experiment, every: list, states: dict, running: dict) -> str:
    """What is left by the plan, and how sure that is."""
    factors, known = progress.pace(every)
    left = sum(
        job.hours * factors[job.stage] * (1 - running.get(job, (0, None))[0])
        for job in every
        if states[job] != "finished"
    )
    if not left:
        return "  nothing is left that takes long"
    kind = "GPU-hours" if experiment.config["device"] == "cuda" else "CPU-hours"
    rest = f"by the plan, corrected by {known} finished jobs" if known else "by the plan; no job has finished to tell"
    working = sum(job.working() for job in running if job.hours)
    pace = f"; at this pace {_duration(left * 3600 / working)}" if working else ""
    return f"  left: {left:,.2f} {kind} {rest}{pace}"
