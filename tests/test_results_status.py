"""How far an experiment is, from the files in its folder; and what goes when it is finished."""

import io
import json
import os
import sys
import time

import pytest

from lift.machine import lock
from lift.plan import planning, progress
from tests.stage_config import write_config

DECODERS = {
    "short": {"gen_length": 16, "block_length": 16, "steps": 4},
    "long": {"gen_length": 64, "block_length": 16, "steps": 16},
}


@pytest.fixture
def experiment(tmp_path):
    benchmarks = {"mini-gsm": {"decoder": list(DECODERS), "size": 4}}
    path, experiment = write_config(tmp_path, seeds=[0, 1], decoders=DECODERS, benchmarks=benchmarks)
    put(experiment.layout.config, path.read_text())
    put(experiment.layout.problems("mini-gsm"), "{}\n" * 4)
    return experiment


@pytest.fixture
def status(experiment, lift_command):
    def run(folder=experiment.layout.folder):
        code, said, errors = lift_command("status", folder)
        assert code == 0, errors
        return said.splitlines()

    return run


def put(path, text="", age=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)


def jobs(experiment):
    return progress.jobs(experiment, planning.plan(experiment.config, experiment.layout.folder))


def job(experiment, stage, what):
    (found,) = [one for one in jobs(experiment) if (one.stage, one.what) == (stage, what)]
    return found


def finish(experiment):
    """All files of all jobs, in what form ever, and a log of each."""
    for one in jobs(experiment):
        for path in one.outputs:
            if not path.exists():
                put(path)
        put(one.log, "done")


def bar(done, total, left, label=""):
    return f"{label}{100 * done // total}%|####      | {done}/{total} [00:10<{left}, 1.0it/s]"


def test_what_waits_and_what_is_finished_is_counted(experiment, status):
    count = len(jobs(experiment))
    first, total = status()
    assert first == f"{experiment.layout.folder}: {count} jobs, 1 finished, {count - 1} waiting"
    assert "CPU-hours by the plan; no job has finished to tell" in total
    finish(experiment)
    assert status()[0].endswith(f": {count} jobs, {count} finished")
    assert status(experiment.layout.folder.parent)[-1] == "  nothing is left that takes long"


def test_a_running_job_says_how_far_it_is(experiment, status):
    train = job(experiment, "finetune", "m, lift, seed 1")
    with lock.alone(train.alone):
        put(train.log, "\r".join([bar(0, 40, "?"), bar(10, 40, "1:03:20")]), age=3600)
        (line,) = [line for line in status() if line.startswith("  finetune")]
    assert " ".join(line.split()) == "finetune m, lift, seed 1 25% about 63 minutes left"
    assert not [line for line in status() if line.startswith("  finetune")]  # it is gone, and its log is old


def test_decoding_counts_all_its_benchmarks_and_decoders(experiment):
    """A pass over 64 tokens counts four of 16, and there are four times as many: half of the long ones take 8/17."""
    decode = job(experiment, "decode", "m, lift, seed 0")
    put(decode.log, f"{bar(0, 4, '?', 'mini-gsm.long:   ')}\r{bar(2, 4, '00:32', 'mini-gsm.long:  ')}")
    share, left = decode.progress()
    assert share == pytest.approx(8 / 17)
    assert left == pytest.approx(32 * 9 / 8)
    with decode.log.open("a") as file:
        file.write(f"\r{bar(4, 4, '00:00', 'mini-gsm.long: ')}\n\r{bar(1, 4, '00:03', 'mini-gsm.short:  ')}")
    assert decode.progress() == (pytest.approx(16.25 / 17), pytest.approx(3))


def test_a_job_without_a_lock_runs_while_its_log_is_new(experiment):
    judge = job(experiment, "grade", "m, lift, seed 0")
    assert judge.state == "waiting"
    put(judge.log, age=30)
    assert judge.state == "running"
    put(judge.log, age=progress.SILENT + 30)
    assert judge.state == "waiting"
    put(judge.log, "Traceback (most recent call last):\n  File\nValueError: no\n")
    assert judge.state == "failed"


def test_a_failed_job_is_named_with_its_log(experiment, status):
    train = job(experiment, "finetune", "m, lift, seed 0")
    put(train.log, f"{bar(3, 40, '00:20')}\nerror: results/tiny/models/m: 2 weights are missing.\n")
    lines = status()
    assert ", 1 failed" in lines[0]
    assert f"  failed     m, lift, seed 0: {train.log}" in lines


