"""Random numbers with an address: uniform, independent, and the same wherever and whenever they are asked for."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lift import noise

KEYS = torch.tensor([noise.key("test", i) for i in range(8)])
EXTREMES = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63)])


def split_mix_64(state):
    """The published generator (Steele, Lea and Flood 2014), in whole numbers modulo 2^64."""
    while True:
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        yield z ^ z >> 31


def expected_uniform(key, count):
    return [((z >> 12) + 0.5) / 2**52 for z in itertools.islice(split_mix_64(key % 2**64), count)]


def test_the_reference_is_the_published_generator():
    """The first numbers of seed 1234567, as they are given for the reference implementation."""
    numbers = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert list(itertools.islice(split_mix_64(1234567), 4)) == numbers


@settings(deadline=None, max_examples=50)
@given(st.integers(-(2**63), 2**63 - 1))
def test_uniform_is_the_published_generator(key):
    assert noise.uniform(torch.tensor([key]), 20)[0].tolist() == expected_uniform(key, 20)


def test_shape_and_type():
    numbers = noise.uniform(KEYS, 3, 5)
    assert numbers.shape == (8, 3, 5)
    assert numbers.dtype == torch.float64
    assert torch.equal(numbers.view(8, 15), noise.uniform(KEYS, 15))


@pytest.mark.parametrize("key", [*KEYS.tolist(), *EXTREMES.tolist(), *noise.subkey(KEYS[:3], 0).tolist()])
def test_numbers_are_uniform(key):
    numbers = noise.uniform(torch.tensor([key]), 50_000)[0].numpy()
    assert 0 < numbers.min() < 1e-3
    assert 1 - 1e-3 < numbers.max() < 1
    assert numbers.mean() == pytest.approx(1 / 2, abs=0.005)
    assert numbers.var() == pytest.approx(1 / 12, abs=0.002)
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert len(np.unique(numbers)) == len(numbers)


def test_neighbours_in_a_stream_are_uncorrelated():
    numbers = noise.uniform(KEYS, 20_000).numpy()
    for lag in (1, 2, 16):
        for row in numbers:
            assert abs(np.corrcoef(row[:-lag], row[lag:])[0, 1]) < 0.03


@pytest.mark.parametrize(
    "keys",
    [
        KEYS,
        torch.arange(8),  # keys that differ in few bits
        torch.stack([noise.subkey(KEYS[:1], i)[0] for i in range(8)]),
        torch.cat([KEYS[:2], noise.subkey(KEYS[:2], 0), noise.subkey(noise.subkey(KEYS[:2], 0), 0)]),
    ],
    ids=["keys", "close keys", "subkeys", "a key and its subkeys"],
)
def test_streams_are_uncorrelated(keys):
    numbers = noise.uniform(keys, 20_000).numpy()
    correlations = np.corrcoef(numbers) - np.eye(len(keys))
    assert np.abs(correlations).max() < 0.03
    assert len(np.unique(numbers)) == numbers.size


def test_first_numbers_of_many_keys_are_uniform():
    """A batch takes few numbers from each of many keys: these must be uniform and uncorrelated across keys."""
    keys = torch.tensor([noise.key("test", i) for i in range(5000)])
    first, second = noise.uniform(keys, 2).numpy().T
    other = noise.uniform(noise.subkey(keys, 0), 1)[:, 0].numpy()
    for numbers in (first, second, other):
        assert stats.kstest(numbers, "uniform").pvalue > 1e-3
        assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.06
    assert np.abs(np.corrcoef([first, second, other]) - np.eye(3)).max() < 0.06


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 60), st.integers(0, 60))
def test_first_numbers_do_not_depend_on_how_many_are_asked_for(few, more):
    assert torch.equal(noise.uniform(KEYS, few + more)[:, :few], noise.uniform(KEYS, few))


def test_numbers_do_not_depend_on_the_rest_of_the_batch_or_on_what_ran_before():
    numbers, subkeys = noise.uniform(KEYS, 10), noise.subkey(KEYS, 3)
    torch.manual_seed(1)
    order = torch.tensor([5, 0, 7])
    assert torch.equal(noise.uniform(KEYS[order], 10), numbers[order])
    assert torch.equal(noise.subkey(KEYS[order], 3), subkeys[order])


def test_keys_are_the_same_in_every_process():
    """A change here changes every result: the numbers are written down once."""
    assert noise.key("finetune", 0, 1) == -8875383719035876971


@settings(deadline=None, max_examples=100)
@given(*[st.lists(st.one_of(st.integers(), st.text()), max_size=4)] * 2)
def test_different_addresses_have_different_keys(address, other):
    assert (noise.key(*address) == noise.key(*other)) == (address == other)
    assert -(2**63) <= noise.key(*address) < 2**63


def test_numbers_and_their_text_are_different_addresses():
    assert len({noise.key(1, 2), noise.key("1", 2), noise.key(12), noise.key("1, 2"), noise.key((1, 2))}) == 5
