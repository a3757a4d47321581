"""Making the base again: an interrupted run goes on to the same weights."""

import pytest
import torch
from safetensors.torch import load_file

from lift.miniature import pretraining

PHASES = [{"steps": 4, "learning_rate": 0.01}, {"steps": 2, "learning_rate": 0.005, "weights": {"mini-gsm": 1.0}}]


class KilledError(Exception):
    """Stands for a process that ends in the middle."""


@pytest.mark.parametrize("family", ["llada", "Dream"])
def test_an_interrupted_run_goes_on(tmp_path, monkeypatch, family):
    size = {"hidden_size": 16, "layers": 2, "heads": 2}
    settings = {"family": family, "phases": PHASES, "batch_size": 4, "save_every": 2, **size}
    pretraining.pretrain(tmp_path / "whole", tmp_path / "a", **settings)
    original = pretraining.make_batch

    def dying(tokenizer, seed, step, batch_size, weights):
        if step == 5:
            raise KilledError
        return original(tokenizer, seed, step, batch_size, weights)

    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "make_batch", dying)
        with pytest.raises(KilledError):
            pretraining.pretrain(tmp_path / "resumed", tmp_path / "b", **settings)
    record = pretraining.pretrain(tmp_path / "resumed", tmp_path / "b", **settings)
    assert record["step"] == 6
    assert list(record["loss"]) == ["2", "4", "6"]
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
