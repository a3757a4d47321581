"""Making the base again: an interrupted run goes on to the same weights."""

import pytest
import torch
from safetensors.torch import load_file

from lift.errors import InputError
from lift.miniature import pretraining
from lift.miniature.muon import Muon, orthogonalize

RECIPE = {"steps": 6, "learning_rate": 0.01, "upper_share": 0.5, "batch_size": 4}


class KilledError(Exception):
    """Stands for a process that ends in the middle."""


@pytest.mark.parametrize("family", ["llada", "Dream", "a2d-qwen3"])
def test_an_interrupted_run_goes_on(tmp_path, monkeypatch, family):
    size = {"hidden_size": 16, "layers": 2, "heads": 2}
    settings = {"family": family, "save_every": 2, **RECIPE, **size}
    pretraining.pretrain(tmp_path / "whole", tmp_path / "a", **settings)
    original = pretraining.make_batch

    def dying(tokenizer, seed, step, batch_size, upper_share):
        if step == 5:
            raise KilledError
        return original(tokenizer, seed, step, batch_size, upper_share)

    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "make_batch", dying)
        with pytest.raises(KilledError):
            pretraining.pretrain(tmp_path / "resumed", tmp_path / "b", **settings)
    kept = tmp_path / "b/4/optimizer.safetensors"
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match=f"{kept} has other content than was written: remove {tmp_path}/b to"):
        pretraining.pretrain(tmp_path / "resumed", tmp_path / "b", **settings)
    kept.write_bytes(content)
    record = pretraining.pretrain(tmp_path / "resumed", tmp_path / "b", **settings)
    assert record["step"] == 6
    assert list(record["loss"]) == ["2", "4", "6"]
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize("stop", [4, 5, 6])  # in the first round, at its end, in the second
def test_a_second_round_has_its_own_rate_and_share_and_is_gone_on_with(tmp_path, monkeypatch, stop):
    then = {"steps": 4, "learning_rate": 0.02, "upper_share": 0.25}
    settings = {"save_every": 2, **RECIPE, "steps": 5, "hidden_size": 16, "layers": 2, "heads": 2, "then": then}
    original, seen = pretraining.make_batch, []

    def noted(tokenizer, seed, step, batch_size, upper_share):
        if len(seen) == stop and not noted.died:
            noted.died = True
            raise KilledError
        seen.append((step, upper_share))
        return original(tokenizer, seed, step, batch_size, upper_share)

    noted.died = True
    monkeypatch.setattr(pretraining, "make_batch", noted)
    record = pretraining.pretrain(tmp_path / "whole", tmp_path / "a", **settings)
    assert seen == [(step, 0.5) for step in range(5)] + [(step, 0.25) for step in range(5, 9)]
    assert record["settings"]["then"] == then
    seen.clear()
    noted.died = False
    with pytest.raises(KilledError):
        pretraining.pretrain(tmp_path / "resumed", tmp_path / "b", **settings)
    pretraining.pretrain(tmp_path / "resumed", tmp_path / "b", **settings)
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_micro_batches_of_like_length_have_the_gradient_of_the_whole(tmp_path, monkeypatch):
    settings = {"save_every": 1, **RECIPE, "steps": 1, "hidden_size": 16, "layers": 2, "heads": 2}
    pretraining.pretrain(tmp_path / "parts", tmp_path / "a", **settings | {"batch_size": 12})
    monkeypatch.setattr(pretraining, "MICRO_BATCH", 12)
    pretraining.pretrain(tmp_path / "whole", tmp_path / "b", **settings | {"batch_size": 12})
    parts, whole = (load_file(tmp_path / name / "1/optimizer.safetensors") for name in ("a", "b"))
    assert any(path.endswith("momentum_buffer") for path in whole)
    for path, value in whole.items():
        torch.testing.assert_close(parts[path], value, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)])
def test_muon_is_torchs_in_single_precision(shape):
    """torch's own multiplies in bfloat16: the same to its rounding, over steps with momentum and weight decay."""
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for _ in range(3)]
    ours, theirs = ([torch.nn.Parameter(p.clone()) for p in start] for _ in range(2))
    optimizers = Muon(ours, lr=0.02, weight_decay=0.1), torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1)
    for _ in range(5):
        for mine, its in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(shape, generator=generator)
            its.grad = mine.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=5 * 0.02 * 0.03)


def test_orthogonalised_matrices_have_singular_values_near_one():
    matrices = torch.randn((5, 12, 30), generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrices))
    assert values.min() > 0.6
    assert values.max() < 1.3
