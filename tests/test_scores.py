"""From grades to scores and tables: benchmarks with several decoders, averages that compare like with like."""

import pandas as pd
import pytest

from lift import tables
from lift.stages.scores import score_rows

GREEDY, LONG, FAST = (
    {"gen_length": length, "steps": steps, "temperature": 0.0} for length, steps in ((32, 4), (64, 8), (32, 2))
)
PLAN = {
    "gsm8k": {"metric": "accuracy", "decoders": {"greedy": GREEDY, "long": LONG, "fast": FAST}},
    "sudoku": {"metric": "cell_accuracy", "decoders": {"greedy": GREEDY}},
    "aime24": {"metric": "pass@k", "decoders": {"sampled": GREEDY | {"temperature": 0.8}}},
}
OWN = {"gsm8k": "accuracy", "sudoku": "cell_accuracy", "aime24": "pass@2"}


def write(folder, model, method, seed, decoder, benchmark, correct, samples=1, **columns):
    path = folder / model / method / f"seed{seed}" / decoder / f"{benchmark}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = [i // samples for i in range(len(correct))]
    rows = {"id": ids, "sample": [i % samples for i in range(len(correct))], "correct": correct}
    pd.DataFrame(rows | {"invalid": 0, "truncated": 0} | columns).to_csv(path, index=False)
    return path


@pytest.fixture
def scores(tmp_path):
    files = [write(tmp_path, "none", "guess", 0, "greedy", "sudoku", [0, 0], correct_cells=[1, 3], empty_cells=4)]
    for method, seeds in (("base", [0]), ("sft", [0, 1])):
        for seed in seeds:
            where = (tmp_path, "m", method, seed)
            files += [
                write(*where, "greedy", "gsm8k", [1, 0, 1, 1]),
                write(*where, "long", "gsm8k", [1, 1, 1, 1]),
                write(*where, "fast", "gsm8k", [0, 0, 0, 0]),
                write(*where, "greedy", "sudoku", [1, 0], correct_cells=[4, 2], empty_cells=4, valid=[1, 1]),
                write(*where, "sampled", "aime24", [0, 0, 1, 0], samples=2),
            ]
    return pd.DataFrame(score_rows(files, PLAN, ["base", "guess"]))


def value(scores, **wanted):
    rows = scores
    for column, content in wanted.items():
        rows = rows[rows[column] == content]
    assert len(rows) == 1
    return rows.iloc[0]


def test_every_decoder_has_its_own_score(scores):
    of_base = {"method": "base", "benchmark": "gsm8k", "metric": "accuracy"}
    assert {name: value(scores, decoder=name, **of_base)["value"] for name in ("greedy", "long", "fast")} == {
        **{"greedy": 0.75, "long": 1.0, "fast": 0.0}
    }
    assert value(scores, decoder="long", **of_base)[["gen_length", "steps", "n"]].tolist() == [64, 8, 4]
    assert value(scores, decoder="greedy", **of_base)["seed"] == "-"
    trained = {"method": "sft", "benchmark": "gsm8k", "metric": "accuracy", "decoder": "greedy"}
    assert set(scores.query("method == 'sft' and benchmark == 'gsm8k' and decoder == 'greedy'")["seed"]) == {
        *("0", "1", "all")
    }
    assert value(scores, seed="all", **trained)["value"] == 0.75


def test_sudoku_counts_cells_and_says_which_grids_are_valid(scores):
    for metric, expected in (("cell_accuracy", 0.75), ("accuracy", 0.5), ("valid_grid", 1.0)):
        assert value(scores, method="base", benchmark="sudoku", metric=metric)["value"] == expected


def test_the_average_is_of_one_length_and_the_first_decoder(scores):
    average = value(scores, method="base", benchmark="average", gen_length=32)
    assert average["value"] == pytest.approx((0.75 + 0.75 + 0.5) / 3)  # gsm8k greedy and not fast, sudoku, pass@2
    assert value(scores, method="base", benchmark="average", gen_length=64)["value"] == 1.0  # of gsm8k alone


def test_who_answers_only_some_benchmarks_has_no_average(scores):
    assert value(scores, method="guess", benchmark="sudoku", metric="cell_accuracy")["value"] == 0.5
    assert scores.query("method == 'guess' and benchmark == 'average'").empty


def test_the_main_table_has_a_row_a_length(scores):
    decoders = {name: list(plan["decoders"]) for name, plan in PLAN.items()}
    shown = tables.first_decoders(scores, decoders)
    assert set(shown.query("benchmark == 'gsm8k'")["decoder"]) == {"greedy", "long"}
    table = tables.main_table(shown, OWN, ["guess", "base", "sft"])
    assert table[["model", "length", "method"]].values.tolist() == [
        ["none", 32, "guess"],
        ["m", 32, "base"],
        ["m", 32, "sft"],
        ["m", 64, "base"],
        ["m", 64, "sft"],
    ]
    assert table.loc[0, "average"] == "-"
    assert table.loc[1, "gsm8k"].startswith("75.0 [")
    assert table.loc[3, "gsm8k"].startswith("100.0 [")
    assert table.loc[3, "sudoku (cell_accuracy)"] == "-"
    one_length = tables.main_table(shown[shown["gen_length"] == 32], OWN, ["guess", "base", "sft"])
    assert "length" not in one_length


def test_decoders_stand_next_to_each_other_with_what_they_cost(scores):
    costs = [
        {"stage": "decode", "model": "m", "method": method, "seed": seed, "benchmark": "gsm8k", "decoder": decoder}
        | {"answers": 4, "nfe": nfe, "tokens": 80, "seconds": 2.0}
        for method, seeds in (("base", "0"), ("sft", "01"))
        for seed in seeds
        for decoder, nfe in (("fast", 8), ("greedy", 16))
    ]
    costs.append({"stage": "finetune", "model": "m", "method": "sft", "seed": "0", "tokens": 5, "seconds": 9.0})
    decoders = {name: list(plan["decoders"]) for name, plan in PLAN.items()}
    table = tables.decoder_table(scores, pd.DataFrame(costs), OWN, decoders, ["guess", "base", "sft"])
    assert table[["method", "decoder"]].to_numpy().tolist() == [
        *(["base", "greedy"], ["base", "fast"]),
        *(["sft", "greedy"], ["sft", "fast"]),
    ]
    assert [text.split()[0] for text in table["score"]] == ["75.0", "0.0", "75.0", "0.0"]
    assert table["passes an answer"].tolist() == ["4.0", "2.0", "4.0", "2.0"]
    assert table["tokens a pass"].tolist() == ["5.00", "10.00", "5.00", "10.00"]
    assert table["tokens a second"].tolist() == ["40"] * 4
