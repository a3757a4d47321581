"""The commands of docs/cluster.md on a real SLURM on this host: shards, two processes, jobs that are ended."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.checkout import SMOKE, Checkout
from tests.conftest import ROOT
from tests.slurm import Cluster, why_not

PAGE = ROOT / "docs/cluster.md"
PROFILE = ROOT / "workflow/profiles/slurm/config.yaml"
# what differs on this host: GPUs that no job uses, and jobs of seconds
HERE = (
    "--set-resources train:gpu=2 statistics_shard:gpu=1 answer_shard:gpu=1 --slurm-init-seconds-before-status-checks 2"
    " --slurm-status-command squeue"
)
CONFIG = SMOKE | {
    "shards": 2,
    "models": {"tiny-llada": SMOKE["models"]["tiny-llada"]},
    "methods": {
        "sft": SMOKE["methods"]["sft"],
        "lift3": {"objective": "lift", "training": {"devices": 2, "epochs": 40, "eval_steps": 50}},
    },
    "benchmarks": {name: SMOKE["benchmarks"][name] for name in ("mini-gsm", "mini-contest-a")},
}


def commands(heading: str) -> list[list[str]]:
    """The commands of this repository in the code blocks below a heading of the page."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)[1]
    lines = re.findall(r"^ {4}((?:snakemake|python) .*)$", section, re.M)
    return [shlex.split(line, comments=True) for line in lines]


class Site:
    """A checkout on a cluster, and the page's commands in it."""

    def __init__(self, folder: Path, cluster: Cluster, config: dict) -> None:
        self.checkout, self.cluster = Checkout(folder, config), cluster
        (folder / "experiment.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def start(self, command: list[str], out) -> subprocess.Popen:
        """A command of the page, on this experiment."""
        words = ["experiment.yaml" if word == "config/paper.yaml" else word for word in command]
        if words[0] == "snakemake":
            at = words.index("--configfile")
            words = ["-m", "snakemake", *words[1:at], *shlex.split(HERE), *words[at:]]
        else:
            words = words[1:]
        folder, environment = self.checkout.folder, self.cluster.environment | {"PYTHONPATH": str(self.checkout.folder)}
        return subprocess.Popen([sys.executable, *words], cwd=folder, env=environment, stdout=out, stderr=out)

    def wait_for(self, process: subprocess.Popen, condition, seconds: float = 240):
        """What the condition gives, once it gives something; the process must still run then."""
        end = time.time() + seconds
        while not (found := condition()):
            assert process.poll() is None, "ended too soon"
            assert time.time() < end, "took too long"
            time.sleep(0.1)
        return found

    def job(self, text: str) -> str | None:
        """The id of a running job with a text in its name."""
        return next((job for job, name in self.cluster.jobs("R").items() if text in name), None)

    def updates(self) -> set[int]:
        """After which updates lift3's unfinished run has checkpoints."""
        found = self.checkout.results.glob(".resume/runs/*/lift3/*/*/checkpoint-*/trainer_state.json")
        return {int(path.parent.name.partition("-")[2]) for path in found}


@pytest.mark.dag
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
def test_the_pages_commands_on_a_cluster(tmp_path):
    """Two jobs are ended on the way; the scores are those of a machine without SLURM, and no GPU had two jobs."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install '.[slurm]'")
    path = tmp_path / "out"
    with Cluster(tmp_path / "slurm") as cluster, open(path, "w") as out:
        site = Site(tmp_path / "cluster", cluster, CONFIG)
        *before, last = commands("From an empty login node to tables")
        for command in before:
            assert site.start(command, out).wait() == 0, path.read_text()
        process = site.start(last, out)
        try:
            training = site.wait_for(
                process, lambda: site.updates() and site.job("rule_train_wildcards_tiny-llada_lift3")
            )
            cluster.ask("scancel", "--signal=TERM", training)
            written = site.wait_for(process, lambda: {update for update in site.updates() if update % 50})
            decoding = site.wait_for(process, lambda: site.job("rule_answer_shard"))
            cluster.ask("scancel", decoding)
            assert process.wait(240) == 0, path.read_text()
        finally:
            process.kill()
        jobs, holdings = cluster.jobs(), cluster.holdings()
    said = path.read_text()
    log = (site.checkout.results / "logs/runs/tiny-llada/lift3/seed0.log").read_text()
    assert written, "the checkpoint of the job that was told to end"
    assert f"SLURM-job '{training}' failed" in said
    assert f"SLURM-job '{decoding}' failed" in said
    for job, text in ((training, "rule_train"), (decoding, "rule_answer_shard")):  # each once more
        assert sum(name == jobs[job] for name in jobs.values()) == 2, text
    assert {re.match(r"rule_(\w+?)_wildcards", name)[1] for name in jobs.values()} == {
        *("base_model", "statistics_shard", "train", "answer_shard")
    }
    assert "Traceback" not in log
    held = {}
    for _, what, job, cards in holdings:
        for card in cards:
            assert held.get(card) == (None if what == "started" else job), "two jobs had one GPU"
            held[card] = job if what == "started" else None
    assert max(len(cards) for *_, cards in holdings) == 2
    alone = Checkout(tmp_path / "alone", CONFIG)
    result = alone.run()
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("scores.csv", "comparisons.csv", "tables/main.md"):
        assert (site.checkout.results / name).read_bytes() == (alone.results / name).read_bytes(), name


def test_the_profile_holds_the_lines_of_the_default_one():
    """Snakemake reads one of the two."""
    default = yaml.safe_load((ROOT / "workflow/profiles/default/config.yaml").read_text())
    assert default.items() <= yaml.safe_load(PROFILE.read_text()).items()
