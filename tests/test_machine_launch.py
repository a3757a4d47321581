"""Processes that share the work of a job: how many, and which GPU each takes."""

import os
import sys

import pytest

from lift.errors import InputError
from lift.machine import device, launch

CARDS = ["GPU-a", "GPU-b", "GPU-c"]


@pytest.fixture
def launched(monkeypatch):
    """What is launched in place of processes, on a machine with three cards, all of them free."""
    calls = []
    monkeypatch.setattr(launch, "visible_gpus", lambda: CARDS)
    monkeypatch.setattr(launch, "claim", lambda kind, count: calls.append((kind, count)))
    monkeypatch.setattr(launch, "launch", lambda processes, arguments: calls.append((processes, arguments)))
    monkeypatch.setattr(sys, "argv", ["lift", "decode"])
    return calls


@pytest.mark.parametrize(
    "shards, kind, gpus, processes",
    [
        *((1, "cpu", 0, 1), (3, "cpu", 0, 3), (1, "cuda", 1, 1)),
        *((2, "cuda", 2, 2), (4, "cuda", 4, 3), (4, "cuda", 2, 2), (4, "cuda", 1, 1), (4, "cuda", None, 3)),
    ],
)
def test_as_many_as_shards_or_as_gpus_that_may_be_taken(launched, shards, kind, gpus, processes):
    assert launch.in_shards(shards, kind, gpus) == processes
    assert launched == ([(kind, processes), (processes, ["decode"])] if processes > 1 else [])


def test_without_a_gpu_the_job_itself_says_so(launched, monkeypatch):
    monkeypatch.setattr(launch, "visible_gpus", list)
    assert launch.in_shards(4, "cuda", 4) == 1
    assert launched == []
    monkeypatch.undo()
    monkeypatch.setattr(device, "visible_gpus", list)
    with pytest.raises(InputError, match="no NVIDIA GPU"):
        launch.own_device("cuda")


def test_each_of_several_sees_its_own_card(launched, monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "3", "LOCAL_RANK": "1", "CUDA_VISIBLE_DEVICES": "0"}.items():
        monkeypatch.setenv(name, value)
    assert launch.share() == (0, 1)  # a cluster may set such names for ends of its own
    monkeypatch.setattr(launch, "launched", lambda: True)
    assert launch.in_shards(8, "cuda", 1) == 3  # as many as there are, whatever is said
    launch.own_device("cuda")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-b"
    assert launch.share() == (1, 3)
    assert not launch.first()
    assert launched == []
