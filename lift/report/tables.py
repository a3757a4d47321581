"""Tables from scores, comparisons, claims and statistics: tidy data frames, in the order in which they are shown."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lift.report import text
from lift.statistics.words import by_word, split_by_frequency

SCORE = ["model", "length", "method", "benchmark", "metric", "n", "seeds", "step", "value", "ci_low", "ci_high"]


def in_order(rows: pd.DataFrame, **orders: Sequence | None) -> pd.DataFrame:
    """The rows sorted by some columns, each in the given order, or in its own where that is None."""

    def rank(column: pd.Series) -> pd.Series:
        order = orders[column.name]
        return column if order is None else column.map({name: i for i, name in enumerate(order)})

    return rows.sort_values(list(orders), key=rank, kind="stable").reset_index(drop=True)


def pooled(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a method, decoder and metric: over all seeds where there are several, else the only one."""
    keys = ["model", "method", "benchmark", "decoder", "gen_length", "metric"]
    over_all = scores["seed"] == "all"
    return scores[over_all | ~over_all.groupby([scores[key] for key in keys]).transform("any")]


def first_decoders(scores: pd.DataFrame, decoders: dict[str, list[str]]) -> pd.DataFrame:
    """The scores that tables show: of a benchmark's decoders of one answer length, those of the first.

    decoders: by benchmark, in the order of the config.
    """
    place = {(benchmark, name): i for benchmark, names in decoders.items() for i, name in enumerate(names)}
    order = [place.get(pair, 0) for pair in zip(scores["benchmark"], scores["decoder"], strict=True)]
    ranked = scores.assign(order=order)
    best = ranked.groupby(["benchmark", "gen_length"])["order"].transform("min")
    return scores[ranked["order"] == best]


def _ordered(rows: pd.DataFrame, **places: Sequence) -> pd.DataFrame:
    """Rows by model, answer length and some columns, each in its order; what answers without a model comes first."""
    models = sorted(dict.fromkeys(rows["model"]), key=lambda name: name != "none")
    return in_order(rows.rename(columns={"gen_length": "length"}), model=models, length=None, **places)


def own_scores(scores: pd.DataFrame, own_metric: dict[str, str]) -> pd.DataFrame:
    """Over all seeds, the scores by each benchmark's own metric, and the averages."""
    rows = pooled(scores)
    return rows[rows["metric"] == rows["benchmark"].map(own_metric | {"average": "mean"})]


def main_table(
    scores: pd.DataFrame, own_metric: dict[str, str], methods: list[str], comparisons: pd.DataFrame
) -> pd.DataFrame:
    """Every benchmark by its own metric, and the plain average, with the verdict against the first reference.

    comparisons: with the references, of lift.scores.comparisons.compare.
    """
    rows = _ordered(own_scores(scores, own_metric), method=methods, benchmark=[*own_metric, "average"])
    place = ["model", "method", "benchmark", "gen_length"]
    verdicts = comparisons.drop_duplicates(place).rename(columns={"gen_length": "length"})
    return rows[SCORE].merge(verdicts[["model", "method", "benchmark", "length", "verdict"]], how="left")


def comparison_table(comparisons: pd.DataFrame, methods: list[str], benchmarks: list[str]) -> pd.DataFrame:
    """Differences from each reference, with 95% intervals and corrected p-values."""
    references = list(comparisons["reference"].unique())
    rows = _ordered(comparisons, reference=references, method=methods, benchmark=[*benchmarks, "average"])
    names = {"reference_step": "reference step", "seed_variance": "seed variance", "p_corrected": "p corrected"}
    columns = ["model", "length", "method", "reference", "benchmark", "metric", "n", "seeds", "step", "reference step"]
    columns += ["difference", "ci_low", "ci_high", "seed variance", "p", "p corrected", "verdict"]
    return rows.rename(columns=names)[columns]


