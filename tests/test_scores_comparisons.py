"""Comparisons over the same problems, and the claims that they decide."""

import numpy as np
import pandas as pd
import pytest

from lift.errors import InputError
from lift.scores import claims
from lift.scores.comparisons import compare
from lift.scores.intervals import Difference
from tests.conftest import ROOT

STATED = claims.read(ROOT / "config/claims.yaml")
CONTEST, TASK = ("contest", "pass@16"), ("task", "accuracy")


def scores(method, gain, seeds=3, problems=80, seed=0, benchmarks=(TASK, CONTEST)):
    """Problem scores of a method: what every method has by difficulty, its gain (by benchmark), and chance."""
    rng, parts = np.random.default_rng(seed), []
    for place, (benchmark, metric) in enumerate(benchmarks):
        difficulty = np.random.default_rng(place).uniform(0.2, 0.6, problems)
        for k in range(seeds):
            values = difficulty + (gain[place] if isinstance(gain, tuple) else gain) + rng.normal(0, 0.02, problems)
            facts = {"model": "m", "method": method, "run": method, "seed": k, "benchmark": benchmark, "decoder": "d"}
            facts |= {"step": None if method == "base" else 120, "gen_length": 48, "counts": True, "metric": metric}
            facts |= {"id": range(problems), "value": values}
            parts.append(pd.DataFrame(facts))
    return pd.concat(parts, ignore_index=True)


def table(**gains):
    return pd.concat([scores(method, gain, seed=i) for i, (method, gain) in enumerate(gains.items())])


def test_each_method_stands_beside_the_reference_on_each_benchmark_and_on_average():
    made = compare(table(sft=0.0, good=0.05, bad=-0.05, same=0.0), ["sft"], [])
    assert set(made["method"]) == {"good", "bad", "same"}
    assert list(made["benchmark"].unique()) == ["task", "contest", "average"]
    verdicts = made.groupby("method")["verdict"].unique().map(list)
    assert verdicts.to_dict() == {"bad": ["worse"], "good": ["better"], "same": [""]}
    average = made.query("method == 'good' and benchmark == 'average'").iloc[0]
    assert average["difference"] == pytest.approx(0.05, abs=0.005)
    assert (average["n"], average["seeds"], average["metric"]) == (160, 3, "mean")
    assert (made["p_corrected"] >= made["p"]).all()
    assert made["difference"].between(made["ci_low"], made["ci_high"]).all()


def test_there_may_be_several_references():
    made = compare(table(sft=0.0, good=0.05, best=0.10), ["sft", "good"], [])
    verdicts = made.query("benchmark == 'average'").set_index(["method", "reference"])["verdict"].to_dict()
    assert verdicts == {
        ("good", "sft"): "better",
        ("best", "sft"): "better",
        ("sft", "good"): "worse",
        ("best", "good"): "better",
    }


def test_nothing_is_better_by_luck_among_many():
    """Of thirty methods that are all the same, some look better by themselves; none by the corrected p-value."""
    every = [scores(name, 0.0, seeds=1, seed=i) for i, name in enumerate(["sft", *(f"m{i}" for i in range(30))])]
    made = compare(pd.concat(every), ["sft"], [])
    assert (made["p"] < 0.05).any()
    assert (made["verdict"] == "").all()


def test_the_untrained_model_is_compared_with_every_seed():
    both = pd.concat([scores("sft", 0.05), scores("base", 0.0, seeds=1, seed=9)])
    row = compare(both, ["sft"], []).query("benchmark == 'task'").iloc[0]
    assert (row["method"], row["seeds"]) == ("base", 3)
    assert row["difference"] == pytest.approx(-0.05, abs=0.01)


def test_other_problems_or_seeds_cannot_be_paired():
    with pytest.raises(InputError, match=r"a and sft on task.*different problems"):
        compare(pd.concat([scores("sft", 0.0), scores("a", 0.0, problems=79)]), ["sft"], [])
    with pytest.raises(InputError, match="seeds"):
        compare(pd.concat([scores("sft", 0.0), scores("a", 0.0, seeds=2)]), ["sft"], [])


def test_trained_methods_with_other_seeds_are_not_taken_for_one_answered_once():
    with pytest.raises(InputError, match="seeds"):
        compare(pd.concat([scores("sft", 0.0, seeds=1), scores("a", 0.0)]), ["sft"], [])


