"""Figures from scores, statistics and logs. One style, safe for colour-blind readers (Okabe and Ito's palette)."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pandas as pd

PALETTE = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#0072B2", "#F0E442")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "savefig.bbox": "tight",
    "savefig.dpi": 200,
    "svg.hashsalt": "lift",
}


def main_scores(rows: pd.DataFrame, benchmarks: list[str], methods: list[str]) -> plt.Figure:
    """Scores with intervals, a panel a benchmark. rows: method, benchmark, value, ci_low, ci_high."""
    columns = min(len(benchmarks), 4)
    lines = -(-len(benchmarks) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(2.1 * columns, 0.35 * len(methods) * lines + 0.9), sharey=True)
    axes = axes.reshape(-1) if lines * columns > 1 else [axes]
    for axis, benchmark in zip(axes, benchmarks, strict=False):
        part = rows[rows["benchmark"] == benchmark].set_index("method")
        for y, method in enumerate(methods):
            if method in part.index:
                row = 100 * part.loc[method, ["value", "ci_low", "ci_high"]].astype(float)
                axis.plot([row["ci_low"], row["ci_high"]], [y, y], color=PALETTE[y % len(PALETTE)], linewidth=2)
                axis.plot(row["value"], y, "o", color=PALETTE[y % len(PALETTE)], markersize=5)
        axis.set_title(benchmark, fontsize=9)
        axis.set_yticks(range(len(methods)), methods)
        axis.set_ylim(len(methods) - 0.5, -0.5)
    for axis in axes[len(benchmarks) :]:
        axis.set_visible(False)
    figure.supxlabel("score (%), 95% interval over problems and seeds", fontsize=9)
    figure.tight_layout()
    return figure


def pass_at_k(rows: pd.DataFrame, benchmarks: list[str], methods: list[str]) -> plt.Figure:
    """Share of problems solved by one of k samples. rows: method, benchmark, k, value, ci_low, ci_high."""
    count = max(1, len(benchmarks))
    figure, axes = plt.subplots(1, count, figsize=(3.4 * count, 2.6), sharey=True, squeeze=False)
    for axis, benchmark in zip(axes[0], benchmarks, strict=False):
        for i, method in enumerate(methods):
            part = rows[(rows["benchmark"] == benchmark) & (rows["method"] == method)].sort_values("k")
            colour = PALETTE[i % len(PALETTE)]
            axis.plot(part["k"], 100 * part["value"], "o-", color=colour, markersize=3, linewidth=1.2, label=method)
        axis.set_xscale("log", base=2)
        ticks = sorted(set(rows["k"]))
        axis.set_xticks(ticks, ticks)
        axis.set_title(benchmark, fontsize=9)
        axis.set_xlabel("samples k")
    axes[0][0].set_ylabel("pass@k (%)")
    axes[0][-1].legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def confidence_by_level(statistics: pd.DataFrame, frequent: list[str], rare: list[str]) -> plt.Figure:
    """Probability of the predicted and of the true token against the masking level, frequent against rare words."""
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.7), sharey=True)
    titles = {"confidence": "confidence of the prediction", "gold_probability": "probability of the true token"}
    for axis, (quantity, title) in zip(axes, titles.items(), strict=True):
        for words, colour, name in ((frequent, PALETTE[6], "frequent"), (rare, PALETTE[4], "rare")):
            part = statistics[statistics["word"].isin(words)]
            for _, word in part.groupby("word"):
                axis.plot(word["level"], word[quantity], color=colour, alpha=0.2, linewidth=0.7)
            weighted = part.assign(total=part[quantity] * part["count"]).groupby("level")[["total", "count"]].sum()
            mean = weighted["total"] / weighted["count"]
            axis.plot(mean.index, mean, "o-", color=colour, markersize=3, label=f"{name} words ({len(words)})")
        axis.set_xlabel("masking level t")
        axis.set_title(title, fontsize=9)
        axis.set_ylim(0, 1)
    axes[0].legend(fontsize=8, loc="lower left")
    return figure


def held_out_loss(logs: pd.DataFrame, methods: list[str]) -> plt.Figure:
    """Held-out loss over training, mean and range over seeds. logs: method, seed, step, eval_loss."""
    figure, axis = plt.subplots(figsize=(3.4, 2.6))
    for i, method in enumerate(methods):
        by_step = logs[logs["method"] == method].groupby("step")["eval_loss"]
        if by_step.ngroups:
            mean, low, high = by_step.mean(), by_step.min(), by_step.max()
            axis.fill_between(mean.index, low, high, color=PALETTE[i % len(PALETTE)], alpha=0.15, linewidth=0)
            axis.plot(mean.index, mean, color=PALETTE[i % len(PALETTE)], linewidth=1.2, label=method)
    axis.set_xlabel("step")
    axis.set_ylabel("held-out loss (vanilla)")
    axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