def reported_table(
    scores: pd.DataFrame, published: pd.DataFrame, bases: dict[str, str], sources: dict[str, str], methods: list[str]
) -> pd.DataFrame:
    """Published numbers beside ours; last, those on benchmarks of this experiment that stand beside none of its scores.

    scores: of `own_scores`. published: of lift.scores.reported.read. bases: the base model by the name of a model;
    sources: the source by the name of a benchmark. A number without a length stands beside every length; one without a
    model stands beside none. differs: it lies outside the interval.
    """
    both = scores.assign(base=scores["model"].map(bases), source_name=scores["benchmark"].map(sources)).merge(
        published[published["model"] != ""].reset_index(names="row"),
        left_on=["base", "source_name", "method", "metric"],
        right_on=["model", "benchmark", "method", "metric"],
        suffixes=("", "_published"),
    )
    both = both[both["length"].isna() | (both["length"] == both["gen_length"])]
    rest = published[published["benchmark"].isin(sources.values()) & ~published.index.isin(both["row"])]
    inside = both["value_published"].between(100 * both["ci_low"], 100 * both["ci_high"])
    beside = both.assign(
        published=both["value_published"],
        stated=both["length"].notna(),
        length=both["gen_length"],
        differs=inside.map({True: "no", False: "yes"}),
    )
    beside = in_order(beside, model=None, benchmark=None, length=None, method=methods)
    others = rest.rename(columns={"value": "published"}).assign(step="-", stated=rest["length"].notna(), differs="-")
    columns = ["model", "method", "benchmark", "metric", "length", "stated", "published", "value", "ci_low", "ci_high"]
    columns += ["step", "differs", "source"]
    parts = [part.reindex(columns=columns) for part in (beside, others) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table.assign(stated=table["stated"].map({True: "yes", False: "no"})).astype({"length": "Int64"})


def pass_table(scores: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """pass@k and avg@k of the benchmarks that are sampled."""
    rows = pooled(scores)
    rows = rows[rows["metric"].str.match(r"(pass|avg)@")]
    kinds = sorted(set(rows["metric"]), key=lambda m: (m.startswith("pass"), int(m.split("@")[1])))
    return _ordered(rows, method=methods, benchmark=rows["benchmark"].unique(), metric=kinds)[SCORE]


def format_table(scores: pd.DataFrame, own_metric: dict[str, str], methods: list[str]) -> pd.DataFrame:
    """Shares of answers without a well-formed answer, and of those cut off, by benchmark."""
    rows, metrics = pooled(scores), ("invalid_format", "truncated")
    rows = _ordered(rows[rows["metric"].isin(metrics)], method=methods, benchmark=own_metric)
    return in_order(rows, metric=metrics)[SCORE]


def decoder_table(
    scores: pd.DataFrame,
    costs: pd.DataFrame,
    own_metric: dict[str, str],
    decoders: dict[str, list[str]],
    methods: list[str],
) -> pd.DataFrame:
    """What each decoder scores and costs: forward passes an answer, and tokens before the end a pass and a second.

    A row a model, method, benchmark and decoder, over all seeds; scores by the benchmark's own metric.
    """
    keys = ["model", "method", "benchmark", "decoder"]
    spent = costs[costs["stage"] == "decode"].groupby(keys)[["answers", "nfe", "tokens", "seconds"]].sum().reset_index()
    rows = pooled(scores)
    rows = rows[rows["metric"] == rows["benchmark"].map(own_metric)].merge(spent, on=keys)
    places = [(benchmark, decoder) for benchmark in own_metric for decoder in decoders[benchmark]]
    rows = rows.assign(place=list(zip(rows["benchmark"], rows["decoder"], strict=True)))
    rows = in_order(rows, model=None, method=methods, place=places)
    rows["passes an answer"] = rows["nfe"] / rows["answers"]
    rows["tokens a pass"] = rows["tokens"] / rows["nfe"]
    rows["tokens a second"] = rows["tokens"] / rows["seconds"].clip(lower=1e-9)
    columns = [*keys, "step", "metric", "value", "ci_low", "ci_high"]
    return rows[[*columns, "passes an answer", "tokens a pass", "tokens a second"]]


def statistics_table(statistics: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Confidence, probability of the true token and accuracy, of frequent and of rare words at each level.

    statistics: the token statistics of each model and corpus. Words are weighted by count.
    """
    rows = []
    for name, seen in statistics.items():
        every = by_word(seen)
        for group, words in zip(("frequent", "rare"), split_by_frequency(every), strict=True):
            for level, cell in every[every["word"].isin(words)].groupby("level"):
                weights = cell["count"] / cell["count"].sum()
                means = {kind: (cell[kind] * weights).sum() for kind in ("confidence", "gold_probability", "accuracy")}
                row = {"model and corpus": name, "words": group, "level t": level, "masked tokens": cell["count"].sum()}
                rows.append(row | means)
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, stem: Path, shown: pd.DataFrame | None = None, foot: str = "") -> None:
    """The table as CSV and, as text, as Markdown and LaTeX. shown: its text, where that is not what its name says.

    foot: a sentence below the text.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    table.round(6).to_csv(f"{stem}.csv", index=False)
    shown = text.shown(stem.name, table) if shown is None else shown
    below = f"\n{foot}\n" if foot else ""
    Path(f"{stem}.md").write_text(shown.to_markdown(index=False, disable_numparse=True) + "\n" + below)
    Path(f"{stem}.tex").write_text(shown.to_latex(index=False, escape=True) + re.sub(r"([%&#_$])", r"\\\1", below))
