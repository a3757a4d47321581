"""Statistics by token and level, against a version that keeps every masked token in a list."""

import json
import re
import shutil
import subprocess
import sys
import time

import datasets
import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from safetensors import safe_open

from lift import noise
from lift.errors import InputError
from lift.models.forward_process import Batch
from lift.statistics.passes import make_batches
from lift.statistics.sums import QUANTITIES, UNIT, Accumulator, accumulate, gather
from lift.statistics.words import split_by_frequency
from tests.conftest import ROOT, TINY
from tests.stage_config import HERE, TRAINING, write_config

VOCABULARY, MASK, PAD = 160, 159, 158
LEVELS = [0.2, 0.9]
SHIPPED = ROOT / "lift" / "miniature" / "weights"
PASSES = 20
LIFT = [sys.executable, "-m", "lift"]


@pytest.fixture(scope="module")
def corpus():
    """Ten sequences of different length, as (ids, prompt length); some tokens are frequent."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(12, 40, 10)
    return [((rng.zipf(1.5, n) - 1) % PAD, int(rng.integers(1, 8))) for n in lengths]


def make_batch(corpus, indices):
    width = max(len(corpus[i][0]) for i in indices)
    ids = [[*corpus[i][0].tolist(), *[PAD] * (width - len(corpus[i][0]))] for i in indices]
    prompts, lengths = [corpus[i][1] for i in indices], [len(corpus[i][0]) for i in indices]
    return Batch(torch.tensor(ids), torch.tensor(prompts), torch.tensor(lengths), score_padding=False)


def run(model, corpus, batches):
    accumulator = Accumulator(LEVELS, VOCABULARY)
    for indices in batches:
        accumulate(model, make_batch(corpus, indices), indices, LEVELS, accumulator)
    return accumulator.sums.numpy()


def random_batches(count=6):
    """(level, gold, logits) of batches of different size, one of them empty; logits that often find the true token."""
    generator = torch.Generator().manual_seed(0)
    for i in range(count):
        size = 0 if i == 2 else 20 + i
        gold = torch.randint(0, 30, (size,), generator=generator)
        logits = 2 * torch.randn(size, VOCABULARY, generator=generator)
        logits[torch.arange(size), gold] += 4
        yield i % 2, gold, logits


def naive(batches):
    """Means by (level, token) from a list of every token that was masked."""
    rows = []
    for level, gold, logits in batches:
        for token, row in zip(gold.tolist(), logits.double().numpy(), strict=True):
            probability = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
            right = float(row.argmax() == token)
            rows.append((LEVELS[level], token, 1, probability.max(), probability[token], right))
    table = pd.DataFrame(rows, columns=["level", "token", *QUANTITIES])
    means = dict.fromkeys(QUANTITIES, "mean") | {"count": "sum"}
    return table.groupby(["level", "token"]).agg(means).reset_index()


def test_table_is_that_of_a_list_of_all_tokens():
    accumulator = Accumulator(LEVELS, VOCABULARY)
    for level, gold, logits in random_batches():
        accumulator.add(level, gold, logits)
    words = [f"word{i}" for i in range(VOCABULARY)]
    accumulator.count(torch.arange(VOCABULARY).repeat_interleave(10 * torch.arange(VOCABULARY)))
    table = accumulator.table(words)
    expected = naive(random_batches())
    assert 0.2 < expected["accuracy"].mean() < 0.98
    assert table["word"].tolist() == [f"word{token}" for token in expected["token"]]
    assert table["frequency"].tolist() == (10 * expected["token"]).tolist()
    pd.testing.assert_frame_equal(table[expected.columns], expected, check_dtype=False, rtol=1e-5)


def test_memory_does_not_grow():
    accumulator = Accumulator(LEVELS, VOCABULARY)
    sums = accumulator.sums
    for level, gold, logits in random_batches(12):
        accumulator.add(level, gold, logits)
    assert accumulator.sums is sums
    assert sums.shape == (len(LEVELS), VOCABULARY, len(QUANTITIES))
    tensors = [value for value in vars(accumulator).values() if isinstance(value, torch.Tensor)]
    assert sum(tensor.numel() for tensor in tensors) == sums.numel() + VOCABULARY


def test_order_and_parts_do_not_change_a_bit():
    batches = list(random_batches(12))
    whole, parts = Accumulator(LEVELS, VOCABULARY), [Accumulator(LEVELS, VOCABULARY) for _ in range(3)]
    for level, gold, logits in batches:
        whole.add(level, gold, logits.clone())
    for number, (level, gold, logits) in enumerate(reversed(batches)):
        parts[number % 3].add(level, gold, logits)
    parts[2].merge(parts[0])
    parts[1].merge(parts[2])
    assert torch.equal(parts[1].sums, whole.sums)


def test_more_than_a_billion_tokens_fit():
    """Of one token at one level, each with certainty: the largest sum."""
    accumulator = Accumulator([1.0], 2)
    accumulator.add(0, torch.tensor([1]), torch.tensor([[-100.0, 100.0]]))
    accumulator.sums *= 2**31 - 1
    row = accumulator.table(["a", "b"]).iloc[0]
    assert (row["count"], row["confidence"], row["gold_probability"], row["accuracy"]) == (2**31 - 1, 1.0, 1.0, 1.0)


def test_sums_are_kept_with_what_is_known_of_them(tmp_path):
    accumulator = Accumulator(LEVELS, VOCABULARY)
    for level, gold, logits in random_batches():
        accumulator.add(level, gold, logits)
        accumulator.count(gold)
    accumulator.save(tmp_path / "new" / "sums.safetensors", done=7)
    again, facts = Accumulator.load(LEVELS, tmp_path / "new" / "sums.safetensors")
    assert facts == {"done": "7"}
    assert torch.equal(again.sums, accumulator.sums)
    assert torch.equal(again.frequency, accumulator.frequency)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sums.safetensors"]


def test_a_part_that_cannot_be_read_is_named(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        Accumulator(LEVELS, VOCABULARY).save(path, done=3)
    assert gather(LEVELS, [second, first]).levels == LEVELS
    second.write_bytes(b"nothing")
    with pytest.raises(InputError, match="second cannot be read"):
        gather(LEVELS, [first, second])


@pytest.mark.parametrize(
    "batches",
    [
        [[i] for i in range(10)],
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]],
        [[9, 0, 5], [7, 2], [1, 8, 3, 6, 4]],
    ],
    ids=["one by one", "in order", "shuffled"],
)
def test_sums_do_not_depend_on_the_batches(tiny_llada, corpus, batches):
    together = run(tiny_llada, corpus, [list(range(10))])
    apart = run(tiny_llada, corpus, batches)
    assert together[..., 0].sum() > 50
    np.testing.assert_array_equal(apart[..., 0], together[..., 0])
    np.testing.assert_allclose(apart[..., 1:3] / UNIT, together[..., 1:3] / UNIT, rtol=1e-4, atol=1e-4)


def test_only_the_response_is_masked_and_more_at_higher_levels(tiny_llada, corpus):
    counts = run(tiny_llada, corpus, [list(range(10))])[..., 0]
    response = np.bincount(np.concatenate([ids[prompt:] for ids, prompt in corpus]), minlength=VOCABULARY)
    assert (counts <= response).all()
    shares = counts.sum(1) / response.sum()
    assert shares == pytest.approx(LEVELS, abs=0.08)
    assert counts[:, [MASK, PAD]].sum() == 0


@pytest.mark.parametrize("name", TINY)
def test_everything_masked_at_level_one_gives_the_models_probabilities(tiny_model, name, corpus):
    model = tiny_model(name)
    accumulator = Accumulator([1.0], VOCABULARY)
    batch = make_batch(corpus, [0])
    accumulate(model, batch, [0], [1.0], accumulator)
    with torch.no_grad():
        noisy = batch.input_ids.masked_fill(batch.content, model.mask_id)
        probability = model.logits(noisy, batch.content, batch.real).softmax(-1)
    gold = batch.input_ids[batch.content]
    expected = np.zeros((2, VOCABULARY))
    for token, row in zip(gold.tolist(), probability.numpy(), strict=True):
        expected[:, token] += row.max(), row[token]
    np.testing.assert_array_equal(accumulator.sums[0, :, 0], np.bincount(gold.numpy(), minlength=VOCABULARY))
    np.testing.assert_allclose(accumulator.sums[0, :, 1:3].T / UNIT, expected, rtol=1e-5, atol=1e-5)


def test_another_address_has_another_mask(tiny_llada, corpus):
    """Passes over a corpus are told apart by their addresses."""
    batch = make_batch(corpus, list(range(10)))
    counts = []
    for addresses in (range(10), range(10, 20), range(10)):
        accumulator = Accumulator(LEVELS, VOCABULARY)
        accumulate(tiny_llada, batch, list(addresses), LEVELS, accumulator)
        counts.append(accumulator.sums[..., 0].numpy())
    assert (counts[0] != counts[1]).any()
    np.testing.assert_array_equal(counts[0], counts[2])
    assert noise.key("statistics", 0, 1) != noise.key("statistics", 1, 0)


# The stage, by its command line


@pytest.fixture(scope="module")
def tokenised():
    """A tokenised corpus of 30 examples for the shipped model."""
    rng = np.random.default_rng(1)
    rows = [{"input_ids": rng.integers(5, 60, 10 + i).tolist(), "prompt_length": 4} for i in rng.permutation(30)]
    return datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)})


def command(corpus, folder, *arguments, shards=1):
    """A command to be called in the folder, and the table that it makes."""
    settings = {"corpus": "c", "levels": [0.3, 0.8], "passes": PASSES, "batch_size": 4}
    training = TRAINING | {"max_length": 30}
    path, experiment = write_config(folder, statistics=settings, training=training, shards=shards)
    shutil.copytree(SHIPPED, experiment.layout.model("m"), dirs_exist_ok=True)
    corpus.save_to_disk(str(experiment.layout.tokenised("m", "c")))
    table = experiment.layout.statistics("m", "c")
    table.parent.mkdir(exist_ok=True)
    return ["statistics", "--config", str(path), "--model", "m", *arguments], table


@pytest.fixture(scope="module")
def whole(tokenised, tmp_path_factory):
    """The table of the whole corpus, made without a break."""
    folder = tmp_path_factory.mktemp("whole")
    arguments, table = command(tokenised, folder)
    subprocess.run([*LIFT, *arguments], cwd=folder, env=HERE, check=True)
    return table


def test_the_table_of_a_corpus(whole, tokenised):
    table = pd.read_parquet(whole)
    responses = [row["input_ids"][4:30] for row in tokenised["train"]]
    frequency = np.bincount(np.concatenate(responses))
    assert (table["frequency"] == frequency[table["token"]]).all()
    counts = table.groupby("level")["count"].sum()
    assert list(counts / (PASSES * frequency.sum())) == pytest.approx([0.3, 0.8], abs=0.05)
    assert (table["gold_probability"] <= table["confidence"]).all()
    assert not list(whole.parent.parent.glob(".resume/statistics/*/"))


@pytest.mark.dag
@pytest.mark.parametrize("shards", [1, 2])
def test_a_killed_run_makes_the_same_bytes(whole, tokenised, tmp_path, shards):
    """Killed with -9: processes that share the work end with the one that started them."""
    arguments, table = command(tokenised, tmp_path, "--save-seconds", "0", shards=shards)
    process = subprocess.Popen([*LIFT, *arguments], cwd=tmp_path, env=HERE, stderr=subprocess.DEVNULL)
    while not (kept := list(tmp_path.glob("results/tiny/.resume/statistics/*/*.safetensors"))):
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.001)
    children = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    assert not psutil.wait_procs(children, timeout=30)[1]
    with safe_open(kept[0], "pt") as file:
        done = int(file.metadata()["done"])
    steps = PASSES * 8 // shards
    assert 0 < done <= steps
    assert not table.exists()
    again = subprocess.run([*LIFT, *arguments], cwd=tmp_path, env=HERE, capture_output=True, text=True, check=True)
    assert re.search(rf"\d+ of {steps} batches found", again.stdout)
    assert table.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("results/tiny/.resume/statistics/*/"))
    record = json.loads(table.with_suffix(".json").read_text())
    assert record["processes"] == shards
    assert record["instructions"]
    if shards == 2:
        assert "2 processes share the work" in again.stdout
        sequences = 2 * PASSES * sum(len(batch) for batch in make_batches(tokenised["train"], 4)[::2])
        assert f"{sequences}/{sequences}" in again.stderr  # the bar of the first, which has every second batch


# Frequent and rare words


def table_of(frequencies, levels=(0.1, 0.5)):
    rows = [(level, word, count) for level in levels for word, count in frequencies.items()]
    return pd.DataFrame(rows, columns=["level", "word", "frequency"])


def test_quarters_of_the_words_by_frequency():
    table = table_of({word: 100 - 10 * i for i, word in enumerate("abcdefgh")})
    frequent, rare = split_by_frequency(table.sample(frac=1, random_state=0))
    assert (frequent, rare) == (["a", "b"], ["g", "h"])
    assert split_by_frequency(table, share=0.5) == (["a", "b", "c", "d"], ["e", "f", "g", "h"])


def test_only_words_of_letters_count():
    table = table_of({"so": 9, "7": 99, "+": 99, "<answer>": 99, "a1": 0, "we": 5, "the": 4, "odd": 1})
    assert split_by_frequency(table) == (["so"], ["odd"])


def test_only_words_that_were_masked_at_every_level_count():
    table = table_of({"so": 9, "we": 5, "the": 4, "odd": 2})
    extra = table_of({"once": 1, "often": 99}, levels=(0.5,))
    assert split_by_frequency(pd.concat([table, extra])) == (["so"], ["odd"])


def test_words_of_equal_frequency_have_a_fixed_order():
    table = table_of(dict.fromkeys("abcdefgh", 3))
    assert split_by_frequency(table) == split_by_frequency(table[::-1]) == (["a", "b"], ["g", "h"])


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_frequent_words_are_no_rarer_than_rare_ones(count):
    frequencies = {chr(97 + i % 26) * (1 + i // 26): (7 * i) % 11 for i in range(count)}
    frequent, rare = split_by_frequency(table_of(frequencies))
    assert len(frequent) == len(rare) == max(1, round(count / 4))
    assert min(frequencies[word] for word in frequent) >= max(frequencies[word] for word in rare)
    if count > 1:
        assert set(frequent).isdisjoint(rare)
