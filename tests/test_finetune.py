"""Fine-tuning: what must not change the result, and what a run leaves behind."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import datasets
import peft
import psutil
import pytest
import torch
from safetensors.torch import load_file

from lift import noise
from lift.errors import InputError
from lift.finetune import interruption, measures, settings, stream, trainer
from lift.finetune.objectives import cart, gift, lift, loss_sum, vanilla
from lift.models import adapters, checkpoint
from lift.models.forward_process import Batch, Draws
from tests.conftest import GOLDEN, TINY, tiny
from tests.draws import GivenDraws
from tests.rounding import assert_equal_to_rounding
from tests.stage_config import HERE, write_config

LORA = {"r": 4, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj", "v_proj"]}
SETTINGS = settings.Settings(
    epochs=1,
    batch_size=8,
    micro_batch_size=8,
    devices=1,
    learning_rate=1e-2,
    weight_decay=0.1,
    max_grad_norm=1.0,
    warmup_steps=0,
    eval_steps=2,
    max_length=32,
    padding="max_length",
    score_padding=True,
    activation_checkpointing=False,
    lora=LORA,
)
OBJECTIVES = {
    "vanilla": vanilla.select,
    "cart": cart.select,
    "gift": gift.select,
    "lift2": functools.partial(lift.select, components=["easy", "hard"]),
    "lift3": lift.select,
    "lift3-complementary": functools.partial(lift.select, complementary=True),
}


@pytest.fixture(scope="module")
def corpus():
    generator = torch.Generator().manual_seed(0)

    def rows(count):
        for _ in range(count):
            prompt, response = torch.randint(3, 14, (2,), generator=generator).tolist()
            ids = torch.randint(0, 150, (prompt + response,), generator=generator).tolist()
            yield {"input_ids": [*ids, 158], "prompt_length": prompt}

    return datasets.DatasetDict(
        {name: datasets.Dataset.from_list(list(rows(n))) for name, n in (("train", 48), ("held_out", 6))}
    )


def run(corpus, folder, select=vanilla.select, name="llada", **changes):
    settings = replace(SETTINGS, **changes)
    facts = trainer.finetune(tiny(name), TINY[name], corpus, select, settings, 0, folder / "run", folder / "resume")
    log = [json.loads(line) for line in (folder / "run/log.jsonl").read_text().splitlines()]
    return facts, log, folder / "run"


def weights(run_folder, which="last"):
    return load_file(next((run_folder / which).glob("*.safetensors")))


@pytest.mark.parametrize("name, network", [*((o, "llada") for o in OBJECTIVES), *(("lift3", n) for n in TINY)])
@pytest.mark.parametrize("score_padding", [True, False])
@pytest.mark.parametrize("padding", ["max_length", "batch"])
def test_loss_and_gradient_do_not_depend_on_the_micro_batch(corpus, name, network, score_padding, padding):
    """The same global batch of 8, cut in micro-batches of 8 or of 1."""
    settings = replace(SETTINGS, score_padding=score_padding, padding=padding)
    examples = [corpus["train"][i] for i in range(8)]
    addresses = [noise.key(0, "train", i) for i in range(8)]
    width, results = stream.common_width(examples, settings), []
    for size in (8, 1):
        model = tiny(network).double()
        selections = []
        for start in range(0, 8, size):
            batch = stream.collate(examples[start : start + size], model.pad_id, settings, width)
            draws = Draws.at(torch.tensor(addresses[start : start + size]), batch.input_ids.shape[1])
            with torch.no_grad():
                selections.append(OBJECTIVES[name](model, batch, draws))
        denominator = sum(s.denominator for s in selections)
        loss = sum(loss_sum(model, s)[0] for s in selections) / denominator
        loss.backward()
        gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        results.append((loss.detach(), gradient))
    for one, other in zip(*results, strict=True):
        assert_equal_to_rounding(one, other)


@pytest.mark.parametrize("padding", ["max_length", "batch"])
def test_a_whole_run_does_not_depend_on_the_micro_batch(corpus, tmp_path, padding):
    _, log_8, run_8 = run(corpus, tmp_path / "8", lift.select, padding=padding)
    _, log_1, run_1 = run(corpus, tmp_path / "1", lift.select, padding=padding, micro_batch_size=1)
    for a, b in zip(log_8, log_1, strict=True):
        assert a.get("loss", 0) == pytest.approx(b.get("loss", 0), rel=1e-4)
        assert a.get("masked_tokens") == b.get("masked_tokens")
    for name, value in weights(run_8).items():
        assert_equal_to_rounding(value, weights(run_1)[name], roundings=2**14)  # over several updates of Adam


class KilledError(Exception):
    """Stands for a process that ends in the middle."""


@contextmanager
def death_at(monkeypatch, step):
    """The training process dies in a step."""
    original, steps = trainer.ObjectiveTrainer.compute_loss, iter(range(100))

    def dying(self, *args, **kwargs):
        if next(steps) == step:
            raise KilledError
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.ObjectiveTrainer, "compute_loss", dying)
        with pytest.raises(KilledError):
            yield


DROPOUT = LORA | {"dropout": 0.1}
NETWORKS = ("llada", "dream", "a2d_qwen3")  # Llama, Qwen2, and Qwen3 with a tied head


@pytest.mark.parametrize(
    "select, lora, dies_at, name",
    [
        (lift.select, DROPOUT, 1, "llada"),
        (gift.select, DROPOUT, 3, "llada"),
        (functools.partial(lift.select, scoring_dropout=True), DROPOUT, 3, "llada"),
        *((lift.select, lora, dies_at, name) for lora, dies_at in ((DROPOUT, 3), (None, 5)) for name in NETWORKS),
    ],
)
def test_a_killed_run_goes_on_to_the_same_weights(corpus, tmp_path, monkeypatch, select, lora, dies_at, name):
    _, whole_log, whole = run(corpus, tmp_path / "whole", select, name, lora=lora)
    with death_at(monkeypatch, dies_at):
        run(corpus, tmp_path / "killed", select, name, lora=lora)
    cut_off = tmp_path / "killed/resume/checkpoint-100"  # as if it had died while writing a checkpoint
    cut_off.mkdir()
    (cut_off / "trainer_state.json").write_text("{")
    _, log, killed = run(corpus, tmp_path / "killed", select, name, lora=lora)
    for which in ("best", "last"):
        expected, found = weights(whole, which), weights(killed, which)
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    strip = [{k: v for k, v in e.items() if "runtime" not in k and "per_second" not in k} for e in (*whole_log, *log)]
    assert strip[: len(whole_log) - 1] == strip[len(whole_log) : -1]


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "optimizer.pt", "trainer_state.json"])
def test_a_checkpoint_that_changed_is_not_gone_on_from(corpus, tmp_path, monkeypatch, capsys, name):
    """But from the one before, to the same weights."""
    _, _, whole = run(corpus, tmp_path / "whole")
    with death_at(monkeypatch, 5):
        run(corpus, tmp_path / "killed")
    path = tmp_path / "killed/resume/checkpoint-4" / name
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    _, _, killed = run(corpus, tmp_path / "killed")
    assert f"{path} has other content than was written: it is not gone on from" in capsys.readouterr().out
    for which in ("best", "last"):
        expected, found = weights(whole, which), weights(killed, which)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_best_weights_that_changed_end_the_run(corpus, tmp_path, monkeypatch):
    with death_at(monkeypatch, 5):
        run(corpus, tmp_path)
    path = tmp_path / "resume/best/adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"{path} has .* remove {tmp_path}/resume to have it made again"):
        run(corpus, tmp_path)


def the_same(one, other):
    """Two runs' logs, but for times, and weights."""
    (log, folder), (other_log, other_folder) = one, other
    timed = ("runtime", "per_second", "train_loss")
    strip = [[{k: v for k, v in e.items() if not any(t in k for t in timed)} for e in x] for x in (log, other_log)]
    assert strip[0] == strip[1]
    for which in ("best", "last"):
        expected, found = weights(folder, which), weights(other_folder, which)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize("told_in", [1, 3, 5])
