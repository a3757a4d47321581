"""Intervals of published differences, against statsmodels, and the page that holds them."""

import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep

from lift.config import configuration
from lift.errors import InputError
from lift.plan import published_comparisons
from lift.plan.published_comparisons import bonett_price, compare, newcombe
from lift.scores import reported
from tests.conftest import ROOT


@pytest.mark.parametrize("first, second, n", [(5, 2, 30), (0, 0, 30), (30, 1, 30), (1070, 1031, 1319)])
def test_unpaired_is_statsmodels(first, second, n):
    expected = confint_proportions_2indep(first, n, second, n, method="newcomb", compare="diff")
    assert newcombe(first / n, second / n, n) == pytest.approx(expected, abs=1e-9)


def test_paired_is_about_the_t_interval_of_many_differences():
    differences = [1] * 120 + [-1] * 80 + [0] * 1800
    expected = stats.t.interval(0.95, 1999, 0.02, stats.sem(differences))
    assert bonett_price(120, 80, 2000) == pytest.approx(expected, abs=5e-4)


def test_no_disagreement_is_no_certainty():
    low, high = bonett_price(0, 0, 30)
    assert low == -high
    assert high > 0.05


def published(**values):
    rows = [{"value": value, "method": method} for method, value in values.items()]
    facts = {"model": "m", "benchmark": "aime24", "length": None, "metric": "pass@16", "source": "a paper"}
    return pd.DataFrame(rows).assign(**facts)


def test_each_method_is_compared_with_those_before_it():
    made = compare(published(lift3=16.7, base=3.3, sft=6.7), {"aime24": 30})
    assert made[["method", "reference", "solved", "by_reference"]].values.tolist() == [
        ["sft", "base", 2, 1],
        ["lift3", "base", 5, 1],
        ["lift3", "sft", 5, 2],
    ]
    assert made["best_p"].tolist() == pytest.approx([mcnemar([[0, b], [0, 0]], exact=True).pvalue for b in (1, 4, 3)])
    assert (made["low"] < made["best_low"]).all()


def test_what_cannot_be_compared_is_named():
    with pytest.raises(InputError, match="benchmark aime24, whose size"):
        compare(published(base=3.3, sft=6.7), {})
    with pytest.raises(InputError, match="No two methods"):
        compare(published(base=3.3), {"aime24": 30})


def test_the_page_is_what_the_published_numbers_give():
    configs = [configuration.load_config(ROOT / "config" / name) for name in ("paper.yaml", "code.yaml")]
    table = compare(reported.read(ROOT / "config/reported.csv"), published_comparisons.sizes(configs))
    page = (ROOT / "docs/published.md").read_text()
    assert page == published_comparisons.page(table)
    assert "| lift3 - sft  | 5 and 2 of 30 " in page
