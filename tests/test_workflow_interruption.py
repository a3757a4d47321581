"""A run that is killed goes on, to the same bytes as one that is not."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.checkout import SMOKE, Checkout

pytestmark = pytest.mark.dag

SHORT = SMOKE | {
    "models": {"tiny-llada": SMOKE["models"]["tiny-llada"]},
    "methods": {"lift3": {"objective": "lift"}},
    "training": SMOKE["training"] | {"epochs": 8, "eval_steps": 4},
    "benchmarks": {
        "mini-gsm": {"decoder": "greedy", "size": 64},
        "mini-contest-a": {"decoder": "sampled", "size": 30, "samples": 16},
    },
    "decoders": SMOKE["decoders"] | {"sampled": SMOKE["decoders"]["sampled"] | {"steps": 48}},  # lasts some seconds
}
TARGETS = ("scores", "comparisons")


def _wait_for(condition, process, seconds=90):
    """Until the condition holds; the process must still be running then."""
    end = time.time() + seconds
    while not condition():
        assert process.poll() is None, "ended before it could be killed"
        assert time.time() < end, "took too long"
        time.sleep(0.02)


def _processes_with(folder: Path, *words: str) -> list[int]:
    """The processes that work in a folder and have some words on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if os.readlink(path.parent / "cwd") != str(folder):
                continue
        except OSError:
            continue
        if all(word in line for word in words) and "bash" not in line.split(" ")[0]:
            found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds its processes through /proc")
def test_a_killed_run_ends_with_the_same_scores(tmp_path_factory):
    """kill -9 of training, of decoding, of snakemake itself; Ctrl-C; each time the same command goes on."""
    whole = Checkout(tmp_path_factory.mktemp("whole"), SHORT)
    assert whole.run(*TARGETS).returncode == 0
    killed = Checkout(tmp_path_factory.mktemp("killed"), SHORT)
    results = killed.results

    def start():
        return subprocess.Popen(
            killed.command(*TARGETS),
            cwd=killed.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in tests that nohup started
        )

    # the training process, once it has a checkpoint
    process = start()
    _wait_for(lambda: list(results.glob(".resume/runs/**/checkpoint-*/trainer_state.json")), process)
    for pid in _processes_with(killed.folder, "lift finetune"):
        os.kill(pid, signal.SIGKILL)
    assert process.wait(60) != 0
    # a decoding process, once it has a batch
    process = start()
    _wait_for(lambda: any(p.stat().st_size > 100 for p in results.glob(".answers/*/lift3/**/*.jsonl")), process)
    for pid in _processes_with(killed.folder, "lift decode", "--method lift3"):
        os.kill(pid, signal.SIGKILL)
    assert process.wait(60) != 0
    # Ctrl-C, as a terminal sends it: to the whole group
    process = start()
    _wait_for(lambda: _processes_with(killed.folder, "lift decode"), process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) != 0
    # snakemake itself, while its job lives on; then the documented unlock
    process = start()
    _wait_for(lambda: _processes_with(killed.folder, "lift decode"), process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    locked = killed.run(*TARGETS)
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout + locked.stderr
    assert killed.run("--unlock").returncode == 0
    assert killed.run(*TARGETS).returncode == 0
    for name in ("scores.csv", "comparisons.csv", "problem_scores.parquet"):
        assert (results / name).read_bytes() == (whole.results / name).read_bytes(), name
