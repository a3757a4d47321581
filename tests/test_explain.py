"""From a cell of a table to the records behind it, on a small folder of results that is written here."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lift import __main__, explain, explain_text, provenance, table_cells
from lift.errors import InputError
from lift.explain import NOTE, OK, SKIPPED, WARNING
from lift.tables import statistics_table
from lift.token_words import by_word, split_by_frequency

ROOT = Path(__file__).parent.parent
BENCHMARKS = {"gsm": ("accuracy", "greedy", 1), "aime": ("pass@2", "sampled", 2)}
CORRECT = {  # by method and seed: verdicts, problem after problem
    ("base", 0): {"gsm": [0, 0, 0, 1], "aime": [0, 0, 0, 0]},
    ("sft", 0): {"gsm": [1, 0, 0, 1], "aime": [1, 0, 0, 0]},
    ("sft", 1): {"gsm": [1, 1, 0, 1], "aime": [1, 1, 0, 0]},
    ("sft-last", 0): {"gsm": [0, 1, 0, 0], "aime": [0, 0, 0, 1]},
    ("sft-last", 1): {"gsm": [0, 1, 1, 0], "aime": [0, 0, 0, 0]},
}
DECODER = {"gen_length": 32, "steps": 4, "temperature": 0.0}
TRAINING = {"epochs": 1, "learning_rate": 0.001, "lora": None}
CONFIG = {
    "seeds": [0, 1],
    "models": {"m": {"base": "shipped"}},
    "training": TRAINING | {"corpus": "traces", "checkpoint": "best"},
    "methods": {
        "sft": {"objective": "vanilla", "training": {}},
        "sft-last": {"run_of": "sft", "checkpoint": "last"},
    },
    "decoders": {"greedy": DECODER, "sampled": DECODER | {"temperature": 1.0}},
    "benchmarks": {name: {"decoder": decoder} for name, (_, decoder, _) in BENCHMARKS.items()},
    "corpora": {"traces": {"size": 2}},
}
MADE = {"commit": "abc", "python": "3.11", "versions": {"torch": "2.0"}, "machine": "Linux", "peak_memory_bytes": 10**8}
TIMES = iter(range(10**6, 10**9))


def put(path, content):
    """Write a file, as text or JSON, a second later than the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return touch(path)


def touch(path):
    os.utime(path, (next(TIMES),) * 2)
    return path


def table(path, rows):
    return put(path, pd.DataFrame(rows).to_csv(index=False))


def lines(count, **facts):
    return "".join(json.dumps({"id": i} | facts) + "\n" for i in range(count))


def source(folder, kind, name, count):
    path = put(folder / kind / f"{name}.jsonl", lines(count, prompt=name))
    facts = {"source": name, "settings": {}, "count": count, "sha256": explain._sha256(path), "commit": "5" * 40}
    put(path.with_suffix(".source.json"), facts)


def score(verdicts, benchmark):
    samples = BENCHMARKS[benchmark][2]
    return float(np.mean([any(part) for part in np.reshape(verdicts, (-1, samples))]))


