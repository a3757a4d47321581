"""Files of a model folder: whatever is missing, broken or only a pointer is named, and what to do."""

import json
import shutil
import struct

import pytest

from lift.errors import InputError
from lift.models import checkpoint, model_files
from tests.conftest import ROOT

MODELS = ROOT / "tests/rehearsal/models"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 11423705\n"
INDEX, SHARD = "model.safetensors.index.json", "model-00002-of-00002.safetensors"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(MODELS / "llada", tmp_path / "model")


@pytest.mark.parametrize(
    "name", ["tests/rehearsal/models/llada", "tests/rehearsal/models/dream", "lift/miniature/weights"]
)
def test_whole_folders_are_whole(name):
    model_files.check_whole(ROOT / name)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"[]", b"null", b"{", b"7", POINTER, b"<html>404</html>", b"[" * 100_000, b"\xff\x00"),
        *(json.dumps({"weight_map": value}).encode() for value in (None, {}, [], "model.safetensors", {"a": None})),
        json.dumps({"weight_map": {"a": ["model.safetensors"]}}).encode(),
        json.dumps({"metadata": {"total_size": 7}}).encode(),
    ],
)
def test_a_broken_index_is_named(folder, content):
    (folder / INDEX).write_bytes(content)
    for read in (model_files.weight_files, model_files.check_whole, checkpoint.load):
        with pytest.raises(InputError, match=INDEX):
            read(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{}", POINTER, b"\x00" * 8, struct.pack("<Q", 10**15), b"PK\x03\x04" + b"x" * 99]
)
def test_broken_weights_are_named(folder, content):
    (folder / SHARD).write_bytes(content)
    for read in (model_files.weight_files, model_files.check_whole, checkpoint.load):
        with pytest.raises(InputError, match=SHARD):
            read(folder)


@pytest.mark.parametrize("kept", [1, 7, 9, 100, -1])
def test_cut_off_weights_are_named(folder, kept):
    (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:kept])
    with pytest.raises(InputError, match=rf"{SHARD} cannot be read: .* Fetch it again"):
        model_files.weight_files(folder)


@pytest.mark.parametrize("file", ["config.json", INDEX, SHARD, "tokenizer.json", "tokenizer_config.json"])
def test_what_is_missing_is_named(folder, file):
    (folder / file).unlink()
    if file == INDEX:
        file = "model.safetensors"
    with pytest.raises(model_files.MissingFileError, match=file):
        model_files.check_whole(folder)
    (folder / file).symlink_to(folder / "gone")
    with pytest.raises(
        model_files.MissingFileError, match=rf"{file} links to a file that is gone|there is no tokenizer"
    ):
        model_files.check_whole(folder)


def test_merges_belong_to_a_vocabulary(tmp_path):
    folder = shutil.copytree(MODELS / "dream", tmp_path / "model")
    (folder / "merges.txt").unlink()
    with pytest.raises(model_files.MissingFileError, match=r"merges.txt"):
        model_files.check_whole(folder)


def test_the_cause_and_what_to_do_are_said(folder):
    (folder / "config.json").write_bytes(POINTER)
    with pytest.raises(InputError, match=r"is a Git LFS pointer, not the file itself: fetch it with `git lfs pull`"):
        model_files.read_json(folder / "config.json")
    (folder / "config.json").write_text("[1]")
    with pytest.raises(InputError, match="holds no object but a list"):
        model_files.read_json(folder / "config.json")
