"""Probability of the predicted and of the true token, by frequency of the token and masking level."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lift.report.figures.confidence import QUANTITIES
from lift.report.figures.style import PROBABILITY_MAP, panels, share_label, write_in_cell
from lift.statistics.bins import frequency_bin, lower_edge


def data(statistics: pd.DataFrame) -> pd.DataFrame:
    """A row a quantity, bin of frequency and level: the mean weighted by count, and how many tokens it is of.

    statistics: by token (see lift.statistics.sums).
    """
    total = statistics.groupby("token")["frequency"].first().sum()
    table = statistics.assign(bin=frequency_bin(statistics["frequency"].to_numpy(), total))
    rows = table.melt(["bin", "level", "count"], list(QUANTITIES), "quantity")
    rows["value"] *= rows["count"]
    cells = rows.groupby(["quantity", "bin", "level"])[["value", "count"]].sum().reset_index()
    cells["value"] /= cells["count"]
    share, tokens = cells["bin"].map(lower_edge), cells["bin"].map(table.groupby("bin")["token"].nunique())
    cells = cells.assign(share_above=share, tokens=tokens)
    return cells[["quantity", "share_above", "tokens", "level", "value", "count"]]


def draw(data: pd.DataFrame) -> Figure:
    """Rows are bins of frequency, the most frequent above; the number in a cell is its colour."""
    shares = data.drop_duplicates("share_above").sort_values("share_above", ascending=False)
    levels = sorted(data["level"].unique())
    figure, axes = panels(2, 2, 0.75 + 0.2 * len(shares), sharey=True)
    for axis, (quantity, title) in zip(axes, QUANTITIES.items(), strict=True):
        cells = data[data["quantity"] == quantity].pivot(index="share_above", columns="level", values="value")
        cells = cells.reindex(index=shares["share_above"], columns=levels).to_numpy()
        image = axis.imshow(cells, cmap=PROBABILITY_MAP, vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(cells):
            if not np.isnan(value):
                write_in_cell(axis, column, row, f"{value:.2f}", image.to_rgba(value))
        axis.set_xticks(range(len(levels)), [f"{level:.3g}" for level in levels])
        labels = [f"{share_label(s)} ({n})" for s, n in zip(shares["share_above"], shares["tokens"], strict=True)]
        axis.set_yticks(range(len(labels)), labels)
        axis.tick_params(length=0)
        axis.grid(visible=False)
        axis.spines[:].set_visible(False)
        axis.set_title(title)
        axis.set_xlabel("masking level t")
    axes[0].set_ylabel("share of the corpus above\n(number of tokens)")
    figure.colorbar(image, ax=axes, label="mean probability", pad=0.01)
    return figure