def test_what_is_left_is_the_plan_corrected_by_what_finished(experiment, status):
    """One of two runs took three times as long as planned; so does the other, half of which is done."""
    finish(experiment)
    one, other = (job(experiment, "finetune", f"m, lift, seed {seed}") for seed in (0, 1))
    put(one.record, json.dumps({"seconds_this_process": 3 * one.hours * 3600}))
    other.record.unlink()
    put(other.log, bar(5, 10, "00:05"))
    assert other.state == "running"
    factors, known = progress.pace(jobs(experiment))
    assert (factors["finetune"], factors["decode"], known) == (pytest.approx(3), pytest.approx(3), 1)
    assert f"left: {1.5 * other.hours:,.2f} CPU-hours by the plan, corrected by 1 finished job" in status()[-1]


def test_processes_that_share_a_job_are_counted(experiment):
    """By its log while it runs, by its record when it is finished: there may be fewer GPUs than shards."""
    one = job(experiment, "statistics", "m-c")
    put(one.log, "2 processes share the work\n" + bar(5, 10, "00:05"))
    assert one.working() == 2
    put(one.record, json.dumps({"seconds_this_process": 60, "processes": 2}))
    assert one.seconds() == 120
    assert job(experiment, "decode", "m, lift, seed 0").working() == 1


def test_another_config_can_be_named(experiment, lift_command, tmp_path):
    experiment.layout.config.unlink()
    code, _, errors = lift_command("status", experiment.layout.folder)
    assert (code, "no config.yaml" in errors) == (2, True)
    code, said, _ = lift_command("status", experiment.layout.folder, "--config", tmp_path / "experiment.yaml")
    assert (code, " waiting" in said) == (0, True)


# --- clean


@pytest.fixture
def finished(experiment):
    """The files of an experiment, and what restarts would go on from."""
    finish(experiment)
    layout = experiment.layout
    put(layout.store("m", "lift", 0) / "mini-gsm.short.key.1-of-1.jsonl", "x" * 2_000_000)
    put(layout.store("m", "lift", 0) / "all-lock")
    put(layout.resume(layout.run("m", "lift", 0)) / "key/checkpoint-4/optimizer.pt", "x" * 1_000_000)
    put(layout.log("of a method that is no more"))
    put(layout.timing("runs/m/lift/seed0"))
    return layout


def all_files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def clean(finished, lift_command, monkeypatch):
    """Exit code, output and errors of `lift clean`, given an answer; whether something is gone."""

    def run(*arguments, answer=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        before = all_files(finished.folder)
        code, said, errors = lift_command("clean", finished.folder, *arguments)
        return code, said + errors, before != all_files(finished.folder)

    return run


def test_what_is_not_needed_any_more_goes(experiment, finished, clean):
    results = {path for one in jobs(experiment) for path in one.outputs}
    code, said, gone = clean("--yes")
    assert (code, gone) == (0, True)
    assert "3.0 MB could go" in said
    assert "store of answers (.answers): 2 files, 2.0 MB" in said
    left = all_files(finished.folder)
    assert left == results | {finished.log("of a method that is no more"), finished.timing("runs/m/lift/seed0")}
    assert {path.name for path in finished.folder.iterdir()}.isdisjoint({".answers", ".resume"})
    assert clean("--yes")[1:] == (f"{finished.folder}: 0.0 MB could go\n", False)


@pytest.mark.parametrize("answer, goes", [("y\n", True), ("yes\n", True), ("n\n", False), ("\n", False)])
def test_it_asks_first(clean, answer, goes):
    code, said, gone = clean(answer=answer)
    assert (code, gone) == (0, goes)
    assert "Remove them? [y/N]" in said


def test_where_nobody_answers_nothing_goes(clean):
    code, said, gone = clean()
    assert (code, gone, "--yes" in said) == (2, False, True)


def test_never_while_a_job_runs(experiment, finished, clean):
    """Also one of a method that the config does not know yet."""
    for folder in (job(experiment, "decode", "m, lift, seed 0").alone, finished.resume(finished.run("m", "new", 3))):
        with lock.alone(folder):
            code, said, gone = clean("--yes")
            assert (code, gone, "A job runs in" in said) == (2, False, True)


def test_never_of_an_unfinished_experiment(experiment, clean):
    (experiment.layout.run("m", "lift", 1) / "run.json").unlink()
    code, said, gone = clean("--yes")
    assert (code, gone, "it lacks finetune m, lift, seed 1; nothing" in said) == (2, False, True)
