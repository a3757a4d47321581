"""Answers that are kept: shards and restarts give the same files."""

import json

import pytest
import yaml

from lift.miniature.benchmarks import mini_gsm
from tests.conftest import ROOT

SHIPPED = ROOT / "lift" / "miniature" / "weights"
DECODERS = {
    "greedy": {"gen_length": 16, "block_length": 8, "steps": 4, "batch_size": 3},
    "sampled": {"gen_length": 16, "block_length": 8, "threshold": 0.9, "cache": "dual", "temperature": 0.9}
    | {"batch_size": 4},
}


@pytest.fixture
def decode(lift_command, tmp_path):
    """`lift decode` of seven problems, three samples each, with a store and an output folder of their own."""
    benchmark = tmp_path / "mini-gsm.jsonl"
    benchmark.write_text("".join(json.dumps(problem) + "\n" for problem in mini_gsm.problems(size=7)))
    decoding = json.dumps({"mini-gsm": {"decoders": DECODERS, "samples": 3}})

    def run(name, *arguments, store="store"):
        output = tmp_path / name
        code, _, error = lift_command(
            *("decode", "--model", SHIPPED, "--benchmarks", benchmark, "--decoding", decoding, "--seed", 3),
            *("--store", tmp_path / store, "--output", output, *arguments),
        )
        assert code == 0, error
        return output, error

    return run


def generations(folder):
    return {name: (folder / name / "mini-gsm.jsonl").read_bytes() for name in DECODERS}


def test_shards_give_the_same_answers(decode, tmp_path):
    whole, bar = decode("whole")
    assert "mini-gsm.sampled: 100%" in bar
    assert "21/21" in bar
    for part in (2, 1, 3):
        folder, _ = decode(f"part{part}", "--shard", f"{part}/3", store="shared")
        assert [path.name for path in folder.iterdir()] == ["run.json"]
    lines = {path.name.split(".")[-2]: path.read_text().split() for path in (tmp_path / "shared").glob("*sampled*")}
    assert set(lines) == {"1-of-3", "2-of-3", "3-of-3"}
    before = sorted((path.name, path.read_bytes()) for path in (tmp_path / "shared").glob("*.jsonl"))
    gathered, _ = decode("gathered", *("--parts", tmp_path / "part1/run.json"), store="shared")
    assert generations(gathered) == generations(whole)
    assert sorted((path.name, path.read_bytes()) for path in (tmp_path / "shared").glob("*.jsonl")) == before
    costs = json.loads((gathered / "run.json").read_text())["costs"]
    expected = json.loads((whole / "run.json").read_text())["costs"]
    for ours, theirs in zip(costs, expected, strict=True):
        assert ours["seconds"] > 0
        assert {k: v for k, v in ours.items() if k != "seconds"} == {k: v for k, v in theirs.items() if k != "seconds"}


def test_a_restart_computes_what_is_missing(decode, tmp_path):
    whole, _ = decode("whole")
    (store,) = (tmp_path / "store").glob("*greedy*")
    lines = store.read_text().splitlines(keepends=True)
    store.write_text("".join(lines[:3]) + lines[3][:40])  # cut off in the fourth line
    again, bar = decode("again")
    assert generations(again) == generations(whole)
    done = len(json.loads(lines[1])["answers"]) * 2  # after the first, empty line
    assert f"{done}/21" in bar


def test_samples_are_addressed_by_their_problem(decode, tmp_path):
    """Other batches, other company: the same text for the same problem and sample."""
    whole, _ = decode("whole")
    rows = [json.loads(line) for line in generations(whole)["sampled"].splitlines()]
    assert len({row["text"] for row in rows}) > 10
    for decoder in DECODERS.values():
        decoder["batch_size"] += 3
    try:
        assert generations(decode("other", store="other")[0]) == generations(whole)
    finally:
        for decoder in DECODERS.values():
            decoder["batch_size"] -= 3


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_impossible_shards(lift_command, capsys, tmp_path, text):
    with pytest.raises(SystemExit):
        lift_command("decode", "--model", SHIPPED, "--shard", text)
    assert f"{text!r} is not I/N" in capsys.readouterr().err


def test_the_decoder_knows_every_key_of_the_schema():
    from dataclasses import fields

    from lift.decode.decoder import Decoder

    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    keys = set(schema["properties"]["decoders"]["additionalProperties"]["properties"])
    assert keys - {"batch_size"} == {field.name for field in fields(Decoder)}