def test_a_run_that_is_told_to_end_goes_on_from_that_update(corpus, tmp_path, monkeypatch, told_in):
    """SIGTERM between two lines of the log: a checkpoint there, exit code 143, and the same log and weights at last."""
    _, *whole = run(corpus, tmp_path / "whole", lift.select, lora=DROPOUT)
    original, steps = trainer.ObjectiveTrainer.compute_loss, iter(range(1, 100))

    def told(self, *args, **kwargs):
        if next(steps) == told_in:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.ObjectiveTrainer, "compute_loss", told)
        with pytest.raises(SystemExit) as end:
            run(corpus, tmp_path / "told", lift.select, lora=DROPOUT)
    assert end.value.code == 143
    assert not (tmp_path / "told/run").exists()
    assert (tmp_path / f"told/resume/checkpoint-{told_in}/trainer_state.json").is_file()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    _, *rest = run(corpus, tmp_path / "told", lift.select, lora=DROPOUT)
    the_same(whole, rest)


def test_checkpoints_come_by_the_clock_too(corpus, tmp_path, monkeypatch):
    """Killed in the sixth update, with evaluations every six: it goes on after the fifth."""
    _, *whole = run(corpus, tmp_path / "whole", lift.select, lora=DROPOUT, eval_steps=6)
    original, steps, firsts = trainer.ObjectiveTrainer.compute_loss, iter(range(1, 100)), []

    def dying(self, *args, **kwargs):
        if next(steps) == 6:
            raise KilledError
        return original(self, *args, **kwargs)

    def counting(self, *args, **kwargs):
        firsts.append(self.state.global_step)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(interruption, "SAVE_SECONDS", 0)
    monkeypatch.setattr(interruption, "SHARE", 0)
    monkeypatch.setattr(trainer.ObjectiveTrainer, "compute_loss", dying)
    with pytest.raises(KilledError):
        run(corpus, tmp_path / "killed", lift.select, lora=DROPOUT, eval_steps=6)
    monkeypatch.setattr(trainer.ObjectiveTrainer, "compute_loss", counting)
    _, *rest = run(corpus, tmp_path / "killed", lift.select, lora=DROPOUT, eval_steps=6)
    assert firsts == [5]
    the_same(whole, rest)


