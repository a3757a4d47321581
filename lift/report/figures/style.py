"""The style that all figures share: sizes in print, colours, and one mark for each method of an experiment."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

COLUMN, PAGE = 3.25, 6.75  # inches: a column of a two-column page, and both
STYLE = {
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.labelsize": 7.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,  # fonts embedded whole, so that text stays text
    "savefig.dpi": 250,
}
matplotlib.rcParams.update(STYLE)

# Okabe and Ito's palette, which colour-blind readers can tell apart; yellow last, since it is faint on white.
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", (0, (5, 1)), (0, (3, 1, 1, 1)))
PROBABILITY_MAP, RATIO_MAP = "cividis", "PuOr_r"


@dataclass(frozen=True)
class Mark:
    """How a method is drawn, in every figure."""

    colour: str
    marker: str
    line: str | tuple


UNTRAINED = {"guess": Mark("#A6A6A6", "x", ":"), "base": Mark("#4D4D4D", "*", "--")}
NEUTRAL = Mark("#808080", "o", "-")  # of ablations


def method_marks(methods: list[str], ablations: list[str] = ()) -> dict[str, Mark]:
    """The mark of each method, by its place in the config alone: the same whatever a figure shows."""
    n = len(PALETTE)
    trained = [name for name in methods if name not in UNTRAINED]
    marks = {
        name: Mark(PALETTE[i % n], MARKERS[(i + i // n) % n], LINES[i // n % len(LINES)])
        for i, name in enumerate(trained)
    }
    return {name: UNTRAINED.get(name) or marks[name] for name in methods} | dict.fromkeys(ablations, NEUTRAL)


def panels(count: int, columns: int, row: float, rest: float = 0.0, **options) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes in rows of at most `columns`, each `row` inches high, and `rest` inches more."""
    columns = min(columns, count)
    rows, width = -(-count // columns), PAGE if count > 1 else COLUMN
    figure, axes = plt.subplots(rows, columns, figsize=(width, rest + rows * row), squeeze=False, **options)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:count])


def method_legend(
    figure: Figure, marks: dict[str, Mark], methods: list[str], marker: bool = True, line: bool = True
) -> None:
    """One legend of the methods, below all panels."""
    handles = [
        Line2D([], [], color=m.colour, marker=m.marker if marker else "", linestyle=m.line if line else "", label=name)
        for name, m in ((name, marks[name]) for name in methods)
    ]
    a_row = 8 if figure.get_figwidth() > COLUMN else 4
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), a_row), handlelength=2.2)


def nothing(reason: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = plt.figure(figsize=(COLUMN, 0.8))
    figure.text(0.5, 0.5, reason, ha="center", va="center")
    return figure


def share_label(share: float) -> str:
    """A power of ten, whole or half, as text: 10⁻³, 3·10⁻⁴."""
    if share <= 0:
        return "0"
    exponent = int(np.floor(np.log10(share) + 1e-9))
    power = "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if np.isclose(share, 10.0**exponent) else f"3·{power}"


def write_in_cell(axis: Axes, x: float, y: float, text: str, background: tuple[float, ...]) -> None:
    """A text about a place, black or white, whichever is the easier to read on its colour."""
    red, green, blue = background[:3]
    colour = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
    axis.text(x, y, text, ha="center", va="center", color=colour, fontsize=7)


def save(figure: Figure, data: pd.DataFrame, stem: Path) -> None:
    """The figure as PNG and PDF, without the time of day, and what it shows as CSV."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # it is laid out, once
    figure.savefig(f"{stem}.png", metadata={"Software": None})
    figure.savefig(f"{stem}.pdf", metadata={"CreationDate": None})
    plt.close(figure)
    data.to_csv(f"{stem}.csv", index=False, float_format="%.6g")
