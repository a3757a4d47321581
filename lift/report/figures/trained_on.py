"""Which tokens each method trained on, by their frequency and the masking level."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from lift.report.figures.style import COLUMN, PAGE, PROBABILITY_MAP, RATIO_MAP, nothing, share_label, write_in_cell
from lift.statistics.bins import BINS, LEVEL_BINS, lower_edge

PADDING = "end, padding"
COLUMNS = ["method", "runs", "frequency", "level_from", "level_to", "tokens", "share", "ratio"]
MOST = 2  # of the colours of ratios, as a power of two
GAP = 0.3  # of a row, before that of the end token
ONLY_REFERENCE = {"facecolor": "none", "edgecolor": "#A0A0A0", "hatch": "////", "linewidth": 0}


def data(log: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """The tokens in the loss of a run, mean over seeds: how many, which share, and how many times the first method's.

    log: the entries of one model's runs, with method, seed and kept_tokens (lift.finetune.measures.count_kept). Rows of
    frequency are those that any method has; a ratio to nothing is empty.
    """
    if "kept_tokens" not in log:
        return pd.DataFrame(columns=COLUMNS)
    log = log[log["kept_tokens"].notna()]
    runs = {method: log[log["method"] == method] for method in methods if method in set(log["method"])}
    kept = {m: np.sum(part["kept_tokens"].tolist(), axis=0) / part["seed"].nunique() for m, part in runs.items()}
    if not kept:
        return pd.DataFrame(columns=COLUMNS)
    reference, edges = next(iter(kept.values())), np.arange(LEVEL_BINS + 1) / LEVEL_BINS
    rows = [
        {"method": method, "runs": runs[method]["seed"].nunique()}
        | {"frequency": PADDING if column == BINS else share_label(lower_edge(column))}
        | {"level_from": edges[level], "level_to": edges[level + 1], "tokens": tokens[level, column]}
        | {"share": tokens[level, column] / tokens.sum()}
        | {"ratio": tokens[level, column] / reference[level, column] if reference[level, column] else np.nan}
        for method, tokens in kept.items()
        for column in np.flatnonzero(sum(kept.values()).any(axis=0))
        for level in range(LEVEL_BINS)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def draw(data: pd.DataFrame) -> Figure:
    """A panel a method: of the first its own shares, of each other how many times the first's tokens it has.

    Left blank where neither has any, hatched where only the first has.
    """
    if data.empty:
        return nothing("no run has logged what it trained on")
    methods, rows = list(data["method"].unique()), list(data["frequency"].unique())
    totals = data.groupby("method")["tokens"].sum()
    columns = min(3, len(methods))
    lines = -(-len(methods) // columns)
    figure = plt.figure(figsize=(PAGE if columns > 1 else COLUMN, lines * (0.35 + 0.16 * len(rows)) + 0.75))
    grid = figure.add_gridspec(lines + 1, 2 * columns, height_ratios=[*[1] * lines, 0.07])
    images = []
    for i, method in enumerate(methods):
        line, column = divmod(i, columns)
        axis = figure.add_subplot(grid[line, 2 * column : 2 * column + 2])
        images.append(_panel(axis, data[data["method"] == method], rows, reference=i == 0))
        axis.tick_params(labelleft=column == 0, length=0)
        if i + columns < len(methods):  # another panel is below
            axis.set(xlabel="", xticklabels=[])
        axis.set_title(f"{method}: {totals[method] / totals[methods[0]]:.2f} times the tokens" if i else method)
    halves = (grid[lines, :columns], grid[lines, columns:]) if methods[1:] else (grid[lines, :],)
    labels = f"share of {methods[0]}'s tokens (%)", f"times {methods[0]}'s number of tokens"
    for image, place, label, extend in zip(images[:2], halves, labels, ("neither", "both"), strict=False):
        bar = figure.colorbar(image, figure.add_subplot(place), orientation="horizontal", extend=extend, label=label)
        bar.outline.set_visible(False)
        bar.locator = MaxNLocator(5)
        if extend == "both":
            bar.set_ticks(range(-MOST, MOST + 1), labels=["1/4", "1/2", "1", "2", "4"])
    figure.supylabel("token's share of the corpus, above")
    return figure


def _panel(axis: Axes, cells: pd.DataFrame, rows: list[str], reference: bool) -> QuadMesh:
    """Frequencies down, levels across; the end token's row stands apart."""
    wide = cells.pivot(index="frequency", columns="level_from").loc[rows]
    tokens, share, ratio = (wide[name].to_numpy() for name in ("tokens", "share", "ratio"))
    x = np.arange(LEVEL_BINS + 1) / LEVEL_BINS
    y = np.arange(len(rows)) + GAP * (np.array(rows) == PADDING)
    for row, column in np.argwhere((tokens == 0) & (ratio == 0)):
        axis.add_patch(Rectangle((x[column], y[row] - 0.5), 1 / LEVEL_BINS, 1, **ONLY_REFERENCE))
    if reference:
        values, look = 100 * share, {"cmap": PROBABILITY_MAP, "norm": PowerNorm(0.5, 0, 100 * share.max())}
    else:
        with np.errstate(divide="ignore"):
            values = np.log2(np.where(np.isnan(ratio), np.inf, ratio))  # to nothing: beyond the scale
        look = {"cmap": RATIO_MAP, "norm": Normalize(-MOST, MOST)}
    values = np.ma.array(values, mask=tokens == 0)
    for part in (np.array(rows) != PADDING, np.array(rows) == PADDING):  # a mesh each, for the gap
        if part.any():
            image = axis.pcolormesh(x, [*(y[part] - 0.5), y[part][-1] + 0.5], values[part], **look)
    number = 100 * share if reference else ratio
    for row, column in np.argwhere((tokens > 0) & ~np.isnan(number)):
        text = _number(number[row, column], digits=1 if reference else 2)
        write_in_cell(axis, x[column] + 0.5 / LEVEL_BINS, y[row], text, image.to_rgba(values[row, column]))
    axis.set_yticks(y, rows)
    axis.set_ylim(y[-1] + 0.5, -0.5)
    axis.set_xticks([0, 1 / 3, 2 / 3, 1], ["0", "1/3", "2/3", "1"])
    axis.set_xlim(0, 1)
    axis.set_xlabel("masking level t")
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    return image


def _number(value: float, digits: int) -> str:
    """At most three figures, and no zero for what is more."""
    least = 10.0**-digits
    if value < least / 2:
        return "<" + f"{least:.{digits}f}".lstrip("0")  # a cell is no wider
    return f"{value:.{digits if value < 9.95 else 1 if value < 99.95 else 0}f}"