@pytest.mark.parametrize("name", TINY)
def test_what_a_run_leaves_behind(corpus, tmp_path, name):
    facts, log, folder = run(corpus, tmp_path, lift.select, name)
    assert facts["steps"] == 6
    losses = {entry["step"]: entry["eval_loss"] for entry in log if "eval_loss" in entry}
    assert list(losses) == [0, 2, 4, 6]
    assert facts["best_held_out_loss"] == min(losses.values())
    assert losses[facts["best_step"]] == min(losses.values())
    logged = [entry for entry in log if "loss" in entry]
    assert all(any(key.startswith("ce_level_") for key in entry) for entry in logged)
    assert all(entry["random"] + entry["easy"] + entry["hard"] == 16 for entry in logged)  # two updates of eight
    assert facts["masked_tokens"] == sum(entry["masked_tokens"] for entry in logged)

    # peft itself reads the adapter; merged, it gives the trained model's logits
    base, place = tiny(name), GOLDEN / f"tiny_{name}"
    ids = torch.arange(12)[None]
    where = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        before = base.logits(ids, where)
        merged = adapters.load_trained(place, folder / "last", "cpu", family=TINY[name]).logits(ids, where)
        base.network = peft.PeftModel.from_pretrained(base.network, str(folder / "last")).base_model.model
        adapted = base.eval().logits(ids, where)
    assert_equal_to_rounding(adapted, merged)
    assert not torch.allclose(before, merged, atol=1e-4)


@pytest.mark.parametrize("name", TINY)
def test_full_fine_tuning_writes_a_model(corpus, tmp_path, name):
    """A head that is tied stays so."""
    _, _, folder = run(corpus, tmp_path, name=name, lora=None)
    trained = adapters.load_trained(GOLDEN / f"tiny_{name}", folder / "best", "cpu", family=TINY[name])
    original = tiny(name)
    assert (trained.mask_id, trained.pad_id, trained.shift) == (original.mask_id, original.pad_id, original.shift)
    assert len(list(trained.parameters())) == len(list(original.parameters()))
    changed = [
        n for n, p in trained.network.named_parameters() if not torch.equal(p, original.network.get_parameter(n))
    ]
    assert len(changed) == len(list(trained.network.parameters()))


