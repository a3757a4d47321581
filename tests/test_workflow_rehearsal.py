"""The dress rehearsals: the full-scale DAG, every corpus and benchmark format, the families' layouts, on the CPU.

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

CONFIG, SMALL = (
    yaml.safe_load((ROOT / f"tests/config/{name}.yaml").read_text()) for name in ("rehearsal", "rehearsal-small")
)
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
    assert plan == {"prepare_benchmark": 1, "answer": 10, "judge": 10, "grade": 1}


# ---- the configs for one card, and the fast paper


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The second rehearsal, run where the driver's tool says whether it was asked."""
    pytest.importorskip("bitsandbytes")
    checkout = Checkout(tmp_path_factory.mktemp("rehearsal-small"), SMALL)
    tool = checkout.folder / "tools/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\ntouch '{tool}.asked'\n")
    tool.chmod(0o755)
    result = checkout.run(PATH=f"{tool.parent}:{os.environ['PATH']}")
    assert result.returncode == 0, result.stdout + result.stderr
    checkout.output = result.stdout + result.stderr
    return checkout


def test_every_row_of_the_small_table_is_there(small):
    table = pd.read_csv(small.results / "tables/main.csv")
    rows = table[["model", "method"]].drop_duplicates().itertuples(index=False, name=None)
    assert list(rows) == [(model, method) for model in sorted(SMALL["models"]) for method in ("base", "lift3")]
    metrics = dict.fromkeys(SMALL["benchmarks"], "accuracy") | {"aime24": "pass@2", "average": "mean"}
    for _, own in table.groupby(["model", "method"]):
        assert own.set_index("benchmark")["metric"].to_dict() == metrics
    assert table["value"].notna().all()


def test_cached_and_exact_decoders_stand_beside_each_other(small):
    """With as many passes; a threshold alone may take more."""
    table = pd.read_csv(small.results / "tables/decoders.csv").set_index(["model", "method", "benchmark", "decoder"])
    for model in SMALL["models"]:
        for method in ("base", "lift3"):
            passes = table.loc[(model, method), "passes an answer"]
            for benchmark, entry in SMALL["benchmarks"].items():
                named = entry["decoder"]
                assert list(passes[benchmark].index) == ([named] if isinstance(named, str) else named)
            for benchmark in ("countdown", "humaneval"):
                assert passes[benchmark, "dual-32"] == passes[benchmark, "exact-32"] == 4
            assert 4 <= passes["gsm8k", "threshold-32"] <= 32


def test_records_say_which_models_were_quantised(small):
    for model, entry in SMALL["models"].items():
        run, answers = (small.results / kind / model for kind in ("runs", "generations"))
        records = [yaml.safe_load((run / "lift3/seed0/config.yaml").read_text())]
        records += [json.loads((answers / method / "seed0/run.json").read_text()) for method in ("base", "lift3")]
        statistics = small.results / f"statistics/{model}-gsm8k.json"
        records.append(json.loads(statistics.read_text())["settings"])
        said = [record.get("quantisation", "").partition(",")[0] for record in records]
        assert said == [entry.get("quantisation", "")] * 4


def test_activations_were_computed_again(small):
    for model in SMALL["models"]:
        record = yaml.safe_load((small.results / f"runs/{model}/lift3/seed0/config.yaml").read_text())
        assert record["training"]["activation_checkpointing"] is True


def test_no_gpu_was_asked_for(small):
    assert small.output.count("(GPUs: 0)") == 3 + 3 + 6  # statistics, fine-tuning, decoding
    assert "(GPUs: 1)" not in small.output
    assert not (small.folder / "tools/nvidia-smi.asked").exists()
    records = [json.loads(path.read_text()) for path in (small.results / "generations").rglob("run.json")]
    assert [(record["device"], "gpu" in record) for record in records] == [("cpu", False)] * 6


# ---- the complete files


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
