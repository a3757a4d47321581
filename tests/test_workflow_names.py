"""Names are text in every file: an experiment whose names look like numbers, truths or missing values."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lift import tidy
from lift.errors import InputError
from tests.checkout import SMOKE, Checkout

pytestmark = pytest.mark.dag

TINY = SMOKE["models"]["tiny-llada"]
ODD = SMOKE | {
    "experiment": "1e5",
    "seeds": [0, 1],
    "models": {"null": TINY},
    "corpora": {"007": {"source": "mini-traces", "size": 40, "held_out": 8}},
    "statistics": {"corpus": "007", "levels": [0.25, 0.84]},
    "training": SMOKE["training"] | {"corpus": "007"},
    "methods": {"NA": {"objective": "vanilla"}, "true": {"objective": "lift"}},
    "decoders": {"16": SMOKE["decoders"]["greedy"], "17": SMOKE["decoders"]["sampled"]},
    "benchmarks": {
        "nan": {"source": "mini-gsm", "decoder": ["16"], "size": 4},
        "1e3": {"source": "mini-contest-a", "decoder": "17", "samples": 2, "size": 3},
    },
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    checkout = Checkout(tmp_path_factory.mktemp("names"), ODD)
    result = checkout.run()
    assert result.returncode == 0, result.stdout + result.stderr
    return checkout


def test_every_row_has_its_name(checkout):
    main = tidy.read_text(checkout.results / "tables/main.csv")
    expected = [("none", "guess"), ("null", "base"), ("null", "NA"), ("null", "true")]
    rows = main[["model", "method"]].drop_duplicates()
    assert list(rows.itertuples(index=False, name=None)) == expected
    assert list(main["benchmark"].unique()) == ["nan", "1e3", "average"]
    assert "" not in main.drop(columns="verdict").to_numpy()
    decoders = tidy.read_text(checkout.results / "tables/decoders.csv")
    assert set(decoders["decoder"]) == {"16", "17"}
    cost = tidy.read_text(checkout.results / "figures/cost-null-48.csv")
    assert {"NA", "true"} <= set(cost["method"])
    comparisons = tidy.read(checkout.results / "comparisons.csv")
    assert set(comparisons["reference"]) == {"NA"}
    page = (checkout.results / "report.html").read_text()
    assert '"methods":["guess","base","NA","true"]' in page


def test_a_cell_is_explained_by_such_names(checkout):
    command = [sys.executable, "-m", "lift", "explain", "1e5/main/null/NA/nan"]
    result = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "grades/null/NA/seed{0,1}/16/nan.csv" in result.stdout


def test_the_base_is_decoded_once_a_sampling_seed_and_once_where_it_is_greedy(checkout):
    folder = checkout.results / "generations/null/base"
    answers = {str(path.relative_to(folder)) for path in folder.rglob("*.jsonl")}
    assert answers == {"seed0/16/nan.jsonl", "seed0/17/1e3.jsonl", "seed1/17/1e3.jsonl"}
    texts = [(folder / f"seed{seed}/17/1e3.jsonl").read_text() for seed in (0, 1)]
    assert texts[0] != texts[1]
    scores = tidy.read(checkout.results / "scores.csv")
    base = scores[(scores["method"] == "base") & scores["metric"].isin(["accuracy", "pass@2", "mean"])]
    seeds = base.groupby("benchmark")["seed"].agg(list).to_dict()
    assert seeds == {"nan": ["-"], "1e3": ["0", "1", "all"], "average": ["all"]}
    by_seed = base[base["benchmark"] == "1e3"].set_index("seed")["value"]
    assert by_seed["all"] == pytest.approx((by_seed["0"] + by_seed["1"]) / 2)
    comparisons = tidy.read(checkout.results / "comparisons.csv")
    assert set(comparisons.loc[comparisons["method"] == "base", "seeds"]) == {2}


def test_an_explained_base_asks_for_no_answers_that_were_never_given(checkout):
    command = [sys.executable, "-m", "lift", "explain", "1e5/main/null/base/average"]
    result = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "missing" not in result.stdout
    assert "cannot be read" not in result.stdout


NAMES = ["NA", "16", "007", "1.50", "1e5", "null", "nan", "None", "true", "-inf", "2024-01-05", ""]


def test_a_table_is_read_back_as_it_was_written(tmp_path):
    table = pd.DataFrame({"method": NAMES, "decoder": NAMES[::-1], "extracted": NAMES, "n": range(len(NAMES))})
    table["value"] = [np.nan, *np.linspace(0, 1, len(NAMES) - 1).round(6)]
    table.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(tidy.read(tmp_path / "t.csv"), table, check_dtype=False)
    assert tidy.read(tmp_path / "t.csv")["n"].dtype == int


def test_a_number_that_is_none_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("method,value\na,0.5\nb,high\n")
    with pytest.raises(InputError, match=r"t\.csv, column value: .*high"):
        tidy.read(tmp_path / "t.csv")