def test_held_out_loss_is_the_plain_sum(corpus, tiny_llada):
    """Vanilla at levels (i + 0.5) / n, whatever the batch size; against a loop over examples and positions."""
    n, total, count = len(corpus["held_out"]), 0.0, 0
    for i, example in enumerate(corpus["held_out"]):
        ids = example["input_ids"] + [tiny_llada.pad_id] * (32 - len(example["input_ids"]))
        level = (1 - 1e-3) * (i + 0.5) / n + 1e-3
        uniforms = noise.uniform(torch.tensor([noise.key("held-out", i)]), 32)[0]
        masked = [p for p in range(example["prompt_length"], 32) if uniforms[p] < level]
        noisy = torch.tensor([[tiny_llada.mask_id if p in masked else t for p, t in enumerate(ids)]])
        with torch.no_grad():
            log_p = tiny_llada.logits(noisy, torch.ones_like(noisy, dtype=torch.bool)).log_softmax(-1)
        total += sum(-log_p[p, ids[p]].item() for p in masked) / level
        count += 32 - example["prompt_length"]
    for size in (1, 4):
        loss, _ = measures.held_out_loss(tiny_llada, corpus["held_out"], replace(SETTINGS, micro_batch_size=size))
        assert loss == pytest.approx(total / count, rel=1e-5)


def test_the_stream_shuffles_every_epoch_and_repeats(corpus):
    examples = stream.Stream(corpus["train"], 96, seed=3)
    first = [examples[k]["example"]["input_ids"] for k in range(48)]
    second = [examples[k]["example"]["input_ids"] for k in range(48, 96)]
    everything = sorted(corpus["train"]["input_ids"])
    assert sorted(first) == sorted(second) == everything
    assert first != second
    assert stream.Stream(corpus["train"], 48, seed=3)[17] == examples[17]


def test_padding_is_scored_or_invisible(tiny_llada):
    ids = torch.tensor([[1, 2, 3, 4, 158, 158]])
    scored = Batch(ids, torch.tensor([2]), torch.tensor([4]))
    hidden = replace(scored, score_padding=False)
    draws = GivenDraws(torch.tensor([0.999]), torch.zeros(1, 6))
    assert vanilla.select(tiny_llada, scored, draws).kept.tolist() == [[False, False, True, True, True, True]]
    selection = vanilla.select(tiny_llada, hidden, draws)
    assert selection.kept.tolist() == [[False, False, True, True, False, False]]
    assert selection.denominator == 2
    assert selection.real.tolist() == [[True] * 4 + [False] * 2]


def command(corpus, folder, **changes):
    """Arguments of the command that fine-tunes on a corpus, to be called in the folder, and the run's folder."""
    training = {"corpus": "c", "checkpoint": "last"} | vars(SETTINGS) | {"micro_batch_size": 2} | changes
    path, experiment = write_config(folder, GOLDEN / "tiny_llada", training=training)
    corpus.save_to_disk(str(experiment.layout.tokenised("m", "c")))
    arguments = ["finetune", "--config", str(path), "--model", "m", "--method", "lift", "--seed", "0"]
    return arguments, experiment.layout.run("m", "lift", 0)


def assert_near(one, two):
    for which in ("best", "last"):
        expected, found = weights(one, which), weights(two, which)
        for name, value in expected.items():
            assert_equal_to_rounding(found[name], value, roundings=2**12)  # over several updates of Adam


@pytest.mark.dag
@pytest.mark.parametrize("score_padding", [True, False])
def test_two_processes_are_one(corpus, tmp_path, monkeypatch, lift_command, score_padding):
    """The command with two devices and with one: the same log and weights, and a record that says so."""
    logs, folders = [], []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        folder.mkdir()
        changes = {"score_padding": score_padding, "padding": "batch", "devices": devices}
        arguments, run = command(corpus, folder, **changes)
        monkeypatch.chdir(folder)
        code, _, errors = lift_command(*arguments)
        assert code == 0, errors
        assert json.loads((run / "run.json").read_text())["devices"] == devices
        assert not list(folder.glob("results/tiny/.resume/runs/*/*/*/"))
        logs.append([json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()])
        folders.append(run)
    for one, two in zip(*logs, strict=True):
        assert one.keys() == two.keys()
        assert one.get("masked_tokens") == two.get("masked_tokens")
        for name in ("loss", "eval_loss", "grad_norm"):
            assert one.get(name, 0) == pytest.approx(two.get(name, 0), rel=1e-4)
    assert_near(*folders)


