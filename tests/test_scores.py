"""From grades to scores and tables: benchmarks with several decoders, averages that compare like with like."""

import json

import pandas as pd
import pytest

from lift.errors import InputError
from lift.report import tables, text
from lift.scores import reported
from lift.scores.problem_scores import problem_table
from lift.scores.run_records import cost_rows
from lift.scores.scores import read_problems, score_rows
from tests.conftest import ROOT

GREEDY, LONG, FAST = (
    {"gen_length": length, "steps": steps, "drawn": False} for length, steps in ((32, 4), (64, 8), (32, 2))
)
PLAN = {
    "gsm8k": {"metric": "accuracy", "k": 1, "decoders": {"greedy": GREEDY, "long": LONG, "fast": FAST}},
    "sudoku": {"metric": "cell_accuracy", "k": 1, "decoders": {"greedy": GREEDY}},
    "aime24": {"metric": "pass@k", "k": 2, "decoders": {"sampled": GREEDY | {"drawn": True}}},
}
STEPS = {("m", "sft", seed): 120 for seed in (0, 1)}
OWN = {"gsm8k": "accuracy", "sudoku": "cell_accuracy", "aime24": "pass@2"}


def write(folder, model, method, seed, decoder, benchmark, correct, samples=1, **columns):
    path = folder / model / method / f"seed{seed}" / decoder / f"{benchmark}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = [i // samples for i in range(len(correct))]
    rows = {"id": ids, "sample": [i % samples for i in range(len(correct))], "correct": correct}
    pd.DataFrame(rows | {"invalid": 0, "truncated": 0} | columns).to_csv(path, index=False)
    return path


@pytest.fixture
def rows(tmp_path):
    """Rows of scores.csv, and problem scores."""
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
    problems = problem_table(files, PLAN, STEPS, {})
    return pd.DataFrame(score_rows(problems, PLAN)), problems


@pytest.fixture
def scores(rows):
    return rows[0]


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
    assert value(scores, seed="all", **trained)[["value", "n", "seeds"]].tolist() == [0.75, 4, 2]


def test_pass_at_k_may_be_of_more_samples_than_k(tmp_path):
    file = write(tmp_path, "m", "sft", 0, "sampled", "aime24", [1, 0, 0, 0, 0, 0, 0, 0], samples=4)
    rows = pd.DataFrame(score_rows(problem_table([file], PLAN, STEPS, {}), PLAN))
    scores = rows.set_index("metric")["value"]
    assert scores["pass@2"] == pytest.approx(0.5 * (1 - 3 / 6))  # the first problem: one of four is right
    assert scores["pass@4"] == 0.5
    assert scores["avg@4"] == 0.125
    assert value(rows, benchmark="aime24", metric="pass@2")["n"] == 2


