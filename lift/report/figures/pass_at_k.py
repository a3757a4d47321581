"""The share of problems that one of k samples solves, a panel a benchmark."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lift.report.figures.style import Mark, method_legend, nothing, panels
from lift.report.tables import in_order

COLUMNS = ["benchmark", "method", "k", "value", "ci_low", "ci_high"]


def data(scores: pd.DataFrame, benchmarks: list[str], methods: list[str]) -> pd.DataFrame:
    """A row a sampled benchmark, method and k. At k = 1 it is the mean over all samples.

    scores: of one model and answer length, one row a method, benchmark and metric (see lift.report.tables).
    """
    sampled = scores["metric"].str.extract(r"^(pass|avg)@(\d+)$")
    rows = scores.assign(k=sampled[1].astype(float).where(sampled[0] == "pass", 1.0))[sampled[0].notna()]
    rows = rows[rows["method"].isin(methods) & rows["benchmark"].isin(benchmarks)].astype({"k": int})
    rows = rows.drop_duplicates(["benchmark", "method", "k"])[COLUMNS]
    return in_order(rows, benchmark=benchmarks, method=methods, k=None)


def draw(data: pd.DataFrame, marks: dict[str, Mark]) -> Figure:
    """Curves over k on a logarithmic axis. The intervals' bars stand side by side, for they overlap."""
    if data.empty:
        return nothing("no benchmark is sampled at this length")
    methods = [name for name in marks if name in set(data["method"])]
    benchmarks = list(data["benchmark"].unique())
    figure, axes = panels(len(benchmarks), 2, 2.1, rest=0.3, sharex=True)
    for axis, benchmark in zip(axes, benchmarks, strict=True):
        for i, method in enumerate(methods):
            part = data[(data["benchmark"] == benchmark) & (data["method"] == method)]
            dodge = 2 ** (0.5 * ((i + 0.5) / len(methods) - 0.5))  # all within half of a doubling of k
            mark, x = marks[method], part["k"] * dodge
            bars = np.maximum([part["value"] - part["ci_low"], part["ci_high"] - part["value"]], 0)
            axis.errorbar(x, part["value"], bars, fmt="none", ecolor=mark.colour, elinewidth=0.7, alpha=0.6)
            axis.plot(x, part["value"], marker=mark.marker, color=mark.colour, linestyle=mark.line, clip_on=False)
        axis.set_xscale("log", base=2)
        ticks = sorted(set(data["k"]))
        axis.set_xticks(ticks, ticks)
        axis.minorticks_off()
        axis.grid(visible=False, axis="x")
        axis.set_title(benchmark)
        axis.set_xlabel("samples k")
        axis.set_ylim(bottom=0)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    for axis in axes[::2]:
        axis.set_ylabel("pass@k (%)")
    method_legend(figure, marks, methods)
    return figure
