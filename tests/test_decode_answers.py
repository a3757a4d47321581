"""Answers that are kept: shards and restarts give the same files."""

import json
import shutil
import subprocess
import sys

import pytest
import yaml

from lift.miniature.benchmarks import mini_gsm
from tests.conftest import ROOT
from tests.stage_config import HERE, write_config

SHIPPED = ROOT / "lift" / "miniature" / "weights"
DECODERS = {
    "steps": {"gen_length": 16, "block_length": 8, "steps": 4, "temperature": 0.9, "batch_size": 3},
    "threshold": {"gen_length": 16, "block_length": 8, "threshold": 0.9, "cache": "dual", "temperature": 0.9}
    | {"batch_size": 4},
    "dream": {"gen_length": 16, "block_length": 16, "steps": 8, "schedule": "timesteps", "confidence": "entropy"}
    | {"temperature": 0.9, "top_p": 0.95, "confidence_temperature": 0.2, "batch_size": 5},
}


@pytest.fixture
def decode(lift_command, tmp_path, monkeypatch):
    """`lift decode` of seven problems, three samples each, in a folder with a store of its own.

    In this process, or with shards in several.
    """

    def run(name, shards=1):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        benchmarks = {"mini-gsm": {"decoder": list(DECODERS), "samples": 3, "size": 7}}
        path, experiment = write_config(folder, seeds=[3], decoders=DECODERS, benchmarks=benchmarks, shards=shards)
        layout = experiment.layout
        shutil.copytree(SHIPPED, layout.model("m"), dirs_exist_ok=True)
        layout.problems("mini-gsm").parent.mkdir(exist_ok=True)
        problems = mini_gsm.problems(size=7)
        layout.problems("mini-gsm").write_text("".join(json.dumps(problem) + "\n" for problem in problems))
        monkeypatch.chdir(folder)
        command = ["decode", "--config", str(path), "--model", "m", "--method", "base", "--seed", "3"]
        if shards == 1:
            code, _, error = lift_command(*command)
        else:
            whole = [sys.executable, "-m", "lift", *command]
            ended = subprocess.run(whole, env=HERE, capture_output=True, text=True, check=False)
            code, error = ended.returncode, ended.stdout + ended.stderr
        assert code == 0, error
        return layout.generations("m", "base", 3), error

    return run


def generations(folder):
    return {name: (folder / name / "mini-gsm.jsonl").read_bytes() for name in DECODERS}


@pytest.mark.dag
def test_shards_give_the_same_answers(decode, tmp_path):
    whole, bar = decode("whole")
    assert "mini-gsm.threshold: 100%" in bar
    assert "21/21" in bar
    gathered, bars = decode("shared", shards=2)
    assert generations(gathered) == generations(whole)
    assert "2 processes share the work" in bars
    assert "12/12" in bars  # of the first, with every second batch of four
    store = tmp_path / "shared/results/tiny/.answers/m/base/seed3"
    assert [path.name.partition(".")[2] for path in sorted(store.glob("*-of-*.json"))] == ["1-of-2.json", "2-of-2.json"]
    lines = {path.name.split(".")[-2]: path.read_text().split() for path in store.glob("*threshold*")}
    assert set(lines) == {"1-of-2", "2-of-2"}
    costs = json.loads((gathered / "run.json").read_text())["costs"]
    expected = json.loads((whole / "run.json").read_text())["costs"]
    for ours, theirs in zip(costs, expected, strict=True):
        assert ours["seconds"] > 0
        assert {k: v for k, v in ours.items() if k != "seconds"} == {k: v for k, v in theirs.items() if k != "seconds"}


def test_where_no_answer_is_missing_no_process_is_started(decode, tmp_path):
    """And what the record says of who answered is what they left."""
    whole, _ = decode("whole")
    before = generations(whole)
    (left,) = tmp_path.glob("whole/results/tiny/.answers/m/base/seed3/*.1-of-1.json")
    record = json.loads(left.read_text()) | {"gpu": "one card", "peak_memory_bytes": 2**50}
    for number, card in enumerate(("one card", "another", "one card")):
        left.with_name(f"{left.name.split('.')[0]}.{number}-of-9.json").write_text(json.dumps(record | {"gpu": card}))
    other = left.with_name("of-other-weights.1-of-1.json")
    other.write_text(json.dumps(record | {"gpu": "a third"}))
    shutil.rmtree(whole)
    again, said = decode("whole", shards=3)
    assert generations(again) == before
    assert "share the work" not in said
    record = json.loads((again / "run.json").read_text())
    assert (record["gpu"], record["peak_memory_bytes"]) == ("another and one card", 2**50)
    assert not other.exists()


def test_a_restart_computes_what_is_missing(decode, tmp_path):
    whole, _ = decode("whole")
    before = generations(whole)
    (store,) = tmp_path.glob("whole/results/tiny/.answers/m/base/seed3/*steps*.jsonl")
    lines = store.read_text().splitlines(keepends=True)
    store.write_text("".join(lines[:3]) + lines[3][:40])  # cut off in the fourth line
    again, bar = decode("whole")
    assert generations(again) == before
    done = len(json.loads(lines[1])["answers"]) * 2  # after the first, empty line
    assert f"{done}/21" in bar


def test_samples_are_addressed_by_their_problem(decode, tmp_path):
    """Other batches, other company: the same text for the same problem and sample."""
    whole, _ = decode("whole")
    rows = [json.loads(line) for line in generations(whole)["threshold"].splitlines()]
    assert len({row["text"] for row in rows}) > 10
    for decoder in DECODERS.values():
        decoder["batch_size"] += 3
    try:
        assert generations(decode("other")[0]) == generations(whole)
    finally:
        for decoder in DECODERS.values():
            decoder["batch_size"] -= 3


def test_the_decoder_knows_every_key_of_the_schema():
    from dataclasses import fields

    from lift.decode.settings import Decoder

    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    of_decoders = schema["properties"]["decoders"]["additionalProperties"]["properties"]
    keys = set(of_decoders)
    assert keys - {"batch_size"} == {field.name for field in fields(Decoder)}
    defaults = {key: one["default"] for key, one in of_decoders.items() if "default" in one and key != "batch_size"}
    assert defaults == {field.name: field.default for field in fields(Decoder) if field.name in defaults}
