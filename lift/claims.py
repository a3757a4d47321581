"""The paper's claims, decided by the results of one experiment. The rule stands in config/claims.yaml."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jsonschema
import numpy as np
import pandas as pd
import yaml
from scipy import stats

from lift.comparisons import Scores, by_method, paired, step_of
from lift.decoded_step import untrained
from lift.errors import InputError
from lift.intervals import LEVEL, Difference, difference
from lift.token_words import by_word, split_by_frequency

_SIDES = {"expect": {"enum": ["above", "below", "within"]}, "points": {"type": "number", "exclusiveMinimum": 0}}
_METHODS = {
    "method": {"type": "string"},
    "against": {"type": "string"},
    "over": {"enum": ["average", "contests-others"]},
}
_STATISTIC = {"enum": ["confidence", "gold_probability", "accuracy"]}
_WORDS = {"statistic": _STATISTIC, "from": {"type": "number"}, "to": {"type": "number"}}


def _comparison(properties: dict, *needed: str) -> dict:
    return {"properties": properties | _SIDES, "required": [*needed, "expect"], "additionalProperties": False}


SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["says", "where", "comparisons"],
        "additionalProperties": False,
        "properties": {
            "says": {"type": "string"},
            "where": {"type": "string"},
            "comparisons": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "if": {"required": ["statistic"]},
                    "then": _comparison(_WORDS, "statistic", "from", "to"),
                    "else": _comparison(_METHODS, "method", "against"),
                    "allOf": [
                        {"if": {"properties": {"expect": {"const": "within"}}}, "then": {"required": ["points"]}},
                    ],
                },
            },
        },
    },
}


def read(path: Path) -> dict:
    """The claims in a file, checked. Raises InputError that lists its mistakes."""
    try:
        claims = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {error}") from None
    mistakes = [
        f"{path}: {'.'.join(map(str, error.absolute_path)) or 'top level'}: {error.message}"
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(claims)
    ]
    if mistakes:
        raise InputError("\n".join(mistakes))
    return claims


def words_fade(statistics: pd.DataFrame, quantity: str, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """How far a quantity falls from one masking level to another, for each rare and for each frequent word.

    statistics: of lift.token_statistics. Raises KeyError where a level was not measured.
    """
    words = by_word(statistics)
    frequent, rare = split_by_frequency(words)
    levels = sorted(set(words["level"]))
    near = [next((level for level in levels if abs(level - wanted) < 1e-6), None) for wanted in (start, end)]
    if None in near:
        raise KeyError(start if near[0] is None else end)
    wide = words.pivot(index="word", columns="level", values=quantity)
    fall = wide[near[0]] - wide[near[1]]
    return fall[rare].to_numpy(), fall[frequent].to_numpy()


class _Prepared(NamedTuple):
    """A comparison that can be made: its interval at a level, over how many problems or words, and seeds, and a note on
    methods whose weights are the base's."""

    at: Callable[[float], Difference]
    n: int
    seeds: int
    note: str = "-"


def _of_words(statistics: pd.DataFrame, comparison: dict) -> _Prepared:
    """The mean over rare words minus that over frequent ones, by Welch's t interval."""
    rare, frequent = words_fade(statistics, comparison["statistic"], comparison["from"], comparison["to"])
    test = stats.ttest_ind(rare, frequent, equal_var=False)
    value = float(rare.mean() - frequent.mean())
    return _Prepared(
        lambda level: Difference(value, *test.confidence_interval(level), float(test.pvalue)),
        len(rare) + len(frequent),
        0,
    )


