"""Shared fixtures: tiny checkpoints in the published layouts and values that the public release computed on them."""

import functools
import gc
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lift.models import checkpoint
from lift.models.predictor import MaskPredictor

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"
TINY = {  # the family of each small checkpoint there, tiny_<name>
    "llada": "llada",
    "dream": "Dream",
    "a2d_qwen2": "a2d-qwen2",
    "a2d_qwen3": "a2d-qwen3",
    "open_dcoder": "open-dcoder",
    "coda": "CoDA",
    "illada": "illada",
}


def tiny(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> MaskPredictor:
    """A small checkpoint of tests/golden."""
    return checkpoint.load(GOLDEN / f"tiny_{name}", device, dtype, TINY[name])


@pytest.fixture(autouse=True, scope="session")
def threads():
    """One, since tests run in parallel; LIFT_TEST_THREADS=2 looks whether they hold with more."""
    torch.set_num_threads(int(os.environ.get("LIFT_TEST_THREADS", "1")))


def pytest_collection_modifyitems(config, items):
    """What takes longest first: with several processes, nobody should wait for it.

    What is run by hand is skipped unless it is asked for.
    """
    gc.freeze()  # all libraries are there by now, and stay
    for item in items:
        if item.get_closest_marker("cluster") and "cluster" not in config.option.markexpr:
            item.add_marker(pytest.mark.skip(reason="by hand: pytest -m cluster"))
    slow = {item.path for item in items if item.get_closest_marker("dag")}
    items.sort(
        key=lambda item: (not item.path.name.startswith(("test_cluster", "test_workflow")), item.path not in slow)
    )


@pytest.fixture(scope="session")
def golden():
    """Load a golden file by its stem."""
    return lambda stem: load_file(GOLDEN / f"{stem}.safetensors")


@pytest.fixture(scope="session")
def tiny_llada():
    return checkpoint.load(GOLDEN / "tiny_llada")


@pytest.fixture(scope="session")
def tiny_dream():
    return checkpoint.load(GOLDEN / "tiny_dream")


@pytest.fixture(scope="session")
def tiny_model():
    """Load a small checkpoint by its name in TINY, once."""
    return functools.cache(tiny)


@pytest.fixture(scope="session")
def tiny_llada_shifted():
    """LLaDA's weights read with Dream's shift."""
    model = checkpoint.load(GOLDEN / "tiny_llada")
    model.shift = True
    return model


@pytest.fixture
def lift_command(monkeypatch, capsys):
    """`python -m lift ...` in this process: its exit code, what it printed, and what it printed as errors."""
    from lift.__main__ import main

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lift", *map(str, arguments)])
        return main(), *capsys.readouterr()

    return run
