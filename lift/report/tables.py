"""Tables from scores.csv and the statistics, as data frames of text, and their three files."""

from pathlib import Path

import pandas as pd

from lift.statistics.words import by_word, split_by_frequency


def percent(row: pd.Series) -> str:
    """A score with its interval, in percent."""
    return f"{100 * row['value']:.1f} [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"


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


def _pivot(rows: pd.DataFrame, columns: str, methods: list[str], order: list[str]) -> pd.DataFrame:
    """Methods down, `columns` across, cells as text; in the order of the config. A column for the answer length where
    there are several. rows: with `text`, what stands in a cell, where that is not the score alone."""
    if "text" not in rows:
        rows = rows.assign(text=rows.apply(percent, axis=1))
    keys = ["model", "gen_length", "method"]
    wide = rows.pivot_table(index=keys, columns=columns, values="text", aggfunc="first", sort=False)
    wide = wide.reindex(columns=[name for name in order if name in wide.columns])
    wide.insert(0, "seeds", rows.groupby(keys)["seeds"].max())
    wide.insert(1, "step", rows.groupby(keys)["step"].first())
    models = ["none", *(name for name in wide.index.unique("model") if name != "none")]
    lengths = sorted(wide.index.unique("gen_length"))
    wanted = [(model, length, method) for model in models for length in lengths for method in methods]
    wide = wide.loc[[row for row in wanted if row in wide.index]].reset_index()
    wide = wide.rename(columns={"gen_length": "length"}) if len(lengths) > 1 else wide.drop(columns="gen_length")
    return wide.fillna("-").rename_axis(columns=None)


