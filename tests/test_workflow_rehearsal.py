"""The dress rehearsal: the full-scale DAG, every corpus and benchmark format, both families' layouts, on the CPU.

With LIFT_DATA naming a folder with the complete published files (gsm8k_test.jsonl, gsm8k_train.jsonl, math500.jsonl,
aime24.json, aime25.json, countdown_cd3_test.jsonl, 4x4_test_sudoku.csv, HumanEval.jsonl.gz, sanitized-mbpp.json), the
same is run on all of them as well.
"""

import copy
import json
import os
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.checkout import Checkout
from tests.conftest import ROOT

CONFIG = yaml.safe_load((ROOT / "tests/config/rehearsal.yaml").read_text())
METHODS = ["base", *CONFIG["methods"]]
pytestmark = [
    pytest.mark.dag,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="code answers run in bubblewrap"),
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    checkout = Checkout(tmp_path_factory.mktemp("rehearsal"), CONFIG)
    result = checkout.run()
    assert result.returncode == 0, result.stdout + result.stderr
    checkout.output = result.stdout + result.stderr
    return checkout


def test_every_row_of_the_main_table_is_there(checkout):
    table = pd.read_csv(checkout.results / "tables/main.csv")
    expected = [(model, length, method) for model in ("dream", "llada") for length in (32, 64) for method in METHODS]
    rows = table[["model", "length", "method"]].drop_duplicates()
    assert list(rows.itertuples(index=False, name=None)) == expected
    own = table[table["length"] == 32].drop_duplicates("benchmark").set_index("benchmark")["metric"].to_dict()
    exact = dict.fromkeys(("gsm8k", "math500", "countdown", "humaneval", "mbpp"), "accuracy")
    assert own == exact | {"sudoku": "cell_accuracy", "aime24": "pass@4", "aime25": "pass@4", "average": "mean"}
    longer = set(table.loc[table["length"] == 64, "benchmark"])
    assert longer == own.keys() - {"aime24", "aime25"}  # sampled at one length only
    assert "| aime24 (pass@4, n=" in checkout.output


def test_every_answer_is_judged(checkout):
    for model in CONFIG["models"]:
        for method in METHODS:
            for name, entry in CONFIG["benchmarks"].items():
                named = entry["decoder"]
                for decoder in [named] if isinstance(named, str) else named:
                    grades = checkout.results / f"grades/{model}/{method}/seed0/{decoder}/{name}.csv"
                    assert len(pd.read_csv(grades)) == entry["rows"] * entry.get("samples", 1)
    columns = pd.read_csv(checkout.results / "grades/llada/base/seed0/greedy-32/sudoku.csv").columns
    assert {"correct_cells", "empty_cells", "valid"} <= set(columns)


def test_the_data_report_says_what_was_cut_and_which_prompts_were_used(checkout):
    data = pd.read_csv(checkout.results / "tables/data.csv").set_index(["model", "corpus"])
    assert data.loc[("llada", "gsm8k"), "cut"] > 0  # its longest example is longer than 512 tokens
    assert (data["training"] + data["held out"]).max() == 12
    benchmarks = pd.read_csv(checkout.results / "tables/benchmarks.csv")
    assert set(benchmarks["benchmark"]) == set(CONFIG["benchmarks"])
    assert set(benchmarks.loc[benchmarks["benchmark"] == "aime24", "temperature"]) == {0.8}
    assert set(benchmarks.loc[benchmarks["benchmark"] == "gsm8k", "prompt"]) == {"gsm8k.txt"}
    contamination = pd.read_csv(checkout.results / "tables/contamination.csv")
    assert len(contamination) == len(CONFIG["corpora"]) * len(CONFIG["benchmarks"])


def test_a_contaminated_corpus_is_found(checkout):
    """The report on a corpus that holds a benchmark's own question."""
    problem = json.loads((checkout.results / "benchmarks/gsm8k.jsonl").read_text().splitlines()[2])
    path = checkout.folder / "leaked.jsonl"
    rows = [{"ask": "What is 1 + 1?", "steps": "", "result": "2"}] * 4
    rows.append({"ask": "Listen: " + problem["question"].upper(), "steps": "Hm.", "result": "1"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = copy.deepcopy(CONFIG)
    config["corpora"]["own"] |= {"path": str(path), "rows": 5}
    result = checkout.run(str(checkout.results.relative_to(checkout.folder) / "contamination.csv"), config=config)
    assert result.returncode == 0, result.stdout + result.stderr
    found = pd.read_csv(checkout.results / "contamination.csv")
    assert found[["corpus", "benchmark", "problem", "example"]].values.tolist() == [["own", "gsm8k", 2, 4]]


def test_an_own_prompt_decodes_that_benchmark_again_and_trains_nothing(checkout):
    own = checkout.folder / "mine.txt"
    own.write_text("Make {target} of {numbers}.")
    config = copy.deepcopy(CONFIG)
    config["benchmarks"]["countdown"]["prompt"] = str(own)
    plan = checkout.plan("grade", config=config)
    assert plan == {"prepare_benchmark": 1, "answer": 12, "judge": 12, "grade": 1}


@pytest.mark.skipif("LIFT_DATA" not in os.environ, reason="LIFT_DATA names no folder with the complete files")
def test_the_complete_files_run_through(tmp_path):
    data = Path(os.environ["LIFT_DATA"])
    files = {
        "gsm8k": ("gsm8k_test.jsonl", 1319),
        "math500": ("math500.jsonl", 500),
        "countdown": ("countdown_cd3_test.jsonl", 256),
        "sudoku": ("4x4_test_sudoku.csv", 500),
        "aime24": ("aime24.json", 30),
        "aime25": ("aime25.json", 30),
        "humaneval": ("HumanEval.jsonl.gz", 164),
        "mbpp": ("sanitized-mbpp.json", 257),
    }
    config = copy.deepcopy(CONFIG)
    for name, (file, rows) in files.items():
        config["benchmarks"][name] |= {"path": str(data / file), "rows": rows}
    config["corpora"]["gsm8k"] |= {"path": str(data / "gsm8k_train.jsonl"), "rows": 7473, "held_out": 75}
    config["methods"]["cart"]["training"]["epochs"] = 0.01  # its corpus is a thousand times the others'
    checkout = Checkout(tmp_path, config)
    started = time.time()
    result = checkout.run()
    assert result.returncode == 0, result.stdout + result.stderr
    print(f"\nThe complete files took {time.time() - started:.0f} s.")
    scores = pd.read_csv(checkout.results / "scores.csv")
    counts = scores[scores["metric"] != "mean"].groupby("benchmark")["n"].unique()
    expected = {name: rows for name, (_, rows) in files.items()} | {"sudoku": 256}
    assert {name: list(n) for name, n in counts.items()} == {name: [rows] for name, rows in expected.items()}
