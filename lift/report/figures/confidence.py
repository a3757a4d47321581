"""Probability of the predicted and of the true token by masking level, for frequent and for rare words."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from lift.report.figures.style import PROBABILITY_MAP, panels
from lift.statistics.words import split_by_frequency

# The paper's examples of either kind; a corpus without them shows its own.
EXAMPLES = {"frequent": ("and", "is", "the", "to"), "rare": ("clearly", "difficult", "challenging", "optional")}
COLOURS = {"frequent": "#0072B2", "rare": "#D55E00"}
QUANTITIES = {"confidence": "confidence of the prediction", "gold_probability": "probability of the true token"}
COLUMNS = ["quantity", "group", "drawn_as", "word", "level", "value", "ci_low", "ci_high", "count"]


def mean_over_words(value: pd.Series, count: pd.Series) -> tuple[float, float, float]:
    """Mean weighted by count, with its 95% interval where the words are taken as drawn at random.

    The linearised variance of a ratio (Cochran 1977, Sampling Techniques, section 6.4).
    """
    mean, n = float(np.average(value, weights=count)), len(value)
    if n < 2:
        return mean, mean, mean
    residual = count * (value - mean) / count.mean()
    half = stats.t.ppf(0.975, n - 1) * np.sqrt((residual**2).sum() / (n - 1) / n)
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def data(statistics: pd.DataFrame) -> pd.DataFrame:
    """The words of both groups, their mean, and the words that stand as examples at the four highest levels.

    statistics: by word (see lift.statistics.words.by_word).
    """
    groups = dict(zip(EXAMPLES, split_by_frequency(statistics), strict=True))
    highest = sorted(statistics["level"].unique())[-4:]
    parts = []
    for quantity in QUANTITIES:
        table = statistics.assign(quantity=quantity, value=statistics[quantity])
        for group, words in groups.items():
            here = table[table["word"].isin(words)]
            parts.append(here.sort_values(["word", "level"]).assign(group=group, drawn_as="line"))
            cells = [(level, cell["value"], cell["count"]) for level, cell in here.groupby("level")]
            means = [(level, *mean_over_words(value, count), count.sum()) for level, value, count in cells]
            means = pd.DataFrame(means, columns=["level", "value", "ci_low", "ci_high", "count"])
            parts.append(means.assign(quantity=quantity, group=group, drawn_as="mean", word=f"{len(words)} words"))
            found = [word for word in EXAMPLES[group] if word in set(statistics["word"])]
            for word in found or (words[:4] if group == "frequent" else words[-4:]):
                bars = table[(table["word"] == word) & table["level"].isin(highest)]
                parts.append(bars.sort_values("level").assign(group=group, drawn_as="bar"))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def draw(data: pd.DataFrame) -> Figure:
    """Above, a mean for either group with its band, and a thin line a word; below, bars for the examples."""
    figure, axes = panels(4, 2, 2, sharey=True)
    for axis, (quantity, title) in zip(axes[:2], QUANTITIES.items(), strict=True):
        _curves(axis, data[data["quantity"] == quantity])
        axis.set_title(title)
    for axis, quantity in zip(axes[2:], QUANTITIES, strict=True):
        _bars(axis, data[(data["quantity"] == quantity) & (data["drawn_as"] == "bar")])
    axes[0].legend(loc="lower left")
    handles, levels = axes[3].get_legend_handles_labels()
    levels = [f"t = {level}" for level in levels]
    figure.legend(handles, levels, loc="outside lower center", ncols=len(levels), handlelength=1.2)
    for axis in axes[::2]:
        axis.set_ylabel("probability")
    return figure


def _curves(axis: Axes, rows: pd.DataFrame) -> None:
    for group, colour in COLOURS.items():
        part = rows[rows["group"] == group]
        for _, word in part[part["drawn_as"] == "line"].groupby("word"):
            axis.plot(word["level"], word["value"], color=colour, alpha=0.18, linewidth=0.5)
        mean = part[part["drawn_as"] == "mean"]
        axis.fill_between(mean["level"], mean["ci_low"], mean["ci_high"], color=colour, alpha=0.25, linewidth=0)
        label = f"{group} ({mean['word'].iloc[0]})"
        axis.plot(mean["level"], mean["value"], color=colour, marker="os"[group == "rare"], label=label)
    axis.set_xlabel("masking level t")
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)


def _bars(axis: Axes, rows: pd.DataFrame) -> None:
    words = list(rows["word"].unique())
    levels = sorted(rows["level"].unique())
    frequent = rows[rows["group"] == "frequent"]["word"].nunique()
    x = {word: i + 0.6 * (i >= frequent) for i, word in enumerate(words)}
    shades = colormaps[PROBABILITY_MAP](np.linspace(0, 0.95, len(levels)))
    width = 0.8 / len(levels)
    for i, (level, shade) in enumerate(zip(levels, shades, strict=True)):
        part = rows[rows["level"] == level]
        places = part["word"].map(x) + (i + 0.5) * width - 0.4
        axis.bar(places, part["value"], width, color=shade, label=f"{level:.3g}")
    axis.set_xticks(list(x.values()), words, rotation=30, ha="right", rotation_mode="anchor")
    for label, group in zip(axis.get_xticklabels(), rows.drop_duplicates("word")["group"], strict=True):
        label.set_color(COLOURS[group])
    axis.tick_params(axis="x", length=0)
    axis.grid(visible=False, axis="x")
