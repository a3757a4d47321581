"""The commands of docs/cluster.md on a real SLURM on this host: shards, two processes, jobs that are ended."""

import importlib.util
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lift.config import configuration
from lift.plan import planning, wall_time
from tests.checkout import SMOKE, Checkout
from tests.conftest import ROOT
from tests.slurm import Cluster, why_not

PAGE = ROOT / "docs/cluster.md"
PROFILE = ROOT / "workflow/profiles/slurm/config.yaml"
# what differs on this host: GPUs that no job uses, and jobs of seconds
HERE = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"]
GPUS = ["--set-resources", "train:gpu=2", "token_statistics:gpu=1", "answer:gpu=1"]
CONFIG = SMOKE | {
    "shards": 2,
    "models": {"tiny-llada": SMOKE["models"]["tiny-llada"]},
    "methods": {"lift3": {"objective": "lift", "training": {"devices": 2, "epochs": 20, "eval_steps": 20}}},
    "benchmarks": {name: SMOKE["benchmarks"][name] for name in ("mini-gsm", "mini-contest-a")},
}


def commands(heading: str) -> list[list[str]]:
    """The commands of this repository in the code blocks below a heading of the page."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)[1]
    lines = re.findall(r"^ {4}((?:snakemake|python) .*)$", section, re.M)
    return [shlex.split(line, comments=True) for line in lines]


class Site:
    """A checkout on a cluster, and the page's commands in it."""

    def __init__(self, folder: Path, cluster: Cluster, config: dict, more=(), resources=()) -> None:
        self.checkout, self.cluster = Checkout(folder, config), cluster
        self.flags = [*HERE, *more, *GPUS, *resources]
        (folder / "experiment.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def start(self, command: list[str], out) -> subprocess.Popen:
        """A command of the page, on this experiment."""
        words = ["experiment.yaml" if word == "config/paper.yaml" else word for word in command]
        if words[0] == "snakemake":
            at = words.index("--configfile")
            words = ["-m", "snakemake", *words[1:at], *self.flags, *words[at:]]
        else:
            words = words[1:]
        folder, environment = self.checkout.folder, self.cluster.environment | {"PYTHONPATH": str(self.checkout.folder)}
        return subprocess.Popen([sys.executable, *words], cwd=folder, env=environment, stdout=out, stderr=out)

    def wait_for(self, process: subprocess.Popen, condition, seconds: float = 600):
        """What the condition gives, once it gives something; the process must still run then."""
        end = time.time() + seconds
        while not (found := condition()):
            assert process.poll() is None, "ended too soon"
            assert time.time() < end, "took too long"
            time.sleep(0.1)
        return found

    def job(self, *texts: str) -> str | None:
        """The id of a running job with some texts in its name."""
        running = self.cluster.jobs("R").items()
        return next((job for job, name in running if all(text in name for text in texts)), None)

    def updates(self) -> set[int]:
        """After which updates lift3's unfinished run has checkpoints."""
        found = self.checkout.results.glob(".resume/runs/*/lift3/*/*/checkpoint-*/trainer_state.json")
        return {int(path.parent.name.partition("-")[2]) for path in found}


def scores_are_those_without(site: Site, folder: Path) -> None:
    """Byte for byte the results of a machine without SLURM, where jobs that want a GPU take turns by themselves."""
    alone = Checkout(folder, site.checkout.config)
    result = alone.run("statistics", "comparisons", "scores", *(flag.replace("gpu=2", "gpu=1") for flag in GPUS))
    said, at_once, count = result.stdout + result.stderr, set(), 0
    assert result.returncode == 0, said
    with_gpu = "Fine-tuning|Confidence by|Decoding"
    for started, ended in re.findall(rf"^Job (\d+): (?:{with_gpu})|^Finished jobid: (\d+)", said, re.M):
        assert not (started and at_once), said
        at_once, count = (at_once | {started}, count + 1) if started else (at_once - {ended}, count)
    assert count == 4
    for name in ("scores.csv", "comparisons.csv", "statistics/tiny-llada-mini-traces.parquet"):
        assert (site.checkout.results / name).read_bytes() == (alone.results / name).read_bytes(), name


needs_slurm = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")
needs_plugin = pytest.mark.skipif(
    not importlib.util.find_spec("snakemake_executor_plugin_slurm"), reason="pip install '.[slurm]'"
)


@pytest.mark.dag
@needs_slurm
@needs_plugin
def test_the_pages_commands_on_a_cluster(tmp_path):
    """Two jobs are ended on the way; the scores are those of a machine without SLURM, and no GPU had two jobs."""
    path = tmp_path / "out"
    with Cluster(tmp_path / "slurm") as cluster, open(path, "w") as out:
        site = Site(tmp_path / "cluster", cluster, CONFIG)
        *before, last = commands("From an empty login node to tables")
        assert len(before) == 3
        for command in before:
            assert site.start(command, out).wait() == 0, path.read_text()
        process = site.start(last, out)
        try:
            training = site.wait_for(process, lambda: site.updates() and site.job("rule_train_", "_lift3"))
            cluster.ask("scancel", "--signal=TERM", training)
            site.wait_for(process, lambda: {update for update in site.updates() if update % 20})  # its last words
            decoding = site.wait_for(process, lambda: site.job("rule_answer_"))
            cluster.ask("scancel", decoding)
            assert process.wait(900) == 0, path.read_text()
        finally:
            process.kill()
        jobs, limits, holdings = cluster.jobs(), cluster.jobs(what="%l"), cluster.holdings()
    for job in (training, decoding):  # each came once more, and with more time
        assert f"SLURM-job '{job}' failed" in path.read_text()
        first, again = (limits[one] for one, name in jobs.items() if name == jobs[job])
        assert (first, again) == ("16:00", "32:00")
    rules = {re.match(r"rule_(\w+?)_wildcards", name)[1] for name in jobs.values()}
    assert rules == {"base_model", "token_statistics", "train", "answer"}
    held = {}
    for _, what, job, cards in holdings:
        for card in cards:
            assert held.get(card) == (None if what == "started" else job), "two jobs had one GPU"
            held[card] = job if what == "started" else None
    assert {len(cards) for *_, cards in holdings} == {1, 2}
    assert site.checkout.plan() == {}  # without the profile too
    scores_are_those_without(site, tmp_path / "alone")


@pytest.mark.cluster
@needs_slurm
@needs_plugin
def test_what_clusters_do_to_jobs(tmp_path, capsys):
    """By hand, some ten minutes: a queue that is full, a time limit that is met, a node that is lost.

    What it prints stands in docs/cluster.md.
    """
    methods = {"lift3": {"objective": "lift", "training": {"devices": 2, "epochs": 200, "eval_steps": 100}}}
    decoders = SMOKE["decoders"] | {"sampled": SMOKE["decoders"]["sampled"] | {"steps": 48}}
    benchmarks = {"mini-contest-a": {"decoder": "sampled", "size": 60, "samples": 16}}
    path = tmp_path / "out"
    with Cluster(tmp_path / "slurm") as cluster, open(path, "w") as out:
        site = Site(
            tmp_path / "cluster",
            cluster,
            CONFIG | {"methods": methods, "decoders": decoders, "benchmarks": benchmarks},
            # a minute for the first attempt at training, and no word before it is over
            ["--default-resources", "slurm_partition=gpu", "nodes=1", "runtime=5"],
            ["train:runtime=attempt"],
        )
        cluster.ask("sbatch", "--gpus=2", "--comment=somebody_else", "--output=/dev/null", "--wrap", "sleep 60")
        process = site.start(commands("From an empty login node to tables")[-1], out)
        try:
            job = site.wait_for(process, lambda: site.job("rule_answer_", "_lift3"), 900)
            answers = site.checkout.results / ".answers/tiny-llada/lift3"
            site.wait_for(process, lambda: any(file.stat().st_size > 100 for file in answers.rglob("*.jsonl")))
            cluster.ask("scontrol", "update", f"nodename={cluster.host}", "state=down", "reason=lost")
            time.sleep(5)
            restarts = re.search(r"Restarts=(\d+)", cluster.ask("scontrol", "show", "job", job))[1]
            cluster.ask("scontrol", "update", f"nodename={cluster.host}", "state=resume")
            assert process.wait(900) == 0, path.read_text()
        finally:
            process.kill()
        table = cluster.ask("squeue", "--states=all", "--sort=i", "-o", "%.5i %.52k %.11T %.6M %.6l")
        states = cluster.jobs(what="%T")
    with capsys.disabled():
        print(f"\n{table}\nrestarts of {job}: {restarts}")
    assert "TIMEOUT" in states.values()
    assert restarts == "1"
    scores_are_those_without(site, tmp_path / "alone")


def test_a_job_asks_for_three_times_the_plan(tmp_path):
    config = configuration.load_config(ROOT / "config/paper.yaml")
    made = planning.plan(config, tmp_path)
    part = next(part for part in made.parts if (part.stage, part.model, part.what) == ("decode", "llada", "lift3"))
    minutes = wall_time.minutes(made, "decode", "llada", "lift3", config["shards"])
    assert minutes == pytest.approx(15 + 180 * part.hours / (3 * config["shards"]), abs=1)
    one, four = (wall_time.minutes(made, "finetune", "dream", "sft", devices) for devices in (1, 4))
    assert one - 15 == pytest.approx(4 * (four - 15), abs=4)
    assert wall_time.minutes(made, "statistics", "llada") > 15 == wall_time.minutes(made, "models", "llada")


def test_the_profile_holds_the_lines_of_the_default_one():
    """Snakemake reads one of the two."""
    default = yaml.safe_load((ROOT / "workflow/profiles/default/config.yaml").read_text())
    assert default.items() <= yaml.safe_load(PROFILE.read_text()).items()