def test_a_missing_answer_is_named():
    every = pd.concat([scores("sft", 0.0), scores("a", 0.0)], ignore_index=True)
    with pytest.raises(InputError, match=r"m, a: .*contest"):
        compare(every.drop(index=every.index[-1]), ["sft"], [])


def test_two_checkpoints_of_a_run_are_one_row_of_the_pool():
    """Their seeds do the same to both: counted twice, seeds would seem to spread less."""
    every = [scores(name, 0.0, seed=i) for i, name in enumerate(["sft", "a", "b", "c"])]
    twin = scores("c", 0.0, seed=3).assign(method="c-last")
    without, with_twin = (compare(pd.concat(parts), ["sft"], []) for parts in (every, [*every, twin]))
    a = [made.query("method == 'a' and benchmark == 'average'").iloc[0] for made in (without, with_twin)]
    assert a[0]["ci_low"] == pytest.approx(a[1]["ci_low"])
    assert set(with_twin.query("method == 'c-last'")["seed_variance"]) == {"pooled over 4 methods"}
    assert set(compare(pd.concat([*every, twin]), ["c"], []).query("method == 'c-last'")["seed_variance"]) == {
        "pooled over 2 methods"
    }


def test_what_is_still_the_base_has_no_seeds_of_training():
    still = scores("gift", 0.0, seed=5).assign(step=0)
    made = compare(pd.concat([scores("sft", 0.0), scores("a", 0.0, seed=2), still]), ["sft"], [])
    assert set(made["seed_variance"]) == {"pooled over 2 methods"}


def test_without_cases_the_claims_are_an_empty_table():
    found = claims.cases(STATED, scores("guess", 0.0), {})
    assert list(claims.decide(STATED, found).columns)[:2] == ["claim", "says"]


def test_who_answers_only_some_benchmarks_has_no_average_and_guesses_are_left_out():
    part = pd.concat([scores("sft", 0.0), scores("a", 0.0, benchmarks=(TASK,)), scores("guess", 0.0)])
    made = compare(part, ["sft"], ["guess"])
    assert made[["method", "benchmark"]].values.tolist() == [["a", "task"]]


# ---- claims


def test_the_verdict_is_where_the_interval_lies():
    above, around, below = (Difference(v, v - 0.01, v + 0.01, 0.5) for v in (0.02, 0.0, -0.02))
    assert [claims.verdict(d, "above", 0.005) for d in (above, around, below)] == ["held", "undecided", "not held"]
    assert [claims.verdict(d, "below", 0.005) for d in (above, around, below)] == ["not held", "undecided", "held"]
    assert [claims.verdict(d, "alike", 0.02) for d in (above, around, below)] == ["undecided", "held", "undecided"]
    assert [claims.verdict(d, "alike", 0.005) for d in (above, around, below)] == ["not held", "undecided", "not held"]


def test_no_difference_that_would_matter_is_alike():
    around, small, wide = (
        Difference(0.0, -0.01, 0.01, 0.5),
        Difference(0.008, 0.001, 0.015, 0.5),
        Difference(0, -1, 1, 1),
    )
    for expect in ("above", "below"):
        assert claims.verdict(around, expect, 0.02) == "alike"
        assert claims.verdict(around, expect, 0.009) == "undecided"
        assert claims.verdict(wide, expect, 0.02) == "undecided"
    assert claims.verdict(small, "above", 0.02) == "held"  # small, but on the side that was claimed
    assert claims.verdict(small, "below", 0.02) == "not held"


def test_a_claim_is_as_good_as_its_comparisons():
    assert claims.overall(["held", "held"]) == "held"
    assert claims.overall(["held", "not held", "not run"]) == "not held"
    assert claims.overall(["held", "undecided"]) == "undecided"
    assert claims.overall(["held", "undecided", "not run"]) == "not run"
    assert claims.overall(["held", "alike"]) == "alike"
    assert claims.overall(["alike", "undecided"]) == "undecided"


