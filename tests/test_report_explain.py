"""From a cell of a table to the records behind it, on a small folder of results that is written here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lift import __main__, provenance
from lift.errors import InputError
from lift.report import table_cells
from lift.report.explain import explain
from lift.report.outline import text
from lift.report.records import AGE, COUNT, PROBLEMS, SCORE, WARNING, WEIGHTS
from lift.scores.problem_scores import problem_scores

ROOT = Path(__file__).parent.parent
BENCHMARKS = {"gsm": ("accuracy", "greedy", 1), "aime": ("pass@k", "sampled", 2)}
CORRECT = {  # by method and seed: verdicts, problem after problem
    ("base", 0): {"gsm": [0, 0, 0, 1], "aime": [0, 0, 0, 0]},
    ("sft", 0): {"gsm": [1, 0, 0, 1], "aime": [1, 0, 0, 0]},
    ("sft", 1): {"gsm": [1, 1, 0, 1], "aime": [1, 1, 0, 0]},
    ("sft-last", 0): {"gsm": [0, 1, 0, 0], "aime": [0, 0, 0, 1]},
    ("sft-last", 1): {"gsm": [0, 1, 1, 0], "aime": [0, 0, 0, 0]},
}
METHODS = ("base", "sft", "sft-last")
CONFIG = {
    "models": {"m": {"base": "shipped"}},
    "methods": {"sft": {"objective": "vanilla"}, "sft-last": {"run_of": "sft", "checkpoint": "last"}},
    "benchmarks": {"gsm": {"decoder": "greedy"}, "aime": {"decoder": "sampled"}, "other": {"decoder": "greedy"}},
    "decoders": {"greedy": {"gen_length": 32}, "sampled": {"gen_length": 32, "temperature": 1.0}},
}
MADE = {"commit": "abc", "python": "3.11", "versions": {"torch": "2.0+cpu"}, "machine": "Linux"}
TIMES = iter(range(10**6, 10**9))


def put(path, content):
    """Write a file, as text or JSON, a second later than the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    os.utime(path, (next(TIMES),) * 2)
    return path


def table(path, rows):
    return put(path, pd.DataFrame(rows).to_csv(index=False))


def lines(count):
    return "".join(json.dumps({"id": i}) + "\n" for i in range(count))


