"""Held-out loss over training, over all masking levels and by level."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lift.report.figures.style import Mark, method_legend, nothing, panels
from lift.report.tables import in_order
from lift.statistics.bins import LEVEL_BINS

COLUMNS = ["levels", "method", "step", "mean", "low", "high", "runs"]
ALL = "all levels"


def data(log: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """Mean, least and most over seeds, by levels, method and step.

    log: the entries of one model's runs, with method, seed, step, eval_loss and eval_ce_level_*.
    """
    if "eval_loss" not in log:
        return pd.DataFrame(columns=COLUMNS)
    bins = sorted(name for name in log if name.startswith("eval_ce_level_"))  # and the lower edge
    lower = {name: round(float(name.rpartition("_")[2]) * LEVEL_BINS) for name in bins}
    edges = {name: f"{i / LEVEL_BINS:.2f} ≤ t < {(i + 1) / LEVEL_BINS:.2f}" for name, i in lower.items()}
    names = {"eval_loss": ALL} | edges
    rows = (
        log[log["method"].isin(methods)]
        .rename(columns=names)
        .melt(["method", "step"], list(names.values()), "levels")
        .dropna(subset="value")
    )
    found = rows.groupby(["levels", "method", "step"])["value"].agg(["mean", "min", "max", "count"]).reset_index()
    found = found.rename(columns={"min": "low", "max": "high", "count": "runs"})
    return in_order(found[COLUMNS], levels=list(names.values()), method=methods, step=None)


def lowest_ends(rows: pd.DataFrame) -> tuple[float, float]:
    """A range of loss in which the ends of all methods fall that end below their start, or all where none does."""
    by_method = rows.groupby("method")
    start, end = by_method.first(), by_method.last()
    fell = end[end["mean"] < start["mean"]]
    fell = end if fell.empty else fell
    low, high = fell["low"].min(), fell["high"].max()
    room = max(0.5 * (high - low), 0.002 * high)
    return low - room, high + room


def draw(data: pd.DataFrame, marks: dict[str, Mark]) -> Figure:
    """Lines are means over seeds, bands their range; the last panel is the first again, near the lowest ends."""
    if data.empty:
        return nothing("no run was evaluated")
    levels, methods = list(data["levels"].unique()), [name for name in marks if name in set(data["method"])]
    figure, axes = panels(len(levels) + 1, 4, 1.45, rest=0.4)
    for axis, name in zip(axes, [*levels, ALL], strict=True):
        for method in methods:
            part, mark = data[(data["levels"] == name) & (data["method"] == method)], marks[method]
            axis.fill_between(part["step"], part["low"], part["high"], color=mark.colour, alpha=0.2, linewidth=0)
            axis.plot(part["step"], part["mean"], color=mark.colour, linestyle=mark.line)
        axis.set_title(name)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes[-1].set_title(f"{ALL}, enlarged")
    axes[-1].set_ylim(*lowest_ends(data[data["levels"] == ALL]))
    for axis in axes[-4:]:  # no other panel is below
        axis.set_xlabel("step")
    figure.supylabel("held-out loss (nats a token)")
    method_legend(figure, marks, methods, marker=False)
    return figure
