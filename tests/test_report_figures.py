"""Figures: one mark a method, the data beside each, readable in print, and nothing to draw is no error."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color, to_hex
from matplotlib.text import Text

from lift import tidy
from lift.config.layout import Layout
from lift.report import contents
from lift.report.figures import confidence, cost, heatmap, held_out_loss, pass_at_k, scores, trained_on
from lift.report.figures.style import COLUMN, PAGE, PALETTE, method_marks, save, share_label
from lift.stages import figures as stage
from lift.statistics.bins import BINS, LEVEL_BINS, lower_edge

METHODS, ABLATIONS = ["guess", "base", "sft", "gift", "lift3"], ["lift3-h5", "sft-last"]
OWN = {"gsm8k": "accuracy", "sudoku": "cell_accuracy", "aime24": "pass@4"}
DECODERS = {"gsm8k": ["greedy", "fast"], "sudoku": ["greedy"], "aime24": ["sampled"]}
MARKS = method_marks(METHODS, ABLATIONS)


def score(method, benchmark, metric, value, decoder="greedy"):
    row = {"model": "none" if method == "guess" else "m", "method": method, "seed": "all", "benchmark": benchmark}
    numbers = {"value": value, "ci_low": value - 0.05, "ci_high": value + 0.05}
    return row | {"step": "120", "decoder": decoder, "gen_length": 32, "steps": 4, "metric": metric, "n": 9} | numbers


@pytest.fixture
def rows():
    """Scores of one model and length."""
    found = []
    for i, method in enumerate([*METHODS, *ABLATIONS]):
        found += [score(method, name, OWN[name], 0.3 + 0.02 * i, DECODERS[name][0]) for name in OWN]
        found += [score(method, "gsm8k", "accuracy", 0.2, "fast"), score(method, "average", "mean", 0.3, "-")]
        found += [score(method, "aime24", metric, 0.1, "sampled") for metric in ("avg@4", "pass@2")]
    return pd.DataFrame(found)


@pytest.fixture
def first(rows):
    return rows[rows["decoder"] != "fast"]


@pytest.fixture
def costs():
    """Decoding of every method but guess; fine-tuning of those with a run of their own."""
    common = {"model": "m", "seed": "0", "answers": 10.0, "seconds": 5.0}
    found = [
        common
        | {
            "method": m,
            "stage": "decode",
            "benchmark": b,
            "decoder": d,
            "gen_length": 32,
            "nfe": 40 if d == "fast" else 80,
        }
        for m in METHODS[1:]
        for b, names in DECODERS.items()
        for d in names
    ]
    return pd.DataFrame(
        [*found, *({"model": "m", "method": m, "stage": "finetune", "seconds": 9.0} for m in ("sft", "gift"))]
    )


def log_entries(method, seed, scale=1):
    kept = np.zeros((LEVEL_BINS, BINS + 1), dtype=int)
    kept[:, 3], kept[2:, 5], kept[0, BINS] = 10 * scale, 4, 7 * (method != "gift")
    for step in (2, 4):
        yield {"model": "m", "method": method, "seed": seed, "step": step, "loss": 1.0, "kept_tokens": kept.tolist()}
        losses = {f"eval_ce_level_{i / LEVEL_BINS:.2f}": 2.0 + i - 0.1 * step for i in range(LEVEL_BINS)}
        yield {"model": "m", "method": method, "seed": seed, "step": step, "eval_loss": 3.0 + int(seed[-1])} | losses


@pytest.fixture
def log():
    """Two seeds of each method; gift trains on no padding, lift3 on twice the frequent tokens."""
    runs = [(m, seed, 1 + (m == "lift3")) for m in METHODS[2:] for seed in ("seed0", "seed1")]
    return pd.DataFrame([entry for run in runs for entry in log_entries(*run)])


@pytest.fixture
def statistics():
    frequency = {"the": 500, "and": 400, "so": 300, "sum": 60, "proof": 20, "clearly": 5, "optional": 4, "lemma": 1}
    table = [
        {"level": level, "token": i, "word": word, "frequency": count, "count": count, "accuracy": 0.5}
        | {"confidence": (1 - level) / (1 + 0.1 * i), "gold_probability": (1 - level) / (1 + 0.2 * i)}
        for level in (0.25, 0.5, 0.84)
        for i, (word, count) in enumerate(frequency.items())
    ]
    return pd.DataFrame(table)


@pytest.fixture
def tables(rows, first, costs, log, statistics):
    """What every figure draws."""
    return {
        "scores": scores.data(first, OWN, [*METHODS, *ABLATIONS]),
        "pass_at_k": pass_at_k.data(first, list(OWN), METHODS),
        "cost": cost.data(rows, costs, OWN, DECODERS, METHODS),
        "held_out_loss": held_out_loss.data(log, METHODS),
        "trained_on": trained_on.data(log, METHODS),
        "confidence": confidence.data(statistics),
        "heatmap": heatmap.data(statistics),
    }


@pytest.fixture
def drawn(tables):
    """Every figure with its data."""
    figures = {"scores": scores.draw(tables["scores"], MARKS, ABLATIONS)}
    for kind in (pass_at_k, cost, held_out_loss):
        name = kind.__name__.rpartition(".")[2]
        figures[name] = kind.draw(tables[name], MARKS)
    for kind in (trained_on, confidence, heatmap):
        name = kind.__name__.rpartition(".")[2]
        figures[name] = kind.draw(tables[name])
    yield {name: (figures[name], tables[name]) for name in tables}
    plt.close("all")


def line_colours(figure):
    return {to_hex(line.get_color()) for axis in figure.axes for line in axis.get_lines()}


def test_a_method_has_one_colour_in_every_figure(drawn):
    assert MARKS["sft"].colour == PALETTE[0]
    assert len({mark.colour for mark in MARKS.values()}) == len(METHODS) + 1  # the ablations share a grey
    trained = {MARKS[name].colour.lower() for name in METHODS[2:]}
    for name in ("scores", "pass_at_k", "cost", "held_out_loss"):
        assert trained <= line_colours(drawn[name][0]), name
    assert method_marks(METHODS)["lift3"] == MARKS["lift3"]
    many = method_marks([f"m{i}" for i in range(20)])
    assert len(set(many.values())) == 20


def test_what_is_drawn_is_the_data(drawn):
    figure, table = drawn["scores"]
    assert list(table["benchmark"].unique()) == [*OWN, "average"]
    for axis, (_, part) in zip(figure.axes, table.groupby("benchmark", sort=False), strict=False):
        points = [line.get_xdata()[0] for line in axis.get_lines() if line.get_marker() not in ("None", "")]
        assert points == part["value"].tolist()
    figure, table = drawn["held_out_loss"]
    assert figure.axes[0].get_lines()[0].get_ydata().tolist() == [3.5, 3.5]
    assert table.query("levels == 'all levels'")[["low", "high", "runs"]].drop_duplicates().values.tolist() == [
        [3, 4, 2]
    ]
    figure, table = drawn["heatmap"]
    cells = np.concatenate([axis.images[0].get_array().data.ravel() for axis in figure.axes[:2]])
    assert sorted(cells) == pytest.approx(sorted(table["value"]))


def test_text_is_readable_at_the_width_of_a_page(drawn):
    for name, (figure, _) in drawn.items():
        assert round(figure.get_figwidth(), 2) in (COLUMN, PAGE), name
        figure.draw_without_rendering()
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
        assert min(sizes) >= 7, name


def test_files_embed_fonts_and_repeat_byte_for_byte(first, tmp_path):
    table = scores.data(first, OWN, METHODS)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(scores.draw(table, MARKS), table, tmp_path / folder / "scores-m-2.5-32")  # a dot is no suffix
    for extension in ("png", "pdf", "csv"):
        files = [tmp_path / folder / f"scores-m-2.5-32.{extension}" for folder in ("a", "b")]
        assert files[0].read_bytes() == files[1].read_bytes()
    pdf = (tmp_path / "a" / "scores-m-2.5-32.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    written = tidy.read(tmp_path / "a" / "scores-m-2.5-32.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False)


def test_guessing_off_the_scale_stands_at_the_edge(first):
    first = first.copy()
    first.loc[first["method"] == "guess", ["value", "ci_low", "ci_high"]] = [0.024, 0.02, 0.03]
    figure = scores.draw(scores.data(first, OWN, METHODS), MARKS)
    assert "◂ 2.4" in [text.get_text() for text in figure.axes[0].texts]
    assert figure.axes[0].get_xlim()[0] > 0.2


def test_kept_tokens_are_shares_and_ratios_of_the_mean_run(tables):
    table = tables["trained_on"]
    assert table.groupby("method")["share"].sum().tolist() == pytest.approx([1, 1, 1])
    assert list(table["frequency"].unique()) == ["10⁻²", "10⁻³", trained_on.PADDING]
    cell = table[(table["level_from"] == 0)].set_index(["method", "frequency"])
    assert cell.loc[("sft", "10⁻²"), "tokens"] == 20  # of two entries; the other seed is another run
    assert cell.loc[("lift3", "10⁻²"), "ratio"] == 2
    assert cell.loc[("gift", trained_on.PADDING), "ratio"] == 0
    assert np.isnan(cell.loc[("lift3", "10⁻³"), "ratio"])  # sft has none there


def test_shares_are_labelled_by_power_of_ten():
    labels = [share_label(lower_edge(i)) for i in range(BINS)]
    assert labels[:4] == ["3·10⁻¹", "10⁻¹", "3·10⁻²", "10⁻²"]
    assert labels[-1] == "0"
    assert len(set(labels)) == BINS


def test_cost_has_a_point_a_decoder_and_none_for_a_run_that_is_not_there(tables):
    table = tables["cost"].set_index(["cost", "method", "decoder"])
    assert table.loc[(cost.PASSES, "sft", "greedy, sampled"), ["x", "ci_low"]].tolist() == pytest.approx([8, 0.25])
    assert table.loc[(cost.PASSES, "sft", "fast"), "x"] == pytest.approx((4 + 8 + 8) / 3)
    assert np.isnan(table.loc[(cost.PASSES, "sft", "fast"), "ci_low"])
    assert set(table.loc[cost.TRAINING].index.get_level_values("method")) == {"sft", "gift"}
    assert "guess" not in table.index.get_level_values("method")


def test_a_mean_over_words_has_an_interval_and_the_examples_are_bars(tables):
    table = tables["confidence"]
    means = table[table["drawn_as"] == "mean"]
    assert means["value"].between(means["ci_low"], means["ci_high"]).all()
    bars = table[table["drawn_as"] == "bar"]
    assert set(bars["word"]) == {"and", "the", "clearly", "optional"}
    assert confidence.mean_over_words(pd.Series([0.4]), pd.Series([3])) == pytest.approx((0.4, 0.4, 0.4))
    value, count = pd.Series([0.4, 0.5, 0.6]), pd.Series([5, 5, 5])
    mean, low, high = confidence.mean_over_words(value, count)
    assert high - mean == pytest.approx(4.302653 * value.std() / 3**0.5)  # Student's, where all weigh the same
    assert mean - low == pytest.approx(high - mean)


def test_nothing_to_draw_is_no_error(first, costs, log):
    greedy = first[~first["metric"].str.contains("@")]
    assert pass_at_k.draw(pass_at_k.data(greedy, list(OWN), METHODS), MARKS).axes == []
    assert trained_on.data(log.drop(columns="kept_tokens"), METHODS).empty
    assert held_out_loss.draw(held_out_loss.data(log.drop(columns="eval_loss"), METHODS), MARKS).axes == []
    assert (
        cost.draw(cost.data(greedy[greedy["benchmark"] != "average"], costs, OWN, DECODERS, METHODS), MARKS).axes == []
    )
    one = trained_on.draw(trained_on.data(log, ["sft"]))
    assert len(one.axes) == 2  # its shares and their colour bar
    alone = scores.draw(scores.data(first, OWN, ["sft"]), MARKS)
    assert same_color(alone.axes[0].get_lines()[-1].get_color(), MARKS["sft"].colour)


def test_the_stage_writes_every_figure(rows, costs, log, statistics, tmp_path):
    layout = Layout(tmp_path)
    rows.to_csv(layout.scores)
    costs.to_csv(layout.costs)
    layout.statistics("m", "traces").parent.mkdir()
    statistics.to_parquet(layout.statistics("m", "traces"))
    for (method, seed), entries in log.groupby(["method", "seed"]):
        folder = layout.run("m", method, seed.removeprefix("seed"))
        folder.mkdir(parents=True)
        lines = [row.dropna().drop(["model", "method", "seed"]).to_json() for _, row in entries.iterrows()]
        (folder / "log.jsonl").write_text("\n".join(lines))
    view = {"metrics": OWN, "decoders": DECODERS, "methods": METHODS, "ablations": ABLATIONS}
    view |= {"models": ["m"], "corpus": "traces"}
    trained, seeds = list(log["method"].unique()), [seed.removeprefix("seed") for seed in log["seed"].unique()]
    stage.main(SimpleNamespace(layout=layout, figures=lambda: view, trained=trained, seeds=seeds), None)
    for name in contents.figures(["m"], [32], "traces"):
        assert {path.suffix for path in layout.figures.glob(f"{name}.*")} >= {".png", ".pdf", ".csv"}, name
    assert set(pd.read_csv(layout.figures / "cost-m-32.csv")["method"]) == set(METHODS[1:])
    assert set(pd.read_csv(layout.figures / "scores-m-32.csv")["method"]) == {*METHODS, *ABLATIONS}