def test_problem_scores_average_to_the_scores(rows):
    scores, problems = rows
    keys = ["method", "benchmark", "decoder", "metric"]
    for place, part in problems[problems["model"] == "m"].groupby(keys):
        wanted = dict(zip(keys, place, strict=True))
        found = scores[(scores[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        assert part["value"].mean() == pytest.approx(found["value"].iloc[-1])
    counted = problems[problems["counts"]]
    assert set(counted.query("benchmark == 'gsm8k'")["decoder"]) == {"greedy", "long"}
    assert counted.groupby("benchmark")["metric"].unique().map(list).to_dict() == {b: [m] for b, m in OWN.items()}


def test_all_metrics_are_made_of_the_problems_scores(rows):
    """So that a better interval needs no answer, nor a grade, again."""
    scores, problems = rows
    metrics = scores[scores["benchmark"] != "average"].groupby("benchmark")["metric"].unique().map(set).to_dict()
    assert metrics == problems.groupby("benchmark")["metric"].unique().map(set).to_dict()
    assert metrics["aime24"] == {"pass@2", "avg@2", "invalid_format", "truncated"}


def test_rows_over_seeds_say_how_seeds_were_counted(scores):
    said = scores.groupby("seed")["seed_variance"].unique().map(set).to_dict()
    assert said == {"all": {"own"}, "0": {"-"}, "1": {"-"}, "-": {"-"}}


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


NONE = pd.DataFrame(columns=["model", "method", "benchmark", "gen_length", "verdict"])
REPORTED = pd.DataFrame(columns=["model", "method", "benchmark", "length", "published", "value", "differs"])


def shown(scores):
    return tables.first_decoders(scores, {name: list(plan["decoders"]) for name, plan in PLAN.items()})


def test_the_main_table_has_a_row_a_length(scores):
    rows = shown(scores)
    assert set(rows.query("benchmark == 'gsm8k'")["decoder"]) == {"greedy", "long"}
    table = text.main(tables.main_table(rows, OWN, ["guess", "base", "sft"], NONE), REPORTED)
    assert table[["model", "length", "method", "seeds"]].values.tolist() == [
        ["none", "32", "guess", "1"],
        ["m", "32", "base", "1"],
        ["m", "32", "sft", "2"],
        ["m", "64", "base", "1"],
        ["m", "64", "sft", "2"],
    ]
    shown_benchmarks = ["gsm8k (n=4)", "sudoku (cell_accuracy, n=2)", "aime24 (pass@2, n=2)", "average"]
    assert list(table.columns)[4:] == ["step", *shown_benchmarks]
    assert table.loc[0, "average"] == "-"
    assert table.loc[1, "gsm8k (n=4)"].startswith("75.0 [")
    assert table.loc[3, "gsm8k (n=4)"].startswith("100.0 [")
    assert table.loc[3, "sudoku (cell_accuracy, n=2)"] == "-"
    one_length = tables.main_table(rows[rows["gen_length"] == 32], OWN, ["guess", "base", "sft"], NONE)
    assert "length" not in text.main(one_length, REPORTED)


def test_the_main_table_says_what_a_score_is_beside(scores):
    rows = shown(scores)
    comparisons = pd.DataFrame(
        [{"model": "m", "method": "base", "benchmark": "gsm8k", "gen_length": 32, "verdict": "worse"}]
    )
    published = pd.DataFrame(
        [
            {"value": 70.0, "model": "hub/m", "method": "base", "benchmark": "gsm8k", "length": 32},
            {"value": 45.0, "model": "hub/m", "method": "sft", "benchmark": "gsm8k", "length": None},
            {"value": 10.0, "model": "other/m", "method": "base", "benchmark": "gsm8k", "length": 32},
            {"value": 20.0, "model": "", "method": "base", "benchmark": "sudoku", "length": 32},
        ]
    ).assign(metric="accuracy", source="a paper")
    sources = {name: name for name in PLAN}
    methods = ["guess", "base", "sft"]
    beside = tables.reported_table(tables.own_scores(rows, OWN), published, {"m": "hub/m"}, sources, methods)
    table = text.main(tables.main_table(rows, OWN, methods, comparisons), beside)
    cells = table.set_index(["method", "length"])["gsm8k (n=4)"]
    assert cells["base", "32"].endswith("] worse; published 70.0")
    assert cells["sft", "64"].endswith("]; published 45.0, differs")
    table = text.reported(beside)
    assert table[["model", "method", "length", "published", "differs"]].values.tolist() == [
        ["m", "base", "32", "70.0", "no"],
        ["m", "sft", "32 (not stated)", "45.0", "no"],
        ["m", "sft", "64 (not stated)", "45.0", "yes"],
        ["other/m", "base", "32", "10.0", "-"],
        ["not stated", "base", "32", "20.0", "-"],
    ]


def test_a_mistake_in_the_published_numbers_is_named(tmp_path):
    path = tmp_path / "reported.csv"
    path.write_text("value,model,method,benchmark,length,metric,source\nhigh,m,sft,gsm8k,,accuracy,a paper\n")
    with pytest.raises(InputError, match="line 2: value 'high' is no number"):
        reported.read(path)
    row = ",m,sft,gsm8k,,accuracy,a paper\n"
    path.write_text(f"value,model,method,benchmark,length,metric,source\n160{row}")
    with pytest.raises(InputError, match="line 2: value 160 is not between 0 and 100"):
        reported.read(path)
    path.write_text(f"value,model,method,benchmark,length,metric,source\n1{row}2{row}")
    with pytest.raises(InputError, match=r"line 3: .* twice"):
        reported.read(path)
    path.write_text("")
    with pytest.raises(InputError, match="is empty"):
        reported.read(path)
    path.write_text("value,model\n1,m\n")
    with pytest.raises(InputError, match="columns must be value, model, method"):
        reported.read(path)
    assert len(reported.read(ROOT / "config/reported.csv")) > 30


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
    assert table["value"].tolist() == [0.75, 0, 0.75, 0]
    shown = text.shown("decoders", table)
    assert [score.split()[0] for score in shown["score"]] == ["75.0", "0.0", "75.0", "0.0"]
    assert shown["passes an answer"].tolist() == ["4.0", "2.0", "4.0", "2.0"]
    assert shown["tokens a pass"].tolist() == ["5.00", "10.00", "5.00", "10.00"]
    assert shown["tokens a second"].tolist() == ["40"] * 4


def test_problem_scores_of_another_kind_are_named(tmp_path, rows):
    path = tmp_path / "problem_scores.parquet"
    good = rows[1]
    twice = pd.concat([good, good.iloc[:1]])
    for wrong, said in ((good.drop(columns="run"), "lacks run"), (good.iloc[:0], "no scores"), (twice, "twice")):
        wrong.to_parquet(path)
        with pytest.raises(InputError, match=said):
            read_problems(path)
    path.write_text("no Parquet")
    with pytest.raises(InputError, match="is no Parquet file"):
        read_problems(path)


def record(**facts):
    machine = {"machine": "Linux x86_64, AMD EPYC, 2 cores", "instructions": "AVX2", "versions": {"torch": "2.13.0"}}
    return machine | {"peak_memory_bytes": 2**20} | facts


def test_the_foot_of_a_table_says_what_made_it_and_whether_machines_were_mixed(tmp_path):
    card = {"gpu": "NVIDIA H100", "cuda": "12.8", "driver": "570.1", "peak_gpu_memory_bytes": 2**21}
    cost = {"benchmark": "b", "decoder": "d", "tokens": 1, "seconds": 1.0}
    trained = {"steps": 1, "seconds_this_process": 2.0, "masked_tokens": 3}
    paths = []
    for place, content in (
        ("generations/m/base/seed0", record(costs=[cost])),
        ("generations/m/sft/seed0", record(costs=[cost], **card)),
        ("runs/m/sft/seed0", record(**trained, **card)),
    ):
        path = tmp_path / place / "run.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
        paths.append(path)
    costs = pd.DataFrame(cost_rows(paths))
    assert costs["processor"].tolist() == ["AMD EPYC, 2 cores, AVX2", "NVIDIA H100", "NVIDIA H100"]
    assert text.made_with(costs[:1]) == "Made with AMD EPYC, 2 cores, AVX2, torch 2.13.0."
    assert text.made_with(costs[1:]) == "Made with NVIDIA H100, CUDA 12.8, driver 570.1, torch 2.13.0."
    mixed = text.made_with(costs)
    assert "2 kinds of machine" in mixed
    assert "torch 2.13.0: decode of base; NVIDIA H100" in mixed
    assert mixed.endswith("decode of sft, finetune of sft")
    assert text.made_with(costs.drop(columns="processor")) == ""
    tables.write(pd.DataFrame({"name": ["a"]}), tmp_path / "made", foot=mixed)
    assert (tmp_path / "made.md").read_text().endswith(f"|\n\n{mixed}\n")
    assert (tmp_path / "made.tex").read_text().endswith(f"{mixed}\n")