def answer_and_grade(folder, method, seed):
    """The files of one checkpoint below generations/ and grades/, with their records."""
    place = f"m/{method}/seed{seed}"
    checkpoint = {"base": None, "sft": f"runs/m/sft/seed{seed}/best", "sft-last": f"runs/m/sft/seed{seed}/last"}[method]
    weights = [folder / "models/m/model.safetensors"]
    weights += [folder / checkpoint / "model.safetensors"] if checkpoint else []
    record = MADE | {
        "seed": seed,
        "model": "results/exp/models/m",
        "run": checkpoint and f"results/exp/{checkpoint}",
        "weights": provenance.file_hash(*weights),
        "problems": {name: provenance.file_hash(folder / f"benchmarks/{name}.jsonl") for name in BENCHMARKS},
        "decoding": {
            name: {"decoders": {decoder: CONFIG["decoders"][decoder]}, "samples": samples}
            for name, (_, decoder, samples) in BENCHMARKS.items()
        },
        "device": "cpu",
        "costs": [
            {"benchmark": name, "decoder": decoder, "answers": 4, "nfe": 40, "tokens": 80, "seconds": 2.0}
            for name, (_, decoder, _) in BENCHMARKS.items()
        ],
    }
    put(folder / "generations" / place / "run.json", record)
    for name, (_, decoder, samples) in BENCHMARKS.items():
        verdicts = CORRECT[method, seed][name]
        put(folder / "generations" / place / decoder / f"{name}.jsonl", lines(len(verdicts)))
        rows = {"id": [i // samples for i in range(len(verdicts))], "correct": verdicts, "invalid": 0, "truncated": 0}
        table(folder / "grades" / place / decoder / f"{name}.csv", rows)
    graders = dict.fromkeys(BENCHMARKS, "number")
    code = provenance.fingerprint("lift.grading", "lift.graders.number")
    put(folder / "grades" / place / "run.json", MADE | {"graders": graders, "code": code, "sandbox": "process"})


def score_rows():
    rows = []
    for method in ("base", "sft", "sft-last"):
        seeds = [seed for name, seed in CORRECT if name == method]
        means = []
        common = {"model": "m", "method": method, "gen_length": 32, "ci_low": 0.0, "ci_high": 1.0}
        for name, (metric, decoder, samples) in BENCHMARKS.items():
            own = {str(seed): score(CORRECT[method, seed][name], name) for seed in seeds}
            means.append(sum(own.values()) / len(own))
            own = own | {"all": means[-1]} if len(own) > 1 else own
            facts = {"benchmark": name, "decoder": decoder, "metric": metric, "n": 4 // samples}
            rows += [common | facts | {"seed": seed, "value": round(value, 6)} for seed, value in own.items()]
        facts = {
            "benchmark": "average",
            "decoder": "-",
            "metric": "mean",
            "n": 6,
            "seed": "all",
            "value": np.mean(means),
        }
        rows.append(common | facts)
    return rows


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "exp"
    put(folder / "config.yaml", yaml.safe_dump(CONFIG))
    source(folder, "corpora", "traces", 2)
    source(folder, "benchmarks", "gsm", 4)
    source(folder, "benchmarks", "aime", 2)
    base = put(folder / "models/m/model.safetensors", "base")
    put(folder / "models/m/source.json", {"snapshot": "f" * 40, "repository": "models--owner--name"})
    data = [put(folder / f"data/m/traces/{part}/data.arrow", part) for part in ("held_out", "train")]
    for seed in (0, 1):
        run = folder / f"runs/m/sft/seed{seed}"
        for name in ("best", "last"):
            put(run / name / "model.safetensors", f"{name} {seed}")
        resolved = {"model": "m", "corpus": "traces", "objective": "vanilla", "objective_settings": {}}
        put(run / "config.yaml", yaml.safe_dump(resolved | {"training": TRAINING, "seed": seed}))
        facts = {"seed": seed, "steps": 4, "best_step": 2, "data": provenance.file_hash(*data, base)}
        put(run / "run.json", MADE | facts)
    for method, seed in CORRECT:
        answer_and_grade(folder, method, seed)
    rows = score_rows()
    table(folder / "scores.csv", rows)
    value = {(row["method"], row["benchmark"]): row["value"] for row in rows}  # the last of each is over all seeds
    shown = {key: f"{100 * number:.1f} [0.0, 100.0]" for key, number in value.items()}
    methods = ("base", "sft", "sft-last")
    main = [
        {"model": "m", "method": method, "seeds": 2, "gsm (n=4)": shown[method, "gsm"] + " better"}
        | {"aime (pass@2, n=2)": shown[method, "aime"], "average": shown[method, "average"]}
        for method in methods
    ]
    table(folder / "tables/main.csv", main)
    table(
        folder / "tables/pass_at_k.csv", [{"model": "m", "method": m, "aime pass@2": shown[m, "aime"]} for m in methods]
    )
    costs = {"passes an answer": "10.0", "tokens a pass": "2.00", "tokens a second": "40"}
    decoders = [
        {"model": "m", "method": m, "benchmark": b, "decoder": d, "metric": metric, "score": shown[m, b]} | costs
        for m in methods
        for b, (metric, d, _) in BENCHMARKS.items()
    ]
    table(folder / "tables/decoders.csv", decoders)
    pair = {"model": "m", "length": 32, "method": "sft", "reference": "base"}
    rows = [{"gen_length": 32, "benchmark": "gsm", "metric": "accuracy", "p": 0.01} | pair]
    table(folder / "comparisons.csv", rows)
    rows = [{"model": "m", "method": "sft", "benchmark": "gsm", "length": 32, "published": 70.1, "source": "Table 1"}]
    table(folder / "tables/reported.csv", rows)
    gap = 100 * (value["sft", "gsm"] - value["base", "gsm"])
    table(
        folder / "tables/comparisons.csv",
        [pair | {"benchmark": "gsm", "metric": "accuracy", "difference": f"{gap:+.1f}"}],
    )
    claims = [
        {"claim": "c", "says": "It helps much.", "comparison": f"{m} - base, average", "model": "m", "length": 32}
        | {"measured": "-", "verdict": "undecided", "claim verdict": "undecided"}
        for m in ("sft", "lift9")
    ]
    table(folder / "tables/claims.csv", claims)
    table(folder / "contamination.csv", {"corpus": ["traces"], "benchmark": ["gsm"], "problem": [1]})
    shared = {"corpus": "traces", "problems": 4, "share": "25%"}
    table(folder / "tables/contamination.csv", [shared | {"benchmark": "gsm", "shared": 1}])
    write_statistics(folder)
    return tmp_path


def write_statistics(folder):
    words = [f"word{'abcdefgh'[i]}" for i in range(8)]
    rows = [
        {"level": level, "word": word, "frequency": 8 - i, "count": 2, "confidence": 0.1 * i, "accuracy": 0.5}
        for level in (0.25, 0.84)
        for i, word in enumerate(words)
    ]
    statistics = pd.DataFrame(rows).assign(gold_probability=0.3)
    path = folder / "statistics/m-traces.parquet"
    path.parent.mkdir()
    statistics.to_parquet(path, index=False)
    touch(path)
    put(folder / "statistics/m-traces.json", MADE | {"settings": {"passes": 1}})
    merged = by_word(statistics)
    shown = statistics_table(merged, dict(zip(("frequent", "rare"), split_by_frequency(merged), strict=True)))
    shown.insert(0, "model and corpus", "m-traces")
    table(folder / "tables/statistics.csv", shown)


def statuses(chain, status):
    return [check["what"] for check in chain["checks"] if check["status"] == status]


def test_a_chain_is_complete(results):
    chain = explain.explain(results, "exp/main/m/sft/gsm")
    assert chain["value"] == "62.5 [0.0, 100.0] better"
    assert statuses(chain, WARNING) + statuses(chain, NOTE) + statuses(chain, SKIPPED) == []
    shown = explain_text.text(chain)
    for part in (
        "exp/main/m/sft/gsm: 62.5 [0.0, 100.0] better",
        "accuracy 0.625000 [0.000000, 1.000000], n 4, decoder greedy",
        "compared: comparisons.csv\n",
        "published 70.1, source Table 1",
        "seed 0 0.500000, seed 1 0.750000",
        "seed 1: right 3 of 4",
        "generations/m/sft/seed{0,1}/run.json",
        "runs/m/sft/seed{0,1}/best",
        "repository models--owner--name",
        "traces.source.json: source traces",
        "benchmarks/gsm.jsonl",
        "methods.sft: {objective: vanilla",
        "checks: no warning\n",
    ):
        assert part in shown
    assert shown.count("torch 2.0") == 1  # what all records share is said once
    assert len(shown.splitlines()) < 80
    json.dumps(chain)


def test_the_average_rests_on_all_benchmarks(results):
    chain = explain.explain(results, "exp/main/m/sft/average")
    assert [part["benchmark"] for part in chain["methods"][0]["parts"]] == ["gsm", "aime"]
    assert statuses(chain, WARNING) == []
    assert "the plain mean of 2 benchmarks" in explain_text.text(chain)


def test_a_method_that_takes_the_runs_of_another(results):
    chain = explain.explain(results, "exp/main/sft-last/gsm")
    runs = [seed["run"] for seed in chain["methods"][0]["seeds"]]
    assert [run["checkpoint"] for run in runs] == ["runs/m/sft/seed0/last", "runs/m/sft/seed1/last"]
    assert runs[0]["record"]["steps"] == 4
    assert statuses(chain, WARNING) == []
    assert "sft-last takes them from sft's runs" in explain_text.text(chain)


def test_the_base_has_no_run(results):
    chain = explain.explain(results, "exp/main/base/aime")
    assert chain["methods"][0]["seeds"][0]["run"] is None
    assert statuses(chain, WARNING) == []
    assert "weights: those of the base model" in explain_text.text(chain)


@pytest.mark.parametrize(
    "path",
    [
        "exp/pass_at_k/m/sft/aime/pass@2",
        "exp/decoders/m/sft/gsm/score",
        "exp/decoders/m/sft/gsm/tokens a second",
        "exp/comparisons/m/sft/gsm",
        "exp/claims/c/sft - base, average",
        "exp/contamination/gsm",
        "exp/statistics/rare/0.25/confidence",
        "exp/statistics/m-traces/frequent/0.84",
    ],
)
def test_any_table_can_be_asked(results, path):
    chain = explain.explain(results, path)
    assert statuses(chain, WARNING) == []
    assert statuses(chain, OK)
    explain_text.text(chain)


def test_statistics_are_computed_again(results):
    chain = explain.explain(results, "exp/statistics/rare/0.25/confidence")
    assert chain["statistics"][0]["path"] == "statistics/m-traces.parquet"
    assert [corpus["name"] for corpus in chain["corpora"]] == ["traces"]
    file = results / "exp/tables/statistics.csv"
    put(file, file.read_text().replace(chain["value"], "0.999"))
    [warning] = statuses(explain.explain(results, "exp/statistics/rare/0.25/confidence"), WARNING)
    assert f"confidence {chain['value']} there, 0.999 here" in warning


def test_two_methods_are_both_explained(results):
    chain = explain.explain(results, "exp/comparisons/sft/base/gsm/difference")
    assert [found["method"] for found in chain["methods"]] == ["sft", "base"]
    assert "the difference is that of the two scores" in statuses(chain, OK)
    unknown = explain.explain(results, "exp/claims/c/lift9 - base, average/verdict")
    assert statuses(unknown, NOTE) == ["no scores of lift9 here: not run"]


@pytest.mark.parametrize(
    "path, said",
    [
        ("exp/main/m/sfy/gsm", "exp/main/m/sft/gsm"),
        ("exp/main/m/gsm", "fits 3 cells"),
        ("exp/main/m/sft/gms", "exp/main/m/sft/gsm"),
        ("exp/mian/m/sft/gsm", "exp/main"),
        ("epx/main/m/sft/gsm", "exp"),
        ("exp/statistics/rare/confidence", "exp/statistics/m-traces/rare/0.2500/confidence"),
    ],
)
def test_what_does_not_fit_is_told_with_what_does(results, path, said):
    with pytest.raises(InputError) as error:
        explain.explain(results, path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_every_listed_cell_is_found_by_its_name(results):
    for name in table_cells.table_names(results / "exp"):
        rows = table_cells.read_table(results / "exp/tables" / f"{name}.csv")
        for (i, column), path in table_cells.cell_names("exp", name, rows).items():
            cell = table_cells.find(results, path)
            assert (cell.row, cell.column) == (rows.iloc[i].to_dict(), column)


def test_rows_that_mirror_each_other_are_told_apart(results):
    pairs = [{"method": a, "reference": b, "difference": gap} for a, b, gap in (("x", "y", "1"), ("y", "x", "-1"))]
    table(results / "exp/tables/pairs.csv", pairs)
    assert table_cells.find(results, "exp/pairs/y/x/difference").value == "-1"


def test_a_changed_benchmark_is_warned_of(results):
    file = results / "exp/benchmarks/gsm.jsonl"
    put(file, file.read_text().replace("gsm", "gsn"))
    warnings = statuses(explain.explain(results, "exp/main/m/sft/gsm"), WARNING)
    assert any(
        warning.startswith("the problems have the checksum that the decoding record has: no") for warning in warnings
    )
    assert any("changed since it was prepared" in warning for warning in warnings)


def test_edited_grades_are_warned_of(results):
    file = results / "exp/grades/m/sft/seed1/greedy/gsm.csv"
    put(file, file.read_text().replace("2,0,", "2,1,"))
    warnings = statuses(explain.explain(results, "exp/main/m/sft/gsm"), WARNING)
    assert any("1.000000 from the grades, 0.750000 there" in warning for warning in warnings)
    assert any(warning.startswith("scores.csv is not older than the grades: no") for warning in warnings)
    assert explain.explain(results, "exp/main/m/sft/aime")["checks"]
    assert statuses(explain.explain(results, "exp/main/m/sft/aime"), WARNING) == []


@pytest.mark.parametrize(
    "path, content, said",
    [
        (
            "runs/m/sft/seed0/best/model.safetensors",
            "other",
            "the weights have the hash that the decoding record has: no",
        ),
        ("data/m/traces/train/data.arrow", "other", "the tokenised corpus and the base have the hash"),
        ("generations/m/sft/seed0/greedy/gsm.jsonl", "{}\n", "as many answers as problems x samples: no, 1, not 4 x 1"),
        (
            "config.yaml",
            yaml.safe_dump(CONFIG | {"training": {"learning_rate": 0.1}}),
            "learning_rate was 0.001, now 0.1",
        ),
    ],
)
def test_what_no_longer_fits_is_warned_of(results, path, content, said):
    put(results / "exp" / path, content)
    assert any(said in warning for warning in statuses(explain.explain(results, "exp/main/m/sft/gsm"), WARNING))


@pytest.mark.parametrize(
    "pattern",
    [
        *("grades/*/*/*/run.json", "generations/*/*/*/run.json", "runs/*/*/*/run.json", "runs/*/*/*/config.yaml"),
        *("config.yaml", "models/m/source.json", "*/*.source.json", "models/m/model.safetensors", "benchmarks/*.jsonl"),
    ],
)
def test_missing_records_are_said(results, pattern):
    for path in (results / "exp").glob(pattern):
        path.unlink()
    for cell in ("exp/main/m/sft/gsm", "exp/main/m/sft/average", "exp/statistics/rare/0.25/confidence"):
        explain_text.text(explain.explain(results, cell))
    shown = explain_text.text(explain.explain(results, "exp/main/m/sft/gsm"))
    assert "no record" in shown or "not here" in shown or "the file is missing" in shown


def test_weights_of_the_hub_are_known_by_their_names(results):
    base = results / "exp/models/m/model.safetensors"
    base.unlink()
    base.symlink_to(results / "cache/models--owner--name/blobs" / ("a" * 64))  # gone, or too large to be read
    for seed in (0, 1):
        file = results / f"exp/generations/m/sft/seed{seed}/run.json"
        best = results / f"exp/runs/m/sft/seed{seed}/best/model.safetensors"
        record = json.loads(file.read_text()) | {"weights": provenance.file_hash(base, best)}
        time = file.stat().st_mtime
        file.write_text(json.dumps(record))
        os.utime(file, (time, time))
    chain = explain.explain(results, "exp/main/m/sft/gsm")
    assert "the weights have the hash that the decoding record has" in statuses(chain, OK)
    base.unlink()
    base.symlink_to(results / "nowhere")
    chain = explain.explain(results, "exp/main/m/sft/gsm")
    assert "the weights have the hash that the decoding record has: files are missing" in statuses(chain, SKIPPED)
    assert "no hash: files are missing" in explain_text.text(chain)


def test_missing_answers_and_scores_are_warned_of(results):
    (results / "exp/generations/m/sft/seed0/greedy/gsm.jsonl").unlink()
    assert "the file is missing or cannot be read" in statuses(explain.explain(results, "exp/main/m/sft/gsm"), WARNING)
    (results / "exp/scores.csv").unlink()
    chain = explain.explain(results, "exp/main/m/sft/gsm (n=4)")
    assert "the file is missing" in statuses(chain, WARNING)
    explain_text.text(chain)


def test_scores_again_from_grades():
    grades = pd.DataFrame({"id": [0, 0, 1, 1], "correct": [1, 0, 0, 0], "invalid": [0, 0, 0, 1], "truncated": 0})
    cells = grades.assign(correct_cells=[4, 3, 2, 0], empty_cells=4)
    wanted = {"accuracy": 0.25, "avg@2": 0.25, "pass@1": 0.25, "pass@2": 0.5, "invalid_format": 0.25, "truncated": 0.0}
    assert {metric: explain.mean_score(grades, metric) for metric in wanted} == wanted
    assert math.isclose(explain.mean_score(cells, "cell_accuracy"), (7 / 8 + 2 / 8) / 2)
    assert explain.mean_score(grades, "pass@4") is None
    assert explain.mean_score(grades, "elegance") is None


def test_on_the_command_line(results, monkeypatch, capsys):
    def said(*arguments):
        monkeypatch.setattr(sys, "argv", ["lift", "explain", "--results", str(results), *arguments])
        return __main__.main(), *capsys.readouterr()

    assert "exp/main: 3 rows" in said("exp")[1]
    assert "METHOD: base, sft, sft-last" in said("exp/main")[1]
    assert json.loads(said("exp/main/m/sft/gsm", "--json")[1])["cell"] == "exp/main/m/sft/gsm"
    code, _, error = said("exp/main/m/sfz/gsm")
    assert code == 2
    assert error.startswith("error: 'exp/main/m/sfz/gsm' is no cell")
    assert error.count("\n") == 1
    (results / "exp/benchmarks/gsm.jsonl").unlink()
    with pytest.raises(SystemExit) as end:
        said("exp/main/m/sft/gsm")
    assert end.value.code == 1


def test_it_starts_without_torch(results):
    code = "import sys; import lift.stages.explain as e, lift.explain as x, pathlib;"
    code += f"x.explain(pathlib.Path({str(results)!r}), 'exp/main/m/sft/gsm'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


def test_lengths_and_decoders_are_told_apart(results):
    folder = results / "exp"
    scores = table_cells.read_table(folder / "scores.csv")
    long = scores[scores["benchmark"] == "gsm"].assign(gen_length="64", decoder="long")
    fast = scores[scores["benchmark"] == "gsm"].assign(decoder="fast", value="0.9")
    put(folder / "scores.csv", pd.concat([fast, scores, long]).to_csv(index=False))
    put(
        folder / "config.yaml",
        yaml.safe_dump(CONFIG | {"benchmarks": {"gsm": {"decoder": ["greedy", "long", "fast"]}}}),
    )
    table(folder / "tables/main.csv", [{"model": "m", "length": n, "method": "sft", "gsm": "-"} for n in (32, 64)])

    def decoders(path):
        cell = table_cells.find(results, path)
        return [one["decoder"] for one in explain.subjects(folder, cell, explain._scores(folder))]

    assert decoders("exp/main/m/32/sft/gsm") == ["greedy"]  # the first of its length in the config
    assert decoders("exp/main/64/gsm") == ["long"]
    with pytest.raises(InputError, match="fits 2 cells"):
        decoders("exp/main/m/sft/gsm")