def _of_methods(methods: dict[str, dict[str, Scores]], comparison: dict) -> _Prepared:
    """The difference of two methods. Raises KeyError where a method or a benchmark is missing."""
    first, second = methods[comparison["method"]], methods[comparison["against"]]
    if first.keys() != second.keys():
        raise KeyError("benchmark")
    parts = [paired(first[name], second[name]) for name in first]
    if comparison.get("over") == "contests-others":
        is_contest = [scores.metric.startswith("pass@") for scores in first.values()]
        contests, others = sum(is_contest), len(parts) - sum(is_contest)
        if not contests or not others:
            raise KeyError("contests")
        weights = [1 / contests if contest else -1 / others for contest in is_contest]
    else:
        weights = [1 / len(parts)] * len(parts)
    count = sum(part.shape[1] for part in parts)
    note = untrained({comparison[key]: step_of(methods[comparison[key]]) for key in ("method", "against")})
    return _Prepared(lambda level: difference(parts, weights, level), count, len(parts[0]), note)


def verdict(result: Difference, expect: str, points: float = 0.0) -> str:
    """held, not held or undecided, by where the interval lies; points: of `within`, in the unit of the result."""
    low, high = result.low, result.high
    if expect == "within":
        if -points <= low and high <= points:
            return "held"
        return "not held" if low > points or high < -points else "undecided"
    if expect == "below":
        low, high = -high, -low
    return "held" if low > 0 else "not held" if high < 0 else "undecided"


def overall(verdicts: list[str]) -> str:
    """Of a claim, from those of its comparisons."""
    if "not held" in verdicts:
        return "not held"
    return next((kind for kind in ("not run", "undecided") if kind in verdicts), "held")


def _name(comparison: dict) -> str:
    if "statistic" in comparison:
        levels = f"t = {comparison['from']:.2f} to {comparison['to']:.2f}"
        return f"fall of {comparison['statistic'].replace('_', ' ')}, {levels}: rare - frequent words"
    over = {"average": "average", "contests-others": "contests - others"}[comparison.get("over", "average")]
    return f"{comparison['method']} - {comparison['against']}, {over}"


def _expected(comparison: dict) -> str:
    return {"above": "above 0", "below": "below 0", "within": f"within {comparison.get('points', 0):g} points"}[
        comparison["expect"]
    ]


def decide(claims: dict, problems: pd.DataFrame, statistics: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a comparison of each claim, model and answer length; differences of scores and probabilities in points.

    problems: problem_scores.parquet; statistics: the token statistics by model.
    """
    scores = by_method(problems)
    places = [place for place in scores if any(method != "guess" for method in scores[place])]
    of_statistics = [(model, "-") for model in dict.fromkeys(model for model, _ in places)]  # these know no length

    def prepare(comparison: dict, place: tuple) -> _Prepared | None:
        try:
            if "statistic" in comparison:
                return _of_words(statistics[place[0]], comparison)
            return _of_methods(scores[place], comparison)
        except KeyError:
            return None

    cases = [
        (claim, comparison, place, prepare(comparison, place))
        for claim, entry in claims.items()
        for comparison in entry["comparisons"]
        for place in (of_statistics if "statistic" in comparison else places)
    ]
    level = 1 - (1 - LEVEL) / max(1, sum(prepared is not None for *_, prepared in cases))
    rows = []
    for claim, comparison, (model, length), prepared in cases:
        row = {"claim": claim, "says": claims[claim]["says"], "where": claims[claim]["where"]}
        row |= {"comparison": _name(comparison), "expected": _expected(comparison), "model": model, "length": length}
        if prepared is None:
            rows.append(row | {"measured": "-", "n": "-", "seeds": "-", "note": "-", "verdict": "not run"})
            continue
        result = prepared.at(level)
        points = [100 * value for value in (result.value, result.low, result.high)]
        row |= {"measured": "{:+.1f} [{:+.1f}, {:+.1f}]".format(*points)}
        row |= {"n": prepared.n, "seeds": prepared.seeds or "-", "note": prepared.note}
        rows.append(row | {"verdict": verdict(result, comparison["expect"], comparison.get("points", 0) / 100)})
    table = pd.DataFrame(rows)
    table["claim verdict"] = table.groupby(["claim", "model"])["verdict"].transform(lambda part: overall(list(part)))
    return table
