"""The paper's claims, decided by the results of one experiment. The rule stands in config/claims.yaml."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pandas as pd
import yaml
from scipy import stats

from lift.errors import InputError
from lift.scores.comparisons import Comparison, plain_average, prepare
from lift.scores.decoded_step import untrained
from lift.scores.intervals import Difference, bonferroni, difference
from lift.scores.scores import Scores, by_method, step_of
from lift.statistics.words import by_word, split_by_frequency

MARGIN = 2.0  # points


def _object(needed: dict[str, dict], **others: dict) -> dict:
    """The schema of an object with these keys and no other."""
    keys = {"properties": needed | others, "required": list(needed), "additionalProperties": False}
    return {"type": "object"} | keys


_TEXT, _NUMBER, _EXPECT = {"type": "string"}, {"type": "number"}, {"enum": ["above", "below", "alike"]}
_STATISTIC = {"enum": ["confidence", "gold_probability", "accuracy"]}
_OF_WORDS = _object({"statistic": _STATISTIC, "from": _NUMBER, "to": _NUMBER, "expect": _EXPECT})
_OF_METHODS = _object(
    {"method": _TEXT, "against": _TEXT, "expect": _EXPECT}, over={"enum": ["average", "contests-others"]}
)
_COMPARISON = {"if": {"required": ["statistic"]}, "then": _OF_WORDS, "else": _OF_METHODS}
_COMPARISONS = {"type": "array", "minItems": 1, "items": _COMPARISON}
_CLAIM = _object({"says": _TEXT, "where": _TEXT, "comparisons": _COMPARISONS})
SCHEMA = _object(
    {"claims": {"type": "object", "additionalProperties": _CLAIM}}, margin=_NUMBER | {"exclusiveMinimum": 0}
)


class Claims(NamedTuple):
    """The claims by name, and the difference, in points, up to which methods are alike."""

    claims: dict[str, dict]
    margin: float = MARGIN


class _NoKeyTwice(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, where usually the last one counts."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(path: Path) -> Claims:
    """The claims in a file, checked. Raises InputError that lists its mistakes."""
    try:
        found = yaml.load(path.read_text(), _NoKeyTwice)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {error}") from None
    mistakes = [
        f"{path}: {'.'.join(map(str, error.absolute_path)) or 'top level'}: {error.message}"
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(found)
    ]
    if not mistakes:
        mistakes = [
            f"{path}: claims.{name}: {comparison['method']} is compared with itself."
            for name, entry in found["claims"].items()
            for comparison in entry["comparisons"]
            if comparison.get("method", "") == comparison.get("against")
        ]
        if not math.isfinite(found.get("margin", MARGIN)):
            mistakes.append(f"{path}: margin: {found['margin']} is no number of points.")
    if mistakes:
        raise InputError("\n".join(mistakes))
    return Claims(**found)


class Case(NamedTuple):
    """A comparison of a claim on one model and answer length, and what of it can be made.

    at: its interval at a level; None where a method, benchmark or statistic is missing. n: problems or words. made: of
    methods, the comparison itself. note: on methods whose weights are the base's.
    """

    claim: str
    comparison: dict
    model: str
    length: int | str
    at: Callable[[float], Difference] | None = None
    n: int = 0
    made: Comparison | None = None
    note: str = "-"


def _of_words(case: Case, statistics: pd.DataFrame) -> Case:
    """How far a quantity falls from one level to another: rare words minus frequent ones, by Welch's t interval.

    statistics: of lift.statistics.sums. Raises KeyError where a level was not measured.
    """
    wanted, words = case.comparison, by_word(statistics)
    wide = words.pivot(index="word", columns="level", values=wanted["statistic"])
    near = [next((level for level in wide if abs(level - wanted[key]) < 1e-6), None) for key in ("from", "to")]
    fall = wide[near[0]] - wide[near[1]]
    frequent, rare = (fall[group].to_numpy() for group in split_by_frequency(words))
    test = stats.ttest_ind(rare, frequent, equal_var=False)
    value = float(rare.mean() - frequent.mean())

    def at(level: float) -> Difference:
        return Difference(value, *map(float, test.confidence_interval(level)), float(test.pvalue))

    return case._replace(at=at, n=len(rare) + len(frequent))


def weights(comparison: dict, metrics: dict[str, str]) -> dict[str, float]:
    """Of the benchmarks in a comparison of two methods; metrics: by benchmark.

    Raises KeyError where contests or others are missing.
    """
    if comparison.get("over") != "contests-others":
        return plain_average(list(metrics))
    contests = [name for name, metric in metrics.items() if metric.startswith("pass@")]
    if not contests or len(contests) == len(metrics):
        raise KeyError("contests")
    share = {True: 1 / len(contests), False: -1 / (len(metrics) - len(contests))}
    return {name: share[name in contests] for name in metrics}


def _of_methods(case: Case, methods: dict[str, dict[str, Scores]]) -> Case:
    """The difference of two methods. Raises KeyError where a method or a benchmark is missing."""
    names = [case.comparison[key] for key in ("method", "against")]
    first, second = (methods[name] for name in names)
    if first.keys() != second.keys():
        raise KeyError("benchmark")
    metrics = {name: scores.metric for name, scores in first.items()}
    made = prepare(methods, *names, weights(case.comparison, metrics))
    note = untrained({name: step_of(methods[name]) for name in names})
    return case._replace(at=lambda level: difference(*made, level), n=made.problems, made=made, note=note)


def cases(claims: Claims, problems: pd.DataFrame, statistics: dict[str, pd.DataFrame]) -> list[Case]:
    """All comparisons of the claims on each model and answer length, or on each model.

    problems: problem_scores.parquet; statistics: the token statistics by model.
    """
    scores = by_method(problems)
    places = [place for place in scores if any(method != "guess" for method in scores[place])]
    of_statistics = [(model, "-") for model in dict.fromkeys(model for model, _ in places)]  # these know no length
    found = []
    for claim, entry in claims.claims.items():
        for comparison in entry["comparisons"]:
            for place in of_statistics if "statistic" in comparison else places:
                case = Case(claim, comparison, *place)
                try:
                    if "statistic" in comparison:
                        case = _of_words(case, statistics[place[0]])
                    else:
                        case = _of_methods(case, scores[place])
                except KeyError:
                    pass  # not run
                found.append(case)
    return found


def level_of(found: list[Case]) -> float:
    """Of each interval, so that it is 95% for all comparisons that can be made together."""
    return bonferroni(sum(case.at is not None for case in found))


def verdict(result: Difference, expect: str, margin: float) -> str:
    """held, not held, alike or undecided, by where the interval lies; margin: in the unit of the result."""
    low, high = result.low, result.high
    alike = -margin <= low and high <= margin
    if expect == "alike":
        return "held" if alike else "not held" if low > margin or high < -margin else "undecided"
    if expect == "below":
        low, high = -high, -low
    return "held" if low > 0 else "not held" if high < 0 else "alike" if alike else "undecided"


def overall(verdicts: list[str]) -> str:
    """Of a claim, from those of its comparisons."""
    order = ("not held", "not run", "undecided", "alike")
    return next((kind for kind in order if kind in verdicts), "held")


def name_of(comparison: dict) -> str:
    """What is compared, as text."""
    if "statistic" in comparison:
        levels = f"t = {comparison['from']:.2f} to {comparison['to']:.2f}"
        return f"fall of {comparison['statistic'].replace('_', ' ')}, {levels}: rare - frequent words"
    over = {"average": "average", "contests-others": "contests - others"}[comparison.get("over", "average")]
    return f"{comparison['method']} - {comparison['against']}, {over}"


def decide(claims: Claims, found: list[Case]) -> pd.DataFrame:
    """A row a case; differences of scores and probabilities. method, reference: empty where words are compared."""
    columns = ["claim", "says", "where", "comparison", "expected", "model", "length", "method", "reference"]
    columns += ["difference", "ci_low", "ci_high", "n", "seeds", "seed variance", "note", "verdict", "claim verdict"]
    level, rows = level_of(found), []
    expected = {"above": "above 0", "below": "below 0", "alike": f"within {claims.margin:g} points"}
    for case in found:
        entry, expect = claims.claims[case.claim], case.comparison["expect"]
        row = {"claim": case.claim, "says": entry["says"], "where": entry["where"]}
        row |= {"comparison": name_of(case.comparison), "expected": expected[expect]}
        row |= {"model": case.model, "length": None if case.length == "-" else case.length}
        row |= {"method": case.comparison.get("method", ""), "reference": case.comparison.get("against", "")}
        if case.at is None:
            rows.append(row | {"verdict": "not run"})
            continue
        result = case.at(level)
        row |= dict(zip(("difference", "ci_low", "ci_high"), result[:3], strict=True)) | {"n": case.n}
        row |= {"seeds": len(case.made.parts[0]) if case.made else None, "seed variance": result.seeds}
        rows.append(row | {"note": case.note, "verdict": verdict(result, expect, claims.margin / 100)})
    whole = dict.fromkeys(("length", "n", "seeds"), "Int64")
    table = pd.DataFrame(rows, columns=columns[:-1]).astype(whole)
    table["claim verdict"] = table.groupby(["claim", "model"])["verdict"].transform(lambda part: overall(list(part)))
    return table