def answer_and_grade(folder, method, seed):
    """The files of one checkpoint below generations/ and grades/, with their records."""
    place = f"m/{method}/seed{seed}"
    run = {"base": None, "sft": f"runs/m/sft/seed{seed}/best", "sft-last": f"runs/m/sft/seed{seed}/last"}[method]
    weights = [folder / name / "model.safetensors" for name in ("models/m", run) if name]
    record = MADE | {
        "model": "results/exp/models/m",
        "run": run and f"results/exp/{run}",
        "weights": provenance.file_hash(*weights),
        "problems": {name: provenance.file_hash(folder / f"benchmarks/{name}.jsonl") for name in BENCHMARKS},
        "decoding": {name: {"decoders": {d: {}}, "samples": samples} for name, (_, d, samples) in BENCHMARKS.items()},
    }
    put(folder / f"generations/{place}/run.json", record)
    for name, (_, decoder, samples) in BENCHMARKS.items():
        verdicts = CORRECT[method, seed][name]
        put(folder / f"generations/{place}/{decoder}/{name}.jsonl", lines(len(verdicts)))
        rows = {"id": [i // samples for i in range(len(verdicts))], "correct": verdicts, "invalid": 0, "truncated": 0}
        table(folder / f"grades/{place}/{decoder}/{name}.csv", rows)
    put(folder / f"grades/{place}/run.json", MADE | {"graders": dict.fromkeys(BENCHMARKS, "number")})


def write_scores(folder):
    """scores.csv and problem_scores.parquet, both with a second decoder that no average counts."""
    rows, counts = [], []
    for method in METHODS:
        seeds, own = [seed for name, seed in CORRECT if name == method], []
        common = {"experiment": "exp", "model": "m", "method": method, "gen_length": "32"}
        for name, (kind, decoder, _) in BENCHMARKS.items():
            files = [folder / f"grades/m/{method}/seed{seed}/{decoder}/{name}.csv" for seed in seeds]
            scores = pd.DataFrame([problem_scores(pd.read_csv(file), kind, 2) for file in files]).map(np.mean)
            own.append(scores.iloc[:, 0].mean())
            facts = common | {"benchmark": name, "decoder": decoder, "n": 4 if name == "gsm" else 2}
            for metric, values in scores.items():
                by_seed = {"all": values.mean(), "0": values[0], "1": values.iloc[-1]}
                by_seed = by_seed if len(seeds) > 1 else {"-": values[0]}
                rows += [facts | {"metric": metric, "seed": s, "value": round(v, 6)} for s, v in by_seed.items()]
            facts["metric"] = scores.columns[0]
            rows.append(facts | {"decoder": "fast", "seed": "all", "value": 0.9})
            counts += [facts | {"counts": True}, facts | {"decoder": "fast", "counts": False}]
        facts = {"benchmark": "average", "decoder": "-", "metric": "mean", "n": 6, "seed": "all", "value": np.mean(own)}
        rows.append(common | facts)
    table(folder / "scores.csv", rows)
    pd.DataFrame(counts).to_parquet(folder / "problem_scores.parquet")


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "exp"
    put(folder / "config.yaml", yaml.safe_dump(CONFIG))
    for stem in ("corpora/traces", "benchmarks/gsm", "benchmarks/aime"):
        put(folder / f"{stem}.jsonl", lines(4))
        put(folder / f"{stem}.source.json", {"source": stem.partition("/")[2], "commit": "5" * 40})
    put(folder / "models/m/model.safetensors", "base")
    put(folder / "models/m/source.json", {"repository": "models--owner--name"})
    for seed in (0, 1):
        run = folder / f"runs/m/sft/seed{seed}"
        for name in ("best", "last"):
            put(run / name / "model.safetensors", f"{name} {seed}")
        put(run / "config.yaml", yaml.safe_dump({"corpus": "traces", "objective": "vanilla", "seed": seed}))
        put(run / "run.json", MADE | {"seed": seed, "steps": 4, "best_step": seed})
    for method, seed in CORRECT:
        answer_and_grade(folder, method, seed)
    write_scores(folder)
    methods = [{"model": "m", "method": method} for method in METHODS]
    shown = {"main": [("gsm", "accuracy"), ("aime", "pass@2"), ("average", "mean")], "pass_at_k": [("aime", "avg@2")]}
    for name, scored in shown.items():
        rows = [m | {"benchmark": b, "metric": metric, "value": 1.0} for m in methods for b, metric in scored]
        table(folder / f"tables/{name}.csv", rows)
    pair = {"model": "m", "method": "sft", "reference": "base", "benchmark": "gsm", "metric": "accuracy", "p": 0.1}
    table(folder / "tables/comparisons.csv", [pair, pair | {"benchmark": "average", "metric": "mean"}])
    names = ("sft - base, average", "fall, t = 0.25 to 0.84: rare - frequent words")
    claims = [{"claim": "c", "says": "It helps.", "comparison": name, "model": "m"} for name in names]
    claims[0] |= {"method": "sft", "reference": "base", "verdict": "-"}
    table(folder / "tables/claims.csv", claims)
    table(folder / "tables/power.csv", [claims[0] | {"finds": 0.02}])
    table(folder / "tables/contamination.csv", [{"corpus": "traces", "benchmark": b, "shared": 1} for b in BENCHMARKS])
    levels = [{"model and corpus": "m-traces", "words": "rare", "level t": t, "confidence": 0.84} for t in (0.25, 0.84)]
    table(folder / "tables/statistics.csv", levels)
    put(folder / "statistics/m-traces.parquet", "")
    put(folder / "statistics/m-traces.json", MADE | {"settings": {"passes": 1}})
    return tmp_path


def warnings(chain):
    return {what: found[WARNING] for what, found in chain["checks"].items() if WARNING in found}


def test_a_chain_is_complete(results):
    chain = explain(results, "exp/main/m/sft/gsm")
    assert chain["value"] == "1.0"
    assert [found["ok"] for found in chain["checks"].values()] == [3, 2, 2, 2, 2]
    assert not warnings(chain)
    shown = text(chain)
    for part in (
        "value 0.625, n 4, value by seed [0.5, 0.75], decoder greedy, right [2 of 4, 3 of 4]",
        "grades/m/sft/seed{0,1}/greedy/gsm.csv, run.json, each seed {graders: {gsm: number}}",
        "runs/m/sft/seed{0,1}/best, run.json, config.yaml, each seed {corpus: traces, objective: vanilla, steps: 4}",
        "source.json {repository: models--owner--name}",
        "source traces, commit 5555",
        f"{SCORE}: ok 3",
    ):
        assert part in " ".join(shown.split())
    assert shown.count("torch: 2.0+cpu") == 1  # what all records share is said once
    assert "aime" not in shown
    json.dumps(chain)


def test_the_average_rests_on_all_benchmarks(results):
    for method in ("base", "sft"):
        chain = explain(results, f"exp/main/{method}/average")
        assert list(chain["methods"][method]["benchmarks"]) == ["gsm", "aime"]
        assert not warnings(chain)
    assert chain["checks"][SCORE]["ok"] == 7


def test_weights_of_another_method_or_of_the_base(results):
    weights = explain(results, "exp/main/sft-last/gsm")["methods"]["sft-last"]["weights"]
    assert weights["files"].startswith("runs/m/sft/seed{0,1}/last,")
    assert explain(results, "exp/main/base/aime")["methods"]["base"]["weights"] == "those of the base model"


@pytest.mark.parametrize(
    "path, methods, sources",
    [
        ("exp/pass_at_k/m/sft/aime/avg@2", ["sft"], ["m", "traces", "aime"]),
        ("exp/comparisons/m/sft/base/gsm/p", ["sft", "base"], ["m", "traces", "gsm"]),
        ("exp/comparisons/average/p", ["sft", "base"], ["m", "traces", "gsm", "aime"]),
        ("exp/claims/c/sft - base, average/verdict", ["sft", "base"], ["m", "traces", "gsm", "aime"]),
        ("exp/claims/c/fall, t = 0.25 to 0.84: rare - frequent words/verdict", [], ["m", "traces"]),
        ("exp/contamination/gsm/shared", [], ["traces", "gsm"]),
        ("exp/power/c/finds", ["sft", "base"], ["m", "traces", "gsm", "aime"]),
        ("exp/statistics/rare/0.250/confidence", [], ["m", "traces"]),
        ("exp/statistics/rare/0.8/confidence", [], ["m", "traces"]),
    ],
)
def test_any_table_can_be_asked(results, path, methods, sources):
    chain = explain(results, path)
    assert list(chain["methods"]) == methods
    assert [name for kind in ("models", "corpora", "benchmarks") for name in chain[kind]] == sources
    assert bool(chain["statistics"]) == ("rare" in path)
    assert not warnings(chain)
    assert text(chain)


def test_every_cell_is_found_by_its_name(results):
    for file in (results / "exp/tables").glob("*.csv"):
        for cell in table_cells.cells(results, "exp", file.stem):
            assert table_cells.find(results, cell.name) == cell


def test_what_does_not_fit_is_told_with_what_does(results):
    table(results / "old/tables/main.csv", [{"method": "sft", "gsm": "1.0"}])
    for path, said in (
        ("exp/main/m/sfy/gsm", "exp/main/m/sft/gsm"),
        ("exp/main/m/gsm", "fits 3 cells"),
        ("exp/mian/m/sft/gsm", "there are main"),
        ("epx/main/m/sft/gsm", "there are exp, old"),
        ("old/main/sft/gsm", "scores.csv is missing"),
    ):
        with pytest.raises(InputError, match=rf"^[^\n]*{said}[^\n]*$"):
            explain(results, path)


@pytest.mark.parametrize(
    "path, content, what, said",
    [
        ("grades/m/sft/seed1/greedy/gsm.csv", "id,correct,invalid,truncated\n0,1,0,0\n", SCORE, "1.000000, 0.75"),
        ("grades/m/sft/seed1/greedy/gsm.csv", "", SCORE, "cannot be read"),
        ("generations/m/sft/seed0/greedy/gsm.jsonl", "{}\n", COUNT, "1 answers, 4 grades, n 4, samples 1"),
        ("generations/m/sft/seed0/greedy/gsm.jsonl", None, COUNT, "is missing"),
        ("generations/m/sft/seed0/greedy/gsm.jsonl", lines(4), AGE, "changed after it was judged"),
        ("benchmarks/gsm.jsonl", lines(5), PROBLEMS, "when decoded"),
        ("runs/m/sft/seed0/best/model.safetensors", "other", WEIGHTS, "runs/m/sft/seed0/best"),
    ],
)
def test_what_no_longer_fits_is_warned_of(results, path, content, what, said):
    (results / "exp" / path).unlink() if content is None else put(results / "exp" / path, content)
    assert any(said in problem for problem in warnings(explain(results, "exp/main/m/sft/gsm"))[what])
    assert not warnings(explain(results, "exp/main/m/base/aime"))


def test_missing_records_are_said(results):
    for pattern in ("**/run.json", "**/*.yaml", "**/*source.json", "statistics/*", "**/*.safetensors"):
        for path in (results / "exp").glob(pattern):
            path.unlink()
    for cell in ("main/m/sft/gsm", "main/m/sft/average", "statistics/rare/0.25/confidence"):
        chain = explain(results, f"exp/{cell}")
        assert "missing" in text(chain)
        assert not warnings(chain)


def test_on_the_command_line(results, monkeypatch, capsys):
    def said(*arguments):
        monkeypatch.setattr(sys, "argv", ["lift", "explain", "--results", str(results), *arguments])
        return __main__.main(), *capsys.readouterr()

    assert "exp/main: 9 rows" in said("exp")[1]
    assert "method [base, sft, sft-last]" in said("exp/main")[1]
    assert json.loads(said("exp/main/m/sft/gsm", "--json")[1])["cell"] == "exp/main/m/sft/gsm"
    assert said("exp/main/m/sfz/gsm")[0] == 2
    (results / "exp/benchmarks/gsm.jsonl").unlink()
    with pytest.raises(SystemExit) as end:
        said("exp/main/m/sft/gsm")
    assert end.value.code == 1


def test_it_starts_without_torch():
    code = "import sys, lift.tools.explain; print({'torch', 'snakemake'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "set()\n"
