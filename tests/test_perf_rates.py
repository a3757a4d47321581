"""How the rate of each method is chosen from scores."""

import pandas as pd
import pytest

from tests.conftest import ROOT


@pytest.fixture
def rates(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "perf")
    import rates

    return rates


RATES = {"sft-at-1e-3": 1e-3, "sft-at-3e-3": 3e-3, "lift3-at-1e-3": 1e-3, "lift3-at-3e-3": 3e-3}


def table(rates, points):
    return rates.averages(pd.DataFrame(points, index=["0", "1"]).T, RATES)


def test_the_best_mean_over_the_seeds_is_chosen_for_each_method(rates):
    points = {"sft-at-1e-3": [1, 1], "sft-at-3e-3": [5, -4], "lift3-at-1e-3": [0, 0], "lift3-at-3e-3": [-1, 2]}
    found = table(rates, points)
    assert found["mean"].tolist() == [1, 0.5, 0, 0.5]
    assert rates.choose(found) == {"sft": 1e-3, "lift3": 3e-3}


def test_of_two_equal_means_the_lower_rate_is_chosen(rates):
    points = {"sft-at-3e-3": [1, 3], "sft-at-1e-3": [2, 2], "lift3-at-1e-3": [0, 1], "lift3-at-3e-3": [1, 0]}
    assert rates.choose(table(rates, points)) == {"sft": 1e-3, "lift3": 1e-3}


def test_a_name_without_a_rate_is_an_error(rates):
    with pytest.raises(ValueError, match=r"sft: .*-at-"):
        rates.averages(pd.DataFrame({"0": [1.0]}, index=["sft"]), {"sft": 1e-3})
