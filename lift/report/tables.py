"""Tables from scores, comparisons, claims and statistics: tidy data frames, in the order in which they are shown."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lift.report import text
from lift.statistics.words import by_word, split_by_frequency

SCORE = ["model", "length", "method", "benchmark", "metric", "n", "seeds", "step", "value", "ci_low", "ci_high"]


def pooled(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a method, decoder and metric: over all seeds where there are several, else the only one."""
    several = scores["seed"] == "all"
    keys = ["model", "method", "benchmark", "decoder", "gen_length", "metric"]
    has_all = pd.MultiIndex.from_frame(scores[keys]).isin(pd.MultiIndex.from_frame(scores.loc[several, keys]))
    return scores[several | ~has_all]


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
    rows = rows.rename(columns={"gen_length": "length"})
    ranks = {name: rows[name].map(list(known).index) for name, known in ({"model": models} | places).items()}
    ranks = pd.DataFrame({"model": ranks.pop("model"), "length": rows["length"]} | ranks)
    return rows.loc[ranks.sort_values(list(ranks), kind="stable").index].reset_index(drop=True)


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


def reported_table(joined: pd.DataFrame, rest: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """Published numbers beside ours; last, the `rest`, which stand beside none. Both of lift.scores.reported."""
    rows = joined.assign(order=joined["method"].map(methods.index))
    rows = rows.sort_values(["model", "benchmark", "gen_length", "order"], kind="stable")
    rows = rows.rename(columns={"gen_length": "length"})
    rows["stated"], rows["differs"] = (
        rows[name].map({True: "yes", False: "no"}) for name in ("length_stated", "differs")
    )
    others = rest.rename(columns={"value": "published"}).assign(step="-", differs="-")
    others["stated"] = others["length"].notna().map({True: "yes", False: "no"})
    columns = ["model", "method", "benchmark", "metric", "length", "stated", "published", "value", "ci_low", "ci_high"]
    columns += ["step", "differs", "source"]
    parts = [part.reindex(columns=columns) for part in (rows, others) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table.astype({"length": "Int64"})


def pass_table(scores: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """pass@k and avg@k of the benchmarks that are sampled."""
    rows = pooled(scores)
    rows = rows[rows["metric"].str.match(r"(pass|avg)@")]
    kinds = sorted(set(rows["metric"]), key=lambda m: (m.startswith("pass"), int(m.split("@")[1])))
    order = [(benchmark, kind) for benchmark in dict.fromkeys(rows["benchmark"]) for kind in kinds]
    rows = rows.assign(place=list(zip(rows["benchmark"], rows["metric"], strict=True)))
    return _ordered(rows, method=methods, place=order)[SCORE]


def format_table(scores: pd.DataFrame, own_metric: dict[str, str], methods: list[str]) -> pd.DataFrame:
    """Shares of answers without a well-formed answer, and of those cut off, by benchmark."""
    rows, metrics = pooled(scores), ("invalid_format", "truncated")
    parts = [_ordered(rows[rows["metric"] == metric], method=methods, benchmark=own_metric) for metric in metrics]
    return pd.concat(parts, ignore_index=True)[SCORE]


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
    order = [
        (methods.index(method), places.index((benchmark, decoder)))
        for method, benchmark, decoder in zip(rows["method"], rows["benchmark"], rows["decoder"], strict=True)
    ]
    rows = rows.assign(order=order).sort_values(["model", "order"])
    rows["passes an answer"] = rows["nfe"] / rows["answers"]
    rows["tokens a pass"] = rows["tokens"] / rows["nfe"]
    rows["tokens a second"] = rows["tokens"] / rows["seconds"].clip(lower=1e-9)
    columns = [*keys, "step", "metric", "value", "ci_low", "ci_high"]
    return rows[[*columns, "passes an answer", "tokens a pass", "tokens a second"]].reset_index(drop=True)


def statistics_table(statistics: pd.DataFrame, groups: dict[str, list[str]]) -> pd.DataFrame:
    """Confidence, probability of the true token and accuracy, by group of words and level, weighted by count."""
    rows = []
    for group, words in groups.items():
        part = statistics[statistics["word"].isin(words)]
        for level, cell in part.groupby("level"):
            weights = cell["count"] / cell["count"].sum()
            means = {name: (cell[name] * weights).sum() for name in ("confidence", "gold_probability", "accuracy")}
            rows.append({"words": group, "level t": level, "masked tokens": cell["count"].sum()} | means)
    return pd.DataFrame(rows)


def statistics_tables(statistics: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The table of frequent and of rare words for the token statistics of each model and corpus."""
    parts = []
    for name, seen in statistics.items():
        words = by_word(seen)
        frequent, rare = split_by_frequency(words)
        part = statistics_table(words, {"frequent": frequent, "rare": rare})
        part.insert(0, "model and corpus", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def write(table: pd.DataFrame, stem: Path, shown: pd.DataFrame | None = None) -> None:
    """The table as CSV and, as text, as Markdown and LaTeX. shown: its text, where that is not what its name says."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    csv, markdown, latex = (stem.with_name(f"{stem.name}.{ending}") for ending in ("csv", "md", "tex"))
    table.round(6).to_csv(csv, index=False)
    shown = text.shown(stem.name, table) if shown is None else shown
    markdown.write_text(shown.to_markdown(index=False, disable_numparse=True) + "\n")
    latex.write_text(shown.to_latex(index=False, escape=True))
