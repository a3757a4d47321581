"""Statistics by token and level, against a version that keeps every masked token in a list."""

import numpy as np
import pandas as pd
import pytest
import torch

from lift import noise
from lift.forward_process import Batch
from lift.token_statistics import QUANTITIES, Accumulator, accumulate
from lift.token_words import split_by_frequency

VOCABULARY, MASK, PAD = 160, 159, 158
LEVELS = [0.2, 0.9]


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
    return accumulator.sums


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
    frequency = np.arange(VOCABULARY) * 10
    table = accumulator.table(frequency, words)
    expected = naive(random_batches())
    assert 0.2 < expected["accuracy"].mean() < 0.98
    assert table["word"].tolist() == [f"word{token}" for token in expected["token"]]
    assert table["frequency"].tolist() == (10 * expected["token"]).tolist()
    pd.testing.assert_frame_equal(table[expected.columns], expected, check_dtype=False, rtol=1e-5)


def test_memory_does_not_grow():
    accumulator = Accumulator(LEVELS, VOCABULARY)
    shape = accumulator.sums.shape
    assert shape == (len(LEVELS), len(QUANTITIES), VOCABULARY)
    for level, gold, logits in random_batches(12):
        accumulator.add(level, gold, logits)
    assert accumulator.sums.shape == shape
    arrays = [value for value in vars(accumulator).values() if isinstance(value, np.ndarray | torch.Tensor)]
    assert sum(array.size for array in arrays) == np.prod(shape)


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
    assert together[:, 0].sum() > 50
    np.testing.assert_array_equal(apart[:, 0], together[:, 0])
    np.testing.assert_allclose(apart, together, atol=1e-4)


def test_only_the_response_is_masked_and_more_at_higher_levels(tiny_llada, corpus):
    counts = run(tiny_llada, corpus, [list(range(10))])[:, 0]
    response = np.bincount(np.concatenate([ids[prompt:] for ids, prompt in corpus]), minlength=VOCABULARY)
    assert (counts <= response).all()
    shares = counts.sum(1) / response.sum()
    assert shares == pytest.approx(LEVELS, abs=0.08)
    assert counts[:, [MASK, PAD]].sum() == 0


def test_everything_masked_at_level_one_gives_the_models_probabilities(tiny_llada, corpus):
    accumulator = Accumulator([1.0], VOCABULARY)
    batch = make_batch(corpus, [0])
    accumulate(tiny_llada, batch, [0], [1.0], accumulator)
    with torch.no_grad():
        noisy = batch.input_ids.masked_fill(batch.content, MASK)
        probability = tiny_llada.logits(noisy, batch.content, batch.real).softmax(-1)
    gold = batch.input_ids[batch.content]
    expected = np.zeros((2, VOCABULARY))
    for token, row in zip(gold.tolist(), probability.numpy(), strict=True):
        expected[:, token] += row.max(), row[token]
    np.testing.assert_array_equal(accumulator.sums[0, 0], np.bincount(gold.numpy(), minlength=VOCABULARY))
    np.testing.assert_allclose(accumulator.sums[0, 1:3], expected, atol=1e-5)


def test_another_address_has_another_mask(tiny_llada, corpus):
    """Passes over a corpus are told apart by their addresses."""
    batch = make_batch(corpus, list(range(10)))
    counts = []
    for addresses in (range(10), range(10, 20), range(10)):
        accumulator = Accumulator(LEVELS, VOCABULARY)
        accumulate(tiny_llada, batch, list(addresses), LEVELS, accumulator)
        counts.append(accumulator.sums[:, 0])
    assert (counts[0] != counts[1]).any()
    np.testing.assert_array_equal(counts[0], counts[2])
    assert noise.key("statistics", 0, 1) != noise.key("statistics", 1, 0)


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