def statistics(rare_end, frequent_end):
    """Words of two kinds, each with its confidence at t = 0.25 and at 2^-1/4."""
    rows = []
    for i in range(20):
        frequency, end = (1000 - i, frequent_end) if i < 10 else (20 - i, rare_end)
        for level, confidence in ((0.25, 0.9), (0.8408964152537145, end + 0.001 * i)):
            word = f"w{chr(97 + i)}"
            row = {"level": level, "token": i, "word": word, "frequency": frequency, "count": 10}
            rows.append(row | {"confidence": confidence, "gold_probability": confidence, "accuracy": 1.0})
    return pd.DataFrame(rows)


def decided(problems, words):
    return claims.decide(STATED, claims.cases(STATED, problems, {"m": words}))


def decide(problems, words):
    made = decided(problems, words)
    return made.drop_duplicates("claim").set_index("claim")["claim verdict"].to_dict()


def test_a_run_like_the_papers_holds_its_claims():
    problems = table(
        base=0.0,
        sft=-0.05,
        cart=-0.04,
        gift=-0.04,
        lift2=(0.02, 0.09),
        lift3=(0.10, 0.25),
        **{"lift3-h10": -0.05, "lift-easy": -0.01, "lift-hard": -0.02},
    )
    assert set(decide(problems, statistics(rare_end=0.1, frequent_end=0.5)).values()) == {"held"}


def test_a_run_unlike_the_papers_does_not():
    problems = table(
        base=0.0,
        sft=0.05,
        cart=0.0,
        gift=0.0,
        lift2=0.0,
        lift3=(-0.02, -0.09),
        **{"lift3-h10": 0.1, "lift-easy": 0.05, "lift-hard": 0.05},
    )
    assert set(decide(problems, statistics(rare_end=0.5, frequent_end=0.1)).values()) == {"not held"}


def test_what_was_not_run_is_said():
    verdicts = decide(table(base=0.0, sft=-0.05), statistics(0.1, 0.5).query("level < 0.5"))
    assert verdicts.pop("sft-does-not-help") == "held"
    assert set(verdicts.values()) == {"not run"}


def test_intervals_widen_with_the_number_of_comparisons():
    problems = table(base=0.0, sft=-0.05, lift3=0.0)
    one = {"says": "x", "where": "y", "comparisons": [{"method": "lift3", "against": "sft", "expect": "above"}]}
    few, many = (claims.cases(claims.Claims({f"c{i}": one for i in range(count)}), problems, {}) for count in (1, 8))
    assert (claims.level_of(few), claims.level_of(many)) == pytest.approx((0.95, 0.99375))
    narrow, wide = (found[0].at(claims.level_of(found)) for found in (few, many))
    assert narrow.high - narrow.low < wide.high - wide.low


def test_a_mistake_in_a_claim_is_named(tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text("claims: {a: {says: x, where: y, comparisons: [{method: lift3, agianst: sft, expect: above}]}}")
    with pytest.raises(InputError, match=r"a\.comparisons\.0.*against"):
        claims.read(path)
    path.write_text(
        "margin: 0\nclaims: {a: {says: x, where: y, comparisons: [{method: a, against: b, expect: within}]}}"
    )
    with pytest.raises(InputError, match=r"(?s)margin.*within|within.*margin"):
        claims.read(path)


def test_a_claim_that_stands_twice_is_named(tmp_path):
    path = tmp_path / "claims.yaml"
    one = "{says: x, where: y, comparisons: [{method: a, against: b, expect: above}]}"
    path.write_text(f"claims:\n  a: {one}\n  a: {one}\n")
    with pytest.raises(InputError, match=r"(?s)claims\.yaml.*'a' stands twice.*line 3"):
        claims.read(path)


def test_a_margin_is_a_number_and_no_method_is_compared_with_itself(tmp_path):
    path = tmp_path / "claims.yaml"
    one = "{a: {says: x, where: y, comparisons: [{method: lift3, against: lift3, expect: above}]}}"
    path.write_text(f"claims: {one}")
    with pytest.raises(InputError, match=r"claims\.a: lift3 is compared with itself"):
        claims.read(path)
    path.write_text("margin: .nan\nclaims: {}")
    with pytest.raises(InputError, match="margin: nan is no number"):
        claims.read(path)


def test_a_reference_that_is_not_there_is_named():
    with pytest.raises(InputError, match="no scores of the reference sfft"):
        compare(scores("sft", 0.0), ["sfft"], [])
