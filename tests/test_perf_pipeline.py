"""What is read from the records of a finished run."""

import json

import pytest

from tests.conftest import ROOT


@pytest.fixture
def pipeline(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "perf")
    import pipeline

    return pipeline


def test_jobs_and_what_they_waited_for(pipeline, tmp_path):
    metadata, timings = tmp_path / ".snakemake" / "metadata", tmp_path / "results/small/timings/runs"
    metadata.mkdir(parents=True)
    timings.mkdir(parents=True)

    def record(name, rule, stage, log, start, end):
        command = f"set -e; python -m lift {stage} --model x"
        facts = {"rule": rule, "shellcmd": command, "log": [log], "starttime": start, "endtime": end}
        (metadata / name).write_text(json.dumps(facts))

    record("best", "train", "finetune", "results/small/logs/runs/a.log", 100.0, 130.0)
    record("last", "train", "finetune", "results/small/logs/runs/a.log", 100.0, 130.0)  # the same job's other output
    record("b", "train", "finetune", "results/small/logs/runs/b.log", 110.0, 120.0)
    record("c", "tables", "tables", "results/small/logs/tables.log", 135.0, 136.0)
    record("d", "train", "finetune", "results/other/logs/runs/a.log", 0.0, 9.0)
    for name in "ab":
        (timings / f"{name}.tsv").write_text("s\tcpu_time\n30\t8.5\n")

    jobs = pipeline.read_jobs(tmp_path, "small")
    assert [(job.rule, job.stage, job.end - job.start, job.cpu) for job in jobs] == [
        ("train", "finetune", 30, 8.5),
        ("train", "finetune", 10, 8.5),
        ("tables", "tables", 1, None),
    ]
    assert pipeline.busy(jobs) == {1: 21, 2: 10, 0: 5}
    train, tables, total = pipeline.stage_rows(jobs, {"finetune": 5.0, "tables": 2.0})
    assert list(train.values()) == ["train", 2, "40", "17", "5.0", "25%"]
    assert list(tables.values()) == ["tables", 1, "1", "-", "2.0", "100%"]
    assert list(total.values()) == ["total", 3, "41", "-", "-", "27%"]


def test_start_up_is_that_of_a_stage(pipeline):
    assert 0 < pipeline.start_up("prepare-benchmark", repeats=1) < 60
