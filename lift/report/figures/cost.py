"""Scores against what they cost: forward passes and seconds an answer, seconds of fine-tuning."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lift.report.figures.style import MARKERS, Mark, method_legend, nothing, panels
from lift.report.tables import in_order

PASSES, SECONDS, TRAINING = COSTS = ["forward passes an answer", "seconds an answer", "seconds of fine-tuning a run"]
DODGE = 0.015  # of a panel's width, between methods: many take as many passes
COLUMNS = ["cost", "method", "decoder", "x", "value", "ci_low", "ci_high"]


def decoder_choices(decoders: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    """By name, a decoder for each benchmark: first every benchmark's first, then those with another where there is one.

    decoders: by benchmark, of one answer length, in the order of the config.
    """
    first = {benchmark: names[0] for benchmark, names in decoders.items()}
    others = dict.fromkeys(name for names in decoders.values() for name in names[1:])
    choices = {", ".join(dict.fromkeys(first.values())): first}
    for other in others:
        choices[other] = {benchmark: other if other in names else names[0] for benchmark, names in decoders.items()}
    return choices


def data(
    scores: pd.DataFrame,
    costs: pd.DataFrame,
    own_metric: dict[str, str],
    decoders: dict[str, list[str]],
    methods: list[str],
) -> pd.DataFrame:
    """A row a cost, method and choice of decoders; scores and costs are means over benchmarks, each counting alike.

    scores: one row a method, benchmark, decoder and metric (see lift.report.tables); scores, costs and decoders of one
    model and answer length, costs with those of fine-tuning. Only the first decoders' mean score has an interval. Who
    was not fine-tuned by itself has no row of that cost.
    """
    spent = costs[costs["stage"] == "decode"].groupby(["method", "benchmark", "decoder"])[["answers", "nfe", "seconds"]]
    spent = spent.sum()
    own = scores[scores["metric"] == scores["benchmark"].map(own_metric)].set_index(["method", "benchmark", "decoder"])
    average = scores[(scores["benchmark"] == "average") & (scores["metric"] == "mean")].set_index("method")
    training = costs[costs["stage"] == "finetune"].groupby("method")["seconds"].mean()
    rows = []
    for place, (name, choice) in enumerate(decoder_choices(decoders).items()):
        for method in methods:
            keys = [(method, benchmark, decoder) for benchmark, decoder in choice.items()]
            if method not in average.index or not all(key in spent.index and key in own.index for key in keys):
                continue
            known = average.loc[method, ["value", "ci_low", "ci_high"]].astype(float).to_dict()
            score = {"value": own.loc[keys, "value"].mean(), "ci_low": np.nan, "ci_high": np.nan} if place else known
            cells = spent.loc[keys]
            x = {
                PASSES: (cells["nfe"] / cells["answers"]).mean(),
                SECONDS: (cells["seconds"] / cells["answers"]).mean(),
            }
            if method in training.index and place == 0:
                x[TRAINING] = training[method]
            rows += [{"cost": cost, "method": method, "decoder": name, "x": x[cost]} | score for cost in x]
    return in_order(pd.DataFrame(rows, columns=COLUMNS), cost=COSTS)


def draw(data: pd.DataFrame, marks: dict[str, Mark]) -> Figure:
    """A panel a cost. A method has its own marker, or where there are several decoders, a decoder has."""
    if data.empty:
        return nothing("no method answered all benchmarks")
    methods, decoders = [m for m in marks if m in set(data["method"])], list(data["decoder"].unique())
    figure, axes = panels(len(COSTS), 3, 2.5, sharey=True)
    for axis, cost in zip(axes, COSTS, strict=True):
        part = data[data["cost"] == cost]
        centre, span = (part["x"].min() + part["x"].max()) / 2, part["x"].max() - part["x"].min()
        span = max(1.2 * span, 0.2 * centre)  # so that a difference of a hundredth looks like one
        axis.set_xlim(centre - span / 2, centre + span / 2)
        for row in part.itertuples():
            x = row.x + DODGE * span * (methods.index(row.method) - (len(methods) - 1) / 2)
            marker = marks[row.method].marker if len(decoders) == 1 else MARKERS[decoders.index(row.decoder)]
            axis.vlines(x, row.ci_low, row.ci_high, color=marks[row.method].colour, linewidth=0.8, alpha=0.7)
            axis.plot(x, row.value, marker, color=marks[row.method].colour, markersize=4.5, zorder=3)
        axis.set_xlabel(cost)
        axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes[0].set_ylabel("mean score (%)")
    method_legend(figure, marks, methods, marker=len(decoders) == 1, line=len(decoders) > 1)
    if len(decoders) > 1:
        handles = [Line2D([], [], color="#606060", marker=MARKERS[i], linestyle="") for i in range(len(decoders))]
        figure.legend(handles, decoders, loc="outside upper center", ncols=len(decoders))
    return figure