def _with_marks(rows: pd.DataFrame, comparisons: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """Scores with what they are beside: better or worse than the first reference, and what was published."""
    place = ["model", "method", "benchmark", "gen_length"]
    verdicts = comparisons.drop_duplicates(place).set_index(place)["verdict"].to_dict()
    others = dict(list(published.groupby(place)))
    cells = []
    for _, row in rows.iterrows():
        key = tuple(row[name] for name in place)
        cell = f"{percent(row)} {verdicts.get(key, '')}".rstrip()
        for _, other in others[key].iterrows() if key in others else ():
            cell += f"; published {other['published']:.1f}" + (", differs" if other["differs"] else "")
        cells.append(cell)
    return cells


def main_table(
    scores: pd.DataFrame,
    own_metric: dict[str, str],
    methods: list[str],
    comparisons: pd.DataFrame,
    published: pd.DataFrame,
) -> pd.DataFrame:
    """Method x benchmark, each by its own metric, and the plain average.

    comparisons: with the reference, of lift.scores.comparisons.compare. published: of lift.scores.reported.join.
    """
    rows = own_scores(scores, own_metric)
    rows = rows.assign(text=_with_marks(rows, comparisons, published))
    sizes = rows.groupby("benchmark")["n"].max()
    names = {
        name: f"{name} ({'' if metric == 'accuracy' else f'{metric}, '}n={sizes[name]})"
        for name, metric in own_metric.items()
        if name in sizes
    }
    return _pivot(rows, "benchmark", methods, [*own_metric, "average"]).rename(columns=names)


def own_scores(scores: pd.DataFrame, own_metric: dict[str, str]) -> pd.DataFrame:
    """Over all seeds, the scores by each benchmark's own metric, and the averages."""
    rows = pooled(scores)
    return rows[rows["metric"] == rows["benchmark"].map(own_metric | {"average": "mean"})]


def comparison_table(comparisons: pd.DataFrame, methods: list[str], benchmarks: list[str]) -> pd.DataFrame:
    """Differences from each reference in points, with 95% intervals and corrected p-values."""
    rows = comparisons.assign(
        first=comparisons["reference"].map(list(comparisons["reference"].unique()).index),
        order=comparisons["method"].map(methods.index),
        place=comparisons["benchmark"].map([*benchmarks, "average"].index),
    ).sort_values(["model", "gen_length", "first", "order", "place"], kind="stable")
    points = (
        f"{100 * row['difference']:+.1f} [{100 * row['ci_low']:+.1f}, {100 * row['ci_high']:+.1f}]"
        for _, row in rows.iterrows()
    )
    return pd.DataFrame(
        {"model": rows["model"], "length": rows["gen_length"]}
        | {key: rows[key] for key in ("method", "reference", "benchmark", "metric", "n", "seeds")}
        | {"step": rows["step"], "reference step": rows["reference_step"]}
        | {"difference": list(points), "seed variance": rows["seed_variance"], "p": rows["p"].map("{:.3f}".format)}
        | {"p corrected": rows["p_corrected"].map("{:.3f}".format), "verdict": rows["verdict"].replace("", "-")}
    )


def reported_table(joined: pd.DataFrame, rest: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """Published numbers beside ours; last, the `rest`, which stand beside none. Both of lift.scores.reported."""
    rows = joined.assign(order=joined["method"].map(methods.index))
    rows = rows.sort_values(["model", "benchmark", "gen_length", "order"], kind="stable")
    stated = (
        rows["gen_length"].astype(str).where(rows["length_stated"], rows["gen_length"].astype(str) + " (not stated)")
    )
    keys = ["model", "method", "benchmark", "metric"]
    ours = {"length": stated, "published": rows["published"], "measured": [percent(row) for _, row in rows.iterrows()]}
    ours |= {"step": rows["step"]}
    ours |= {"differs": rows["differs"].map({True: "yes", False: "no"}), "source": rows["source"]}
    length = rest["length"].map(lambda n: "not stated" if pd.isna(n) else f"{n:.0f}")
    others = {"length": length, "published": rest["value"], "measured": "-", "step": "-", "differs": "-"}
    others |= {"source": rest["source"]}
    table = pd.concat([rows[keys].assign(**ours), rest[keys].replace({"model": {"": "not stated"}}).assign(**others)])
    return table.assign(published=table["published"].map("{:.1f}".format)).reset_index(drop=True)


def pass_table(scores: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """pass@k and avg@k of the benchmarks that are sampled."""
    rows = pooled(scores)
    rows = rows[rows["metric"].str.match(r"(pass|avg)@")]
    if rows.empty:
        return pd.DataFrame(columns=["model", "method"])
    rows = rows.assign(column=rows["benchmark"] + " " + rows["metric"])
    kinds = sorted(set(rows["metric"]), key=lambda m: (m.startswith("pass"), int(m.split("@")[1])))
    order = [f"{benchmark} {kind}" for benchmark in dict.fromkeys(rows["benchmark"]) for kind in kinds]
    return _pivot(rows, "column", methods, order)


def format_table(scores: pd.DataFrame, own_metric: dict[str, str], methods: list[str]) -> pd.DataFrame:
    """Shares of answers without a well-formed answer, and of those cut off, by benchmark."""
    rows = pooled(scores)
    parts = []
    for metric in ("invalid_format", "truncated"):
        part = _pivot(rows[rows["metric"] == metric], "benchmark", methods, list(own_metric))
        part.insert(part.columns.get_loc("method") + 1, "share of answers", metric)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


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
    places = {
        (method, benchmark, decoder): (methods.index(method), i, decoders[benchmark].index(decoder))
        for i, benchmark in enumerate(own_metric)
        for decoder in decoders[benchmark]
        for method in methods
    }
    order = [places[key] for key in zip(rows["method"], rows["benchmark"], rows["decoder"], strict=True)]
    rows = rows.assign(order=order).sort_values(["model", "order"])
    return pd.DataFrame(
        {key: rows[key] for key in keys}
        | {"step": rows["step"], "metric": rows["metric"], "score": rows.apply(percent, axis=1)}
        | {"passes an answer": (rows["nfe"] / rows["answers"]).map("{:.1f}".format)}
        | {"tokens a pass": (rows["tokens"] / rows["nfe"]).map("{:.2f}".format)}
        | {"tokens a second": (rows["tokens"] / rows["seconds"].clip(lower=1e-9)).map("{:.0f}".format)}
    )


def statistics_table(statistics: pd.DataFrame, groups: dict[str, list[str]]) -> pd.DataFrame:
    """Confidence, probability of the true token and accuracy, by group of words and level, weighted by count."""
    rows = []
    for group, words in groups.items():
        part = statistics[statistics["word"].isin(words)]
        for level, cell in part.groupby("level"):
            weights = cell["count"] / cell["count"].sum()
            means = {
                name: f"{(cell[name] * weights).sum():.3f}" for name in ("confidence", "gold_probability", "accuracy")
            }
            rows.append({"words": group, "level t": f"{level:.4f}", "masked tokens": cell["count"].sum()} | means)
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


def write(table: pd.DataFrame, stem: Path) -> None:
    """The table as CSV, Markdown and LaTeX."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    csv, markdown, latex = (stem.with_name(f"{stem.name}.{ending}") for ending in ("csv", "md", "tex"))
    table.to_csv(csv, index=False)
    markdown.write_text(table.to_markdown(index=False, disable_numparse=True) + "\n")
    latex.write_text(table.to_latex(index=False, escape=True))
