"""Checkpoints in LLaDA's and Dream's layouts: logits as the published code computes them, and clear refusals."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from lift import models
from lift.errors import InputError
from tests.conftest import GOLDEN


@pytest.mark.parametrize("name", ["llada", "dream"])
def test_logits(golden, name):
    g = golden(f"{name}_logits")
    model = models.load(GOLDEN / f"tiny_{name}")
    with torch.no_grad():
        logits = model(g["input_ids"], torch.ones_like(g["input_ids"], dtype=torch.bool)).view_as(g["logits"])
    expected = g["logits"]
    if model.shift:  # the golden logits are unshifted
        expected = torch.cat([expected[:, :1], expected[:, :-1]], dim=1)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("left", [True, False])
def test_padding_changes_nothing(golden, name, left):
    ids = golden(f"{name}_logits")["input_ids"]
    model = models.load(GOLDEN / f"tiny_{name}")
    padding = torch.full((3, 5), model.pad_id)
    padded = torch.cat([padding, ids] if left else [ids, padding], dim=1)
    real = torch.zeros_like(padded, dtype=torch.bool)
    inside = slice(5, None) if left else slice(None, -5)
    real[:, inside] = True
    with torch.no_grad():
        alone = model(ids, torch.ones_like(ids, dtype=torch.bool))
        beside = model(padded, real, real)
    first = torch.zeros_like(ids, dtype=torch.bool)
    first[:, 0] = model.shift and left  # position 0 has no predecessor to be predicted from
    keep = ~first.flatten()
    torch.testing.assert_close(beside[keep], alone[keep], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["llada", "dream"])
@pytest.mark.parametrize("window", [slice(0, 5), slice(8, 16), slice(20, 24)])
@pytest.mark.parametrize("padded", [False, True])
def test_a_window_has_the_logits_of_the_whole(golden, name, window, padded):
    ids = golden(f"{name}_logits")["input_ids"]
    model = models.load(GOLDEN / f"tiny_{name}")
    real = None
    if padded:
        real = torch.arange(24) >= torch.tensor([0, 3, 7])[:, None]
    with torch.no_grad():
        whole = model(ids, torch.ones_like(ids, dtype=torch.bool), real).view(3, 24, -1)
        part = model.window_logits(ids, window, real)
    torch.testing.assert_close(part, whole[:, window], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name, family", [("tiny_llada", "llada"), ("tiny_dream", "Dream")])
def test_save_restores_the_published_layout(tmp_path, name, family):
    models.save(models.load(GOLDEN / name), family, tmp_path)
    original, written = (load_file(folder / "model.safetensors") for folder in (GOLDEN / name, tmp_path))
    assert original.keys() == written.keys()
    assert all(torch.equal(original[key], written[key]) for key in original)
    models.load(tmp_path)


def test_refusals(tmp_path):
    with pytest.raises(InputError, match=r"config.json does not exist"):
        models.load(tmp_path)
    shutil.copytree(GOLDEN / "tiny_llada", tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())

    def with_config(**changes):
        (tmp_path / "m/config.json").write_text(json.dumps(config | changes))

    with_config(model_type="gpt2")
    with pytest.raises(InputError, match="'gpt2'; known are llada, Dream"):
        models.load(tmp_path / "m")
    with_config(n_layers=3)
    with pytest.raises(InputError, match=r"weights are missing, the first is 'model.layers.2"):
        models.load(tmp_path / "m")
    with_config(mlp_hidden_size=100)
    with pytest.raises(InputError, match="has shape"):
        models.load(tmp_path / "m")
    with_config(alibi=True)
    with pytest.raises(InputError, match="alibi is True"):
        models.load(tmp_path / "m")
