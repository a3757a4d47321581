"""How the signs of published differences are held against ours."""

import pandas as pd
import pytest

from lift.scores.intervals import Difference
from tests.conftest import ROOT


@pytest.fixture
def predictions(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "perf")
    import predictions

    return predictions


def test_a_published_difference_is_a_mean_over_lengths_then_benchmarks(predictions):
    rows = [
        ("base", "gsm8k", 128, 60),
        ("base", "gsm8k", 256, 70),
        ("sft", "gsm8k", 128, 62),
        ("sft", "gsm8k", 256, 74),
    ]
    rows += [("base", "math500", 128, 30), ("sft", "math500", 128, 25), ("base", "countdown", 128, 10)]
    published = pd.DataFrame(rows, columns=["method", "benchmark", "length", "value"]).assign(model=predictions.MODEL)
    assert predictions.published_difference(published, ("sft", "base"), ("gsm8k", "math500")) == pytest.approx(-1)
    assert predictions.published_difference(published, ("sft", "base"), ("gsm8k", "countdown")) is None
    assert predictions.published_difference(published, ("lift3", "base"), ("gsm8k", "math500")) is None


@pytest.mark.parametrize(
    "low, value, high, said",
    [(1, 2, 3, "yes"), (-3, -2, -1, "no"), (-1, 2, 5, "open (+)"), (-5, -2, 1, "open (-)")],
)
def test_signs_agree_only_where_ours_is_sure(predictions, low, value, high, said):
    assert predictions.agreement(0.3, Difference(value, low, high, 0.5)) == said
