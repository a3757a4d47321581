"""What the scripts in perf/ share: timing side by side, and one way of reporting."""

import gc
import platform
import statistics
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from lift import provenance

RESULTS = Path(__file__).parent / "results"


def processor() -> str:
    """The GPU's name, or the CPU's with the number of threads that torch uses."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {torch.get_num_threads()} threads"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, what it started on a GPU included."""
    gc.collect()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def side_by_side(cases: dict[str, Callable[[], object]], repeats: int, warm: bool = True) -> dict[str, list[float]]:
    """Wall times of every case, taken in turns so that a change of the machine's speed meets all of them."""
    if warm:
        for work in cases.values():
            work()
    times = {name: [] for name in cases}
    for _ in range(repeats):
        for name, work in cases.items():
            times[name].append(seconds(work))
    return times


def median(values: list[float]) -> float:
    return statistics.median(values)


def report(name: str, title: str, rows: list[dict], text: str, save: bool = True) -> None:
    """Print a table with its conditions and, if it is to be kept, write it to perf/results/NAME.md."""
    table = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    commit, changed, _ = provenance.commit().partition("+")
    where = f"commit {commit[:12]}{' with changes' if changed else ''}, {processor()}, torch {torch.__version__}"
    conditions = f"`python {' '.join(sys.argv)}` at {where}."
    page = f"# {title}\n\n{conditions}\n\n{table}\n\n{textwrap.fill(' '.join(text.split()), 120)}\n"
    print(page)
    if save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(page)
