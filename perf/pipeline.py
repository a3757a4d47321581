"""Where the time of a finished run of the workflow went: jobs, start-up, work, and processors that had nothing to do.

python perf/pipeline.py --experiment miniature
"""

import argparse
import json
import re
import resource
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from measurement import report


class Job(NamedTuple):
    """A job of a run: its rule, stage (`python -m lift STAGE`), start and end in seconds, and CPU seconds or None."""

    rule: str
    stage: str
    start: float
    end: float
    cpu: float | None


def read_jobs(folder: Path, experiment: str) -> list[Job]:
    """The last run of every job of an experiment, from Snakemake's own records below the folder it ran in."""
    results, found = f"results/{experiment}", {}
    for path in sorted((folder / ".snakemake" / "metadata").iterdir()):
        record = json.loads(path.read_text())  # one for each output
        log = next((log for log in record["log"] if log.startswith(f"{results}/logs/")), None)
        stage = re.search(r"python -m lift ([\w-]+)", record["shellcmd"] or "")
        if log is None or stage is None:
            continue
        timing = folder / f"{results}/timings" / Path(log).relative_to(f"{results}/logs").with_suffix(".tsv")
        cpu = float(pd.read_csv(timing, sep="\t")["cpu_time"].iloc[0]) if timing.exists() else None
        job = Job(record["rule"], stage[1], record["starttime"], record["endtime"], cpu)
        found[record["rule"], log] = max(job, found.get((record["rule"], log), job), key=lambda job: job.start)
    return sorted(found.values(), key=lambda job: job.start)


def start_up(stage: str, repeats: int = 3) -> float:
    """CPU seconds until a stage has read its arguments, its libraries imported: the least of some."""
    times = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "lift", stage, "--help"], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def busy(jobs: list[Job]) -> dict[int, float]:
    """Seconds in which so many jobs ran at a time, from the first start to the last end."""
    events = sorted([(job.start, 1) for job in jobs] + [(job.end, -1) for job in jobs])
    seconds, running = defaultdict(float), 0
    for (now, change), (then, _) in pairwise(events):
        running += change
        seconds[running] += then - now
    return dict(seconds)


def stage_rows(jobs: list[Job], starting: dict[str, float]) -> list[dict]:
    """A row a rule and the total; start-up counts at most as long as the jobs took."""
    groups = defaultdict(list)
    for job in jobs:
        groups[job.rule].append(job)
    rows, waiting = [], 0.0
    for rule, group in groups.items():
        wall, each = sum(job.end - job.start for job in group), starting[group[0].stage]
        loading = min(wall, each * len(group))
        waiting += loading
        cpu = None if any(job.cpu is None for job in group) else sum(job.cpu for job in group)
        rows.append(_row(rule, len(group), wall, cpu, f"{each:.1f}", loading))
    wall = sum(job.end - job.start for job in jobs)
    return [*rows, _row("total", len(jobs), wall, None, "-", waiting)]


def _row(rule: str, jobs: int, wall: float, cpu: float | None, each: str, loading: float) -> dict:
    return {
        "rule": rule,
        "jobs": jobs,
        "wall (s)": f"{wall:.0f}",
        "CPU (s)": "-" if cpu is None else f"{cpu:.0f}",
        "start-up of one (s)": each,
        "start-up, share": f"{loading / wall:.0%}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", default="miniature")
    parser.add_argument("--folder", type=Path, default=Path(), help="where snakemake ran")
    parser.add_argument("--cores", type=int, default=2, help="that it was given")
    args = parser.parse_args()
    jobs = read_jobs(args.folder, args.experiment)
    if not jobs:
        parser.error(f"{args.folder}: there is no finished run of {args.experiment}")
    starting = {stage: start_up(stage) for stage in sorted({job.stage for job in jobs})}
    rows, at_a_time = stage_rows(jobs, starting), busy(jobs)
    whole = max(job.end for job in jobs) - jobs[0].start
    taken = sum(job.end - job.start for job in jobs)
    loading = sum(min(job.end - job.start, starting[job.stage]) for job in jobs)
    room = whole * args.cores
    below = ", ".join(f"{at_a_time.get(n, 0):.0f} s with {n}" for n in range(args.cores))
    text = f"""
From the first start to the last end of a job: {whole:.0f} s on {args.cores} cores. Jobs took {taken / room:.0%} of
wall time x cores, and {(taken - loading) / room:.0%} without their start-up. Jobs at a time: {below}.

Wall times are of the run, start-up was measured now: CPU seconds until a stage's libraries are imported. CPU seconds
are those that Snakemake saw; it looks from time to time and misses the last seconds of a job.
"""
    report("pipeline", f"Where the time of {args.experiment} goes", rows, text)


if __name__ == "__main__":
    main()
