"""Scores of all methods with intervals, a panel a benchmark."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lift.report.figures.style import Mark, nothing, panels
from lift.report.tables import in_order

COLUMNS = ["benchmark", "metric", "method", "step", "value", "ci_low", "ci_high"]


def data(scores: pd.DataFrame, own_metric: dict[str, str], methods: list[str]) -> pd.DataFrame:
    """A row a benchmark and method, by the benchmark's own metric, and the plain average, in the order of the config.

    scores: of one model and answer length, one row a method, benchmark and metric (see lift.report.tables).
    """
    wanted = own_metric | {"average": "mean"}
    rows = scores[(scores["metric"] == scores["benchmark"].map(wanted)) & scores["method"].isin(methods)]
    return in_order(rows[COLUMNS], benchmark=list(wanted), method=methods)


def draw(data: pd.DataFrame, marks: dict[str, Mark], ablations: list[str] = ()) -> Figure:
    """A forest plot: methods down, the ablations set off, a line at the base's score."""
    if data.empty:
        return nothing("no scores")
    methods = [name for name in marks if name in set(data["method"])]
    y = {name: i + 0.6 * (name in ablations) for i, name in enumerate(methods)}
    benchmarks = list(data["benchmark"].unique())
    figure, axes = panels(len(benchmarks), 4, 0.45 + 0.145 * (max(y.values()) + 1), rest=0.35, sharey=True)
    for axis, benchmark in zip(axes, benchmarks, strict=True):
        part = data[data["benchmark"] == benchmark].set_index("method")
        if "base" in part.index:
            axis.axvline(part.loc["base", "value"], color=marks["base"].colour, linewidth=0.6, linestyle="--", zorder=1)
        # guessing would push all others together: where it is off the scale, its score stands at the edge
        compared = part.drop(index="guess", errors="ignore") if len(part) > 1 else part
        low, high = compared["ci_low"].min(), compared["ci_high"].max()
        low, high = low - 0.04 * (high - low), high + 0.04 * (high - low)
        for method, row in part.iterrows():
            if row["value"] < low:
                text = f"◂ {100 * row['value']:.1f}"
                axis.text(low, y[method], text, color=marks[method].colour, va="center", fontsize=7)
                continue
            axis.hlines(y[method], row["ci_low"], row["ci_high"], color=marks[method].colour, linewidth=1.5)
            axis.plot(row["value"], y[method], marks[method].marker, color=marks[method].colour, markersize=4)
        metric = part["metric"].iloc[0]
        axis.set_title(benchmark if metric in ("accuracy", "mean") else f"{benchmark}\n({metric.replace('_', ' ')})")
        base = set(data.loc[data["step"].str.contains("base"), "method"])  # untrained weights, in some seeds at least
        axis.set_yticks(list(y.values()), [f"{name} (the base)" if name in base else name for name in y])
        axis.tick_params(axis="y", length=0)
        axis.grid(visible=False, axis="y")
        axis.set_ylim(max(y.values()) + 0.6, -0.6)
        axis.set_xlim(low, high)
        axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    figure.supxlabel("score (%) and 95% interval")
    return figure
