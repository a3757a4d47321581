"""How long the jobs of a plan take on some GPUs, and the chain that none shortens."""

import json

import pytest

from lift.config import configuration
from lift.config.experiment import Experiment
from lift.plan import planning, schedule
from lift.plan.schedule import Task
from tests.conftest import ROOT

PAPER = ROOT / "config/paper.yaml"


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """The jobs of paper.yaml by the number of GPUs, and the hours of its plan."""
    from huggingface_hub import constants

    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", str(folder))  # no model is taken from this machine
        experiment = Experiment(configuration.load_config(PAPER))
        made = planning.plan(experiment.config, folder)
    return lambda gpus: schedule.tasks(experiment, made, gpus), made.stages()[-1]["hours"]


def test_jobs_wait_for_what_they_read_and_for_free_gpus():
    jobs = {"a": Task(3, 1), "b": Task(2, 1), "c": Task(1, 1, ("a",)), "d": Task(4, 2, ("b",))}
    assert schedule.hours_with(jobs, 2) == 8  # a and b; d when both have ended, for it goes before c; then c
    assert schedule.hours_with(jobs, 3) == 6  # d beside a and c: the longest chain
    assert schedule.hours_with(jobs, 1) is None
    assert schedule.longest_chain(jobs) == ["b", "d"]


def test_one_gpu_takes_all_hours_and_many_take_the_longest_chain(paper):
    jobs, total = paper
    assert schedule.hours_with(jobs(1), 1) == pytest.approx(total)
    for gpus in (2, 8, 20, 1000):
        chain = sum(jobs(gpus)[name].hours for name in schedule.longest_chain(jobs(gpus)))
        found = schedule.hours_with(jobs(gpus), gpus)
        # Graham's bound (1969) is total / gpus + chain; where jobs take several GPUs, half of them may have to wait
        assert max(total / gpus, chain) <= found <= 2 * total / gpus + chain
    assert found == pytest.approx(chain)


@pytest.mark.parametrize("gpus", [1, 8])
def test_every_job_with_hours_is_there(paper, gpus):
    jobs, total = paper[0](gpus), paper[1]
    assert sum(job.hours * job.devices for job in jobs.values()) == pytest.approx(total)
    assert len([name for name in jobs if name.startswith("training")]) == 2 * 5 * 3
    chain = schedule.longest_chain(jobs)
    assert [name.split()[0] for name in chain] == ["base", "training", "decoding"]
    assert [part.partition("llada by ")[2] for part in chain[1:]] == ["gift, seed 0"] * 2


def test_shards_and_devices_shorten_the_chain(lift_command, tmp_path):
    code, said, _ = lift_command("plan", "--config", PAPER, "--results", tmp_path, "--gpus", 8, "--json")
    assert code == 0
    rows = {(row["shards"], row["devices"]): row for row in json.loads(said)["schedules"]}
    assert list(rows) == [(4, 1), (8, 1), (4, 8), (8, 8)]  # the paper's own and as many as GPUs
    assert rows[8, 1]["chain"] < rows[4, 1]["chain"]
    assert rows[8, 8]["chain"] < rows[4, 8]["chain"] < rows[4, 1]["chain"]
    _, said, _ = lift_command("plan", "--config", PAPER, "--results", tmp_path, "--gpus", 8)
    assert "more GPUs do not shorten: training llada by gift, seed 0 (" in said
    _, said, _ = lift_command("plan", "--config", PAPER, "--results", tmp_path)
    assert "more GPUs" not in said
