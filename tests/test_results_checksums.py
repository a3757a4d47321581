"""What was written is what is read: a file that was cut or flipped, is missing or came later, is named and not used."""

import hashlib
import json
import os
import shutil
import sys

import pandas as pd
import pytest
import torch

from lift import __main__, checksums
from lift.decode.answers import read_store
from lift.errors import InputError
from lift.models import snapshot
from lift.statistics.sums import Accumulator
from tests.conftest import ROOT
from tests.stage_config import TRAINING, write_config

LORA = {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj"]}
RUN = ("--model", "m", "--method", "lift", "--seed", "0")
BASE = ("--model", "m", "--method", "base", "--seed", "0")
GUESS = ("--model", "none", "--method", "guess", "--seed", "0")
STAGES = (  # of one experiment, up to the scores
    *("settings", "prepare-corpus --corpus c", "prepare-benchmark --benchmark mini-gsm", "base-model --model m"),
    *("tokenise --corpus c --model m", "statistics --model m", f"finetune {' '.join(RUN)}"),
    *(f"decode {' '.join(BASE)}", f"decode {' '.join(RUN)}", "guess"),
    *(f"judge {' '.join(place)}" for place in (BASE, RUN, GUESS)),
    *("problem-scores", "scores", "compare"),
)
WEIGHTS, ADAPTER = "models/m/model.safetensors", "runs/m/lift/seed0/best/adapter_model.safetensors"
ANSWERS, GRADES = "generations/m/lift/seed0/greedy/mini-gsm.jsonl", "grades/m/lift/seed0/greedy/mini-gsm.csv"
KINDS = (WEIGHTS, ADAPTER, "statistics/m-c.parquet", ANSWERS, GRADES, "scores.csv", "data/m/c/train/state.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which all stages of a small experiment were run."""
    folder = tmp_path_factory.mktemp("made")
    corpora = {"c": {"source": "mini-traces", "size": 12, "held_out": 2}}
    path, _ = write_config(folder, corpora=corpora, training=TRAINING | {"lora": LORA, "max_length": 120})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in STAGES:
            name, *arguments = stage.split()
            patch.setattr(sys, "argv", ["lift", name, "--config", str(path), *arguments])
            assert __main__.main() == 0, stage
    return folder


@pytest.fixture
def results(made, tmp_path, monkeypatch):
    """A copy of it to damage, the folder of its results; commands run there."""
    folder = shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(folder)
    return folder / "results/tiny"


@pytest.fixture
def stage(results, lift_command):
    """A stage's exit code and errors in that copy."""

    def run(name, *arguments):
        code, _, errors = lift_command(name, "--config", results.parents[1] / "experiment.yaml", *arguments)
        return code, errors

    return run


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path, place=-7, bit=0):
    """Another bit in one byte of a file: a weight's lowest, where the place is near the end."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def listed(text):
    found, heading = {}, None
    for line in text.splitlines()[1:]:
        if line.startswith("  "):
            found[heading].append(line.strip())
        else:
            heading = line.partition(" (")[0]
            found[heading] = []
    return found


@pytest.fixture
def verify(lift_command, capsys):
    """The exit code of `lift verify`, and the lines under each of its headings."""

    def run(folder):
        try:
            code, text, _ = lift_command("verify", folder)
        except SystemExit as end:
            code, text = end.code, capsys.readouterr().out
        return code, listed(text)

    return run


def test_every_file_of_every_stage_is_recorded(results, verify):
    assert verify(results) == (0, {})
    assert verify(results.parent) == (0, {})  # as the folder of several experiments


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_changed_or_is_missing_is_named(results, verify, name):
    whole, path = (results / name).read_bytes(), results / name
    for damage, said in ((cut, f"{len(whole) - 1:,} bytes, not the {len(whole):,}"), (flip, "other content")):
        path.write_bytes(whole)
        damage(path)
        code, found = verify(results)
        assert (code, list(found)) == (1, ["changed"])
        (line,) = found["changed"]
        assert line.startswith(f"{path}: ")
        assert said in line
    path.unlink()
    assert verify(results) == (1, {"missing": [str(path)]})
    path.write_bytes(whole)
    assert verify(results) == (0, {})


def test_a_file_that_nobody_recorded_is_named_apart(results, verify):
    extra = results / "runs/m/lift/seed0/best/other.safetensors"
    extra.write_text("mine")
    assert verify(results) == (0, {"without a record": [str(extra)]})


@pytest.mark.parametrize("damage", [cut, flip])
def test_damaged_base_weights_are_not_used(results, stage, damage):
    damage(results / WEIGHTS)
    for name, arguments in (("statistics", ("--model", "m")), ("finetune", RUN), ("decode", BASE)):
        code, errors = stage(name, *arguments)
        assert (code, "Traceback" in errors) == (2, False)
        assert f"results/tiny/{WEIGHTS}" in errors, name


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("name", [ADAPTER, ADAPTER.replace("model.safetensors", "config.json")])
def test_a_damaged_adapter_is_not_used(results, stage, damage, name):
    shutil.rmtree(results / ".answers")  # else nothing would be left to decode
    damage(results / name)
    code, errors = stage("decode", *RUN)
    assert (code, "Traceback" in errors) == (2, False)
    assert f"results/tiny/{name}" in errors
    assert "results/tiny/.checksums/runs/m/lift/seed0.json to use it as it is" in errors


def test_weights_without_their_record_are_used(results, stage):
    """As the message says: they are the user's own then."""
    flip(results / ADAPTER)
    (results / ".checksums/runs/m/lift/seed0.json").unlink()
    assert stage("decode", *RUN)[0] == 0


def test_an_edit_of_answers_and_of_grades_is_taken(results, stage, verify):
    """Only weights and what is kept for restarts are refused; what follows an edit is made of it."""
    lines = (results / ANSWERS).read_text().splitlines(keepends=True)
    (results / ANSWERS).write_text("".join(lines[:-1]) + lines[-1].replace('"ended": ', '"ended":  '))
    assert stage("judge", *RUN)[0] == 0
    grades = pd.read_csv(results / GRADES)
    grades["correct"] = 1
    grades.to_csv(results / GRADES, index=False)
    assert stage("problem-scores")[0] == stage("scores")[0] == 0
    scores = pd.read_csv(results / "scores.csv")
    assert (scores.loc[(scores["method"] == "lift") & (scores["metric"] == "accuracy"), "value"] == 1).all()
    assert [line.partition(":")[0] for line in verify(results)[1]["changed"]] == [
        str(results / ANSWERS),
        str(results / GRADES),
    ]


def test_a_batch_of_the_store_that_changed_is_computed_again(results, stage):
    (store,) = (results / ".answers/m/lift/seed0").glob("*.jsonl")
    whole, expected = read_store([store]), (results / ANSWERS).read_bytes()
    assert len(whole) >= 1
    content = store.read_bytes()
    for place in range(1, len(content), len(content) // 150):
        store.write_bytes(content)
        flip(store, place, bit=place % 8)
        assert all(whole[number] == batch for number, batch in read_store([store]).items()), place
    store.write_bytes(content.replace(b'"ended": true', b'"ended":  true').replace(b'"nfe": ', b'"nfe": 1'))
    assert read_store([store]) == {}
    assert stage("decode", *RUN)[0] == 0
    assert (results / ANSWERS).read_bytes() == expected


def test_sums_that_changed_are_not_gone_on_from(tmp_path):
    levels, path = [0.5, 1.0], tmp_path / "1.safetensors"
    sums = Accumulator(levels, 11)
    sums.count(torch.arange(11))
    sums.save(path, done=3)
    content = path.read_bytes()
    assert Accumulator.load(levels, path)[1] == {"done": "3"}
    for place in range(0, len(content), 7):
        path.write_bytes(content)
        flip(path, place, bit=place % 8)
        with pytest.raises(InputError, match=str(path)):
            Accumulator.load(levels, path)
    path.write_bytes(content[:-1])
    with pytest.raises(InputError, match=str(path)):
        Accumulator.load(levels, path)


def test_a_record_that_is_none_is_named(results, lift_command):
    (results / ".checksums/scores.csv.json").write_text("[1]")
    code, _, errors = lift_command("verify", results)
    assert code == 2
    assert ".checksums/scores.csv.json" in errors


def test_verify_needs_an_experiment(tmp_path, lift_command):
    code, _, errors = lift_command("verify", tmp_path)
    assert code == 2
    assert str(tmp_path) in errors


# --- weights in the hub's cache, which names them by their checksum


@pytest.fixture
def linked(tmp_path):
    """A model folder that links into a hub cache, recorded as the stage does; and the file that it links to."""
    files = {path.name: path.read_bytes() for path in (ROOT / "lift/miniature/weights").iterdir()}
    repository, root = tmp_path / "models--owner--name", tmp_path / "results"
    folder = repository / "snapshots" / ("c" * 40)
    folder.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for name, content in files.items():
        blob = repository / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (folder / name).symlink_to(blob)
    snapshot.link_snapshot(folder, "llada", root / "models/m")
    return root, root / "models/m", (folder / "model.safetensors").readlink()


def test_weights_of_the_hub_are_read_once(linked):
    root, folder, blob = linked
    checksums.record(root, [folder])
    checksums.check(folder)
    facts = blob.stat()
    flip(blob)
    with pytest.raises(InputError, match=r"models/m/model\.safetensors has other content"):
        checksums.check(folder)
    os.utime(blob, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # as if the disk had done it
    checksums.check(folder)
    record = checksums.record_file(root, folder)
    assert [fault.path.name for fault in checksums.differences(root, record, thorough=True)] == ["model.safetensors"]
    cut(blob)
    os.utime(blob, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(InputError, match="bytes, not the"):
        checksums.check(folder)


def test_weights_that_are_not_what_the_hub_says_are_not_linked(linked):
    root, folder, blob = linked
    flip(blob)
    with pytest.raises(InputError, match=f"{blob.name} is not what its name in the hub's cache says"):
        checksums.record(root, [folder])


def test_a_record_is_of_what_the_job_wrote(tmp_path):
    """Hidden files, such as Snakemake's, are in none; sizes and sums are those of the files."""
    (tmp_path / "a").mkdir()
    for name in ("a/x", "a/.hidden", "b"):
        (tmp_path / name).write_text(name)
    checksums.record(tmp_path, [tmp_path / "a", tmp_path / "b"])
    found = json.loads((tmp_path / ".checksums/a.json").read_text())
    expected = {name: {"size": len(name), "sha256": hashlib.sha256(name.encode()).hexdigest()} for name in ("a/x", "b")}
    assert found == expected