@pytest.mark.dag
def test_two_processes_end_together_and_go_on(corpus, tmp_path):
    """Their launcher is told to end: no process is left, and the next one goes on from a checkpoint."""
    arguments, folder = command(corpus, tmp_path, devices=2, epochs=5, eval_steps=5)
    run = [sys.executable, "-m", "lift", *arguments]
    kept = "results/tiny/.resume/runs/m/lift/seed0/*/checkpoint-*/trainer_state.json"
    with subprocess.Popen(run, cwd=tmp_path, env=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as launcher:
        while not list(tmp_path.glob(kept)):
            assert launcher.poll() is None
            time.sleep(0.02)
        children = psutil.Process(launcher.pid).children(recursive=True)
        assert len(children) >= 2
        launcher.terminate()
        assert launcher.wait() == 143
    assert not psutil.wait_procs(children, timeout=30)[1]
    finished = subprocess.run(run, cwd=tmp_path, env=HERE, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    first = json.loads((folder / "log.jsonl").read_text().splitlines()[0])
    assert first["step"] == 0  # what was logged before stands in the log
    model, settings = (
        checkpoint.load(GOLDEN / "tiny_llada"),
        replace(SETTINGS, micro_batch_size=4, epochs=5, eval_steps=5),
    )
    trainer.finetune(model, "llada", corpus, lift.select, settings, 0, tmp_path / "one", tmp_path / "resume-one")
    assert_near(tmp_path / "one", folder)


@pytest.mark.dag
def test_a_process_that_fails_ends_the_stage(corpus, tmp_path):
    arguments, _ = command(corpus, tmp_path, devices=2)
    (tmp_path / "model/model.safetensors").unlink()
    run = [sys.executable, "-m", "lift", *arguments]
    finished = subprocess.run(run, cwd=tmp_path, env=HERE, capture_output=True, text=True)
    assert finished.returncode == 1
    assert "model.safetensors does not exist" in finished.stderr
    assert finished.stderr.splitlines()[-1].startswith("error: process ")


def test_other_than_the_said_number_of_processes_is_refused(corpus, tmp_path):
    with pytest.raises(InputError, match=r"in 1 process\(es\), but devices is 2"):
        run(corpus, tmp_path, devices=2, micro_batch_size=4)


@pytest.mark.parametrize("lora", [LORA | {"dropout": 0.3}, None])
@pytest.mark.parametrize("name", TINY)
def test_activation_checkpointing_changes_nothing(corpus, name, lora):
    """Loss and gradients are the same, dropout included, and every layer is computed again."""
    results = []
    for checkpointing in (False, True):
        model, calls = tiny(name), []

        def count(*_, calls=calls):
            calls.append(1)

        if lora:
            adapters.attach(model, lora, 0)
            for place, parameter in model.named_parameters():
                if "lora_B" in place:
                    torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
        else:
            model.network.requires_grad_(True)
        trainer.checkpoint_activations(model, checkpointing)
        for layer in model.network.model.layers:
            layer.mlp.register_forward_pre_hook(count)
        batch = stream.collate([corpus["train"][i] for i in range(8)], model.pad_id, SETTINGS, 32)
        selection = vanilla.select(model.train(), batch, Draws.at(torch.arange(8), 32))
        torch.manual_seed(0)
        loss, *_ = loss_sum(model, selection)
        loss.backward()
        assert len(calls) == (2 if checkpointing else 1) * len(model.network.model.layers)
        results.append([loss.detach(), *(p.grad for p in model.parameters() if p.requires_grad)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_invisible_padding_may_have_any_width(corpus, name):
    """Cut by length, each micro-batch as wide as its longest, against the whole at max_length."""
    settings = replace(SETTINGS, score_padding=False, micro_batch_size=2)
    every, results = stream.Stream(corpus["train"], 8, 0), []
    order = list(stream.ByLength(every, 8))
    lengths = [len(every[k]["example"]["input_ids"]) for k in order]
    assert sorted(order) == list(range(8))
    assert lengths == sorted(lengths, reverse=True)
    for size in (8, 2):
        model = checkpoint.load(GOLDEN / "tiny_llada").double()
        model.network.requires_grad_(True)
        selections = []
        for start in range(0, 8, size):
            items = [every[k] for k in order[start : start + size]]
            examples = [item["example"] for item in items]
            width = 32 if size == 8 else stream.common_width(examples, settings)
            batch = stream.collate(examples, model.pad_id, settings, width)
            with torch.no_grad():
                draws = Draws.at(torch.tensor([item["address"] for item in items]), width)
                selections.append(OBJECTIVES[name](model, batch, draws))
        if size == 2:
            assert sum(s.noisy.shape[1] for s in selections) < 4 * 32
        loss = sum(loss_sum(model, s)[0] for s in selections) / sum(s.denominator for s in selections)
        loss.backward()
        results.append((loss.detach(), torch.cat([p.grad.flatten() for p in model.parameters()])))
    for whole, cut in zip(*results, strict=True):
        assert_equal_to_rounding(whole, cut)  # in float64, but for rotary angles


def with_prompts(corpus, split, longer):
    """The corpus in which the first `longer` examples of a split have prompts of 40 tokens."""
    rows = list(corpus[split])
    for row in rows[:longer]:
        row["input_ids"], row["prompt_length"] = [*range(40), *row["input_ids"]], 40
    return datasets.DatasetDict({**corpus, split: datasets.Dataset.from_list(rows)})


@pytest.mark.parametrize("split, count", [("train", 48), ("held_out", 6)])
def test_a_split_without_a_response_is_refused_before_training(
    corpus, tmp_path, monkeypatch, lift_command, split, count
):
    arguments, run = command(with_prompts(corpus, split, count), tmp_path)
    monkeypatch.chdir(tmp_path)
    code, _, errors = lift_command(*arguments)
    assert code == 2
    assert f"none of the {count} examples of the split '{split}'" in errors
    assert "max_length 32" in errors
    assert not run.exists()


@pytest.mark.parametrize("prompt", [32, 33, 40])
def test_examples_without_a_response_are_left_out_and_counted(corpus, tmp_path, prompt):
    """A run on a corpus with such examples is the run on the corpus without them."""
    rows = list(corpus["train"])
    long = [{"input_ids": [7] * (prompt + 3), "prompt_length": prompt}] * 5
    mixed = {"train": [*long, *rows], "held_out": [*list(corpus["held_out"]), *long[:2]]}
    mixed = datasets.DatasetDict({name: datasets.Dataset.from_list(part) for name, part in mixed.items()})
    facts, log, _ = run(mixed, tmp_path / "mixed")
    expected, expected_log, _ = run(corpus, tmp_path / "plain")
    assert facts["left_out"] == {"train": 5, "held_out": 2}
    assert expected["left_out"] == {"train": 0, "held_out": 0}
    assert facts["examples"] == expected["examples"] == {"train": 48, "held_out": 6}
    assert [entry.get("loss") for entry in log] == [entry.get("loss") for entry in expected_log]
    assert facts["best_held_out_loss"] == expected["best_held_out_loss"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_run(corpus, tmp_path, value):
    """The third update's; the message names it and its examples."""

    def select(model, batch, draws):
        selection = vanilla.select(model, batch, draws)
        calls.append(len(batch.input_ids))
        if sum(calls) > 2 * SETTINGS.batch_size:
            selection.weight = selection.weight * value
        return selection

    calls = []
    with pytest.raises(InputError, match=r"update 3: the loss is (nan|inf), of the training examples \[\d+, "):
        run(corpus, tmp_path, select)
    assert not (tmp_path / "run").exists()


def test_a_held_out_loss_that_is_not_finite_stops_the_run(corpus, tmp_path):
    """It is never the lowest, so that the untrained model would be the best without a word."""
    with pytest.raises(InputError, match=r"update \d+: the (held-out )?loss is (nan|inf)"):
        run(corpus, tmp_path, learning_rate=1e30, max_grad_norm=1e30, lora=None)
