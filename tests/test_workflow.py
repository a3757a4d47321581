"""The real DAG on a tiny config: it runs, plans what a change asks for and no more, and survives being killed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lift.config.experiment import Experiment
from lift.plan import planning, progress
from tests.checkout import SMOKE, Checkout, planned
from tests.conftest import ROOT

pytestmark = pytest.mark.dag


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The smoke config, run from end to end by the users' own command, in a folder whose path asks for quoting."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout") / "o'brien {x}" / "lift", SMOKE)
    result = checkout.run("--use-conda") if not shutil.which("conda") else checkout.run()
    assert result.returncode == 0, result.stdout + result.stderr
    checkout.output = result.stdout + result.stderr
    return checkout


def small(**changes) -> dict:
    """The smoke config with some top-level entries replaced."""
    return SMOKE | changes


def test_the_run_ends_with_the_main_table(checkout):
    assert "| lift3" in checkout.output
    assert "results/smoke/report.html" in checkout.output
    if not shutil.which("conda"):
        assert checkout.output.count("No conda found: --use-conda is ignored") == 1


TABLES = ("main", "comparisons", "claims", "power", "reported", "pass_at_k", "format", "decoders", "statistics")
DATA_TABLES = ("data", "contamination", "benchmarks")


def test_everything_promised_is_there(checkout):
    tables = {path.name for path in (checkout.results / "tables").iterdir()}
    assert tables == {f"{t}.{e}" for t in TABLES + DATA_TABLES for e in ("csv", "md", "tex")}
    figures = {path.name for path in (checkout.results / "figures").iterdir()}
    assert {
        "scores-tiny-llada-48.png",
        "confidence-tiny-llada-mini-traces.pdf",
        "held_out_loss-tiny-llada.png",
        "trained_on-tiny-llada.csv",
    } <= figures
    assert len(figures) == 3 * 7 * len(SMOKE["models"])
    scores = pd.read_csv(checkout.results / "scores.csv", dtype={"seed": str})
    assert list(scores.columns) == [
        *("experiment", "model", "method", "seed", "step", "benchmark", "decoder", "gen_length", "steps", "metric"),
        *("n", "seeds", "value", "ci_low", "ci_high", "seed_variance"),
    ]
    for model in SMOKE["models"]:
        for method in ("base", *SMOKE["methods"]):
            rows = scores[(scores["model"] == model) & (scores["method"] == method)]
            assert set(rows["benchmark"]) == {*SMOKE["benchmarks"], "average"}
    assert scores["value"].between(scores["ci_low"], scores["ci_high"]).all()
    greedy = scores[(scores["method"] == "base") & (scores["decoder"] == "greedy")]
    assert set(greedy["seed"]) == {"-"}
    runs = checkout.results / "runs"
    assert len(list(runs.glob("*/*/seed0/best/adapter_model.safetensors"))) == 4
    assert len(list(runs.glob("*/sft/seed0/last/model.safetensors"))) == 1  # sft is trained in full here
    assert not list((checkout.results / ".resume").rglob("*.*"))
    assert not list(checkout.results.rglob("*.bin")) + list(checkout.results.rglob("*.pt"))


def test_nothing_is_left_to_do(checkout):
    result = checkout.run("--use-conda")
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def lift(checkout, *arguments: str) -> subprocess.CompletedProcess:
    """`python -m lift` in the checkout."""
    command = [sys.executable, "-m", "lift", *arguments]
    return subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True, check=False)


def test_everything_is_recorded(checkout):
    """Without a record is no file, and none is other than was written."""
    result = lift(checkout, "verify", "results")
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_an_edit_of_grades_plans_what_follows(checkout):
    with checkout.edited("results/smoke/grades/tiny-llada/lift3/seed0/greedy/mini-gsm.csv", "\n", ",edited\n"):
        assert checkout.plan() == AFTER_DECODING


AFTER_PROBLEM_SCORES = {"scores": 1, "comparisons": 1, "tables": 1, "power": 1, "figures": 1, "page": 1}
AFTER_DECODING = {"problem_scores": 1} | AFTER_PROBLEM_SCORES


def test_a_changed_decoder_plans_decoding_and_no_training(checkout):
    with checkout.edited("lift/decode/settings.py", "    share, remainder", "    pass\n    share, remainder"):
        assert checkout.plan() == {"answer": 6, "judge": 6} | AFTER_DECODING


def test_a_changed_task_plans_its_corpus_and_all_that_follows(checkout):
    with checkout.edited("lift/miniature/benchmarks/mini_gsm.py", "rng.randint(2, 5)", "rng.randint(2, 4)"):
        plan = checkout.plan()
    assert plan["prepare_corpus"] == plan["data_report"] == 1
    assert plan["tokenise"] == 1
    assert plan["train"] == 5
    assert plan["prepare_benchmark"] == 1


def test_a_changed_learning_rate_plans_that_method_only(checkout):
    methods = SMOKE["methods"] | {"cart": {"objective": "cart", "training": {"learning_rate": 2e-3}}}
    expected = {"settings": 1, "train": 1, "answer": 1, "judge": 1} | AFTER_DECODING
    assert checkout.plan(config=small(methods=methods)) == expected


def test_a_changed_objective_plans_its_methods_only(checkout):
    with checkout.edited("lift/finetune/objectives/gift.py", "level = masking", "level = 1.0 * masking"):
        assert checkout.plan() == {"train": 1, "answer": 1, "judge": 1} | AFTER_DECODING


def test_a_changed_grader_plans_grading_and_no_decoding(checkout):
    with checkout.edited("lift/grade/graders/grid.py", "digits = re.sub", "pass\n    digits = re.sub"):
        assert checkout.plan() == {"judge": 6, "judge_guesses": 1} | AFTER_DECODING


@pytest.mark.parametrize("said", ["# as published\n    share, remainder", "share, remainder"])
def test_a_comment_plans_nothing(checkout, said):
    with checkout.edited("lift/decode/settings.py", "share, remainder", said):
        assert checkout.plan() == {}


def test_results_of_an_older_version_are_kept_by_touching_them(checkout):
    """What the README says to do where code was moved or changed without a change of results."""
    made = (checkout.results / "scores.csv").read_bytes()
    with checkout.edited("lift/decode/settings.py", "    share, remainder", "    pass\n    share, remainder"):
        assert checkout.plan() != {}
        result = checkout.run("--touch")
        assert result.returncode == 0, result.stderr
        assert checkout.plan() == {}
    assert checkout.run("--touch").returncode == 0  # with the code as it was
    assert checkout.plan() == {}
    assert (checkout.results / "scores.csv").read_bytes() == made


def test_a_better_interval_needs_no_grade_again(checkout):
    with checkout.edited("lift/scores/seed_variance.py", "PRIOR_FREEDOM = 2.0", "PRIOR_FREEDOM = 3.0"):
        assert checkout.plan() == AFTER_PROBLEM_SCORES


def test_a_changed_figure_plans_the_figures(checkout):
    with checkout.edited("lift/report/figures/scores.py", "linewidth=1.5", "linewidth=2"):
        assert checkout.plan() == {"figures": 1, "page": 1}


def test_two_params_that_exchange_their_values_are_noticed(checkout):
    """Snakemake compares a job's params as a set without names."""
    assert (checkout.resolved("statistics", "passes"), checkout.resolved("statistics", "batch_size")) == (1, 32)
    statistics = SMOKE["statistics"] | {"passes": 32, "batch_size": 1}
    expected = {"settings": 1, "token_statistics": 1, "tables": 1, "power": 1, "figures": 1, "page": 1}
    assert checkout.plan(config=small(statistics=statistics)) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 2},
        {"shards": 3},
        {"decoders": {name: one | {"batch_size": 3} for name, one in SMOKE["decoders"].items()}},
        {"decoders": {name: dict(reversed(one.items())) for name, one in SMOKE["decoders"].items()}},
    ],
)
def test_what_changes_no_result_plans_nothing(checkout, changes):
    assert checkout.plan(config=small(**changes)) == {}


def test_activations_that_are_computed_again_train_nothing_again(checkout):
    training = SMOKE["training"] | {"activation_checkpointing": True}
    assert checkout.plan(config=small(training=training)) == {"settings": 1, "power": 1, "page": 1}  # power has hours


def test_another_workflow_includes_this_one_as_a_module(tmp_path):
    """Its own config and names stay its own; ours are those of its entry."""
    copy = Checkout(tmp_path / "lift", SMOKE).folder
    (tmp_path / "outer.yaml").write_text(yaml.safe_dump({"lift": small(), "experiment": "other"}))
    (tmp_path / "Snakefile").write_text(f'''
configfile: "outer.yaml"
module lift:
    snakefile: "{copy}/workflow/Snakefile"
    config: config["lift"]
use rule * from lift as lift_*
rule mine:
    default_target: True
    input: rules.lift_scores.output
    output: "{{model}}.done".format(model=config["experiment"])
    shell: "wc -l {{input}} > {{output}}"
''')
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "-n", "-p"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "wc -l results/smoke/scores.csv > other.done" in result.stdout
    assert re.search(r"lift_train +5\n", result.stdout)
    assert f"PYTHONPATH={copy} " in result.stdout


def test_a_deleted_config_is_written_again(checkout):
    path = checkout.results / "config.yaml"
    kept = path.rename(path.with_suffix(".kept"))
    try:
        assert checkout.plan() == {"settings": 1, "page": 1}
    finally:
        kept.rename(path)
    assert checkout.plan() == {}


def test_a_dry_run_is_short_and_says_why_when_asked(checkout):
    with checkout.edited("lift/finetune/objectives/gift.py", "level = masking", "level = 1.0 * masking"):
        short, reasons = checkout.run("-n").stdout, checkout.run("-n", "--quiet", "host").stdout
    assert len(short) < 4000
    assert "Reason: Params have changed" not in short
    assert "Params have changed" in reasons


def test_numbers_on_the_command_line_are_numbers(checkout):
    """Nested ones come from Snakemake as text."""
    changes = ["--config", "training={learning_rate: 0.5}", "methods={lift3: {random_weight: 5}}"]
    assert checkout.plan(*changes)["train"] == 5
    result = checkout.run("-n", "--config", "training={learning_rate: fast}")
    assert result.returncode != 0
    assert "training.learning_rate: 'fast'" in result.stdout + result.stderr


def test_conda_and_its_environment_do_not_train_again(checkout):
    with checkout.edited("environment.yml", "name: lift", "name: other"):
        assert checkout.plan() == {}


def test_a_new_method_plans_its_own_row(checkout):
    methods = SMOKE["methods"] | {"large-h": {"objective": "lift", "random_weight": 10.0}}
    expected = {"settings": 1, "train": 1, "answer": 1, "judge": 1} | AFTER_DECODING
    assert checkout.plan(config=small(methods=methods)) == expected


def test_a_deleted_generations_file_is_made_from_the_answers_that_are_kept(checkout):
    before = (checkout.results / "scores.csv").read_bytes()
    lost = checkout.results / "generations/tiny-llada/lift3/seed0/greedy/mini-gsm.jsonl"
    text = lost.read_text()
    lost.unlink()
    assert checkout.plan() == {"answer": 1, "judge": 1} | AFTER_DECODING
    shared = small(shards=2)  # to the same bytes
    store = next((checkout.results / ".answers/tiny-llada/lift3/seed0").glob("mini-math.*"))
    store.write_text("")  # and one benchmark's kept answers are lost as well
    assert checkout.run(config=shared).returncode == 0
    log = (checkout.results / "logs/generations/tiny-llada/lift3/seed0.log").read_text()
    assert "mini-gsm.greedy: 100%" in log
    assert "mini-gsm.greedy:   0%" not in log
    assert "mini-math.greedy:   0%" in log
    assert log.startswith("2 processes share the work")
    assert lost.read_text() == text
    assert (checkout.results / "scores.csv").read_bytes() == before


def test_stages_are_targets(checkout):
    stages = [
        "data",
        "models",
        "statistics",
        "finetune",
        "decode",
        "grade",
        "scores",
        "comparisons",
        "tables",
        "power",
        "figures",
    ]
    result = checkout.run("-n", *stages, "page", "settings")
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_another_checkpoint_of_a_run_is_decoded_and_not_trained(checkout):
    methods = SMOKE["methods"] | {"lift3-last": {"run_of": "lift3", "checkpoint": "last"}}
    expected = {"settings": 1, "answer": 1, "judge": 1} | AFTER_DECODING
    assert checkout.plan(config=small(methods=methods)) == expected


def test_a_changed_claim_plans_the_tables(checkout):
    with checkout.edited("config/claims.yaml", "says: Rare", "says: Very rare"):
        assert checkout.plan() == {"tables": 1, "power": 1, "page": 1}


def test_numbers_lead_to_their_records(checkout):
    result = lift(checkout, "explain", "smoke/main/tiny-llada/lift3/mini-gsm")
    assert result.returncode == 0, result.stdout + result.stderr
    for part in ("scores.csv", "grades/tiny-llada/lift3/seed0/greedy/mini-gsm.csv", "runs/tiny-llada/lift3/seed0"):
        assert part in result.stdout


@pytest.mark.parametrize(
    "change, named",
    [
        ({"sedes": [1]}, "unknown key 'sedes', did you mean 'seeds'"),
        ({"methods": {"a": {"objective": "lfit"}}}, "methods.a: unknown objective 'lfit', did you mean 'lift'"),
        ({"methods": {"a": {"objective": "lift", "policy": 3}}}, "methods.a.policy: 3 should be str"),
        ({"methods": {"a": {"objective": "lift", "policy": "tiem"}}}, "unknown value 'tiem', did you mean 'time'"),
        ({"training": SMOKE["training"] | {"epochs": "two"}}, "training.epochs: 'two'"),
        ({"models": {"m": {"base": "nowhere"}}}, "models.m.base: 'nowhere'"),
        (
            {"benchmarks": {"mini-sudoku": {"decoder": "greedy", "path": "missing.csv"}}},
            "the file 'missing.csv' does not exist",
        ),
    ],
)
def test_a_mistake_is_named_before_anything_runs(checkout, change, named):
    result = checkout.run(config=small(**change))
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert named in output
    assert "Traceback" not in output


PUBLISHED = {name: yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in ("paper", "code")}


# Of every config for GPUs: base models, runs, and bases decoded with further seeds, where contests are sampled.
PLANNED = {
    **{"paper": (2, 30, 4), "paper-fast": (2, 30, 4), "code": (2, 30, 0)},
    **{"small": (1, 15, 2), "small-code": (1, 15, 0), "one-gpu": (1, 2, 0)},
}
NO_NETWORK = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        print("asked the network:", event, arguments, file=sys.stderr, flush=True)
        raise OSError("there is no network")

sys.addaudithook(refuse)
"""


def test_every_config_for_gpus_is_planned_here():
    configs = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "config").glob("*.yaml")}
    assert {name for name, config in configs.items() if config.get("device") == "cuda"} == PLANNED.keys()


@pytest.mark.parametrize("name", PLANNED)
def test_the_full_scale_is_planned_on_any_machine(tmp_path, name):
    """With no GPU and no network, which nothing asks for: a GPU for each job, each run and each base decoded."""
    config = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) | {"shards": 1}  # a GPU each
    checkout, tools = Checkout(tmp_path / "checkout", config), tmp_path / "tools"  # no driver's tool on the path
    tools.mkdir()
    (tools / "sitecustomize.py").write_text(NO_NETWORK)
    environment = {"PATH": f"{tools}:/bin", "PYTHONPATH": str(tools), "HF_HOME": str(tmp_path / "cache")}
    result = checkout.run("-n", **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "asked the network" not in result.stdout + result.stderr
    bases, runs, further = PLANNED[name]
    plan = planned(result.stdout)
    assert {rule: plan[rule] for rule in ("base_model", "token_statistics", "train", "answer", "judge")} == {
        **{"base_model": bases, "token_statistics": bases},
        **{"train": runs, "answer": runs + bases, "judge": runs + bases},
    }
    assert plan.get("answer_samples", 0) == plan.get("judge_samples", 0) == further
    assert result.stdout.count("(GPUs: 1)") == bases + runs + (runs + bases) + further
    last = f"{list(config['models'])[-1]} by lift3, seed {config['seeds'][-1]}"
    assert f"Fine-tuning {last} (GPUs: 1)" in result.stdout


def test_a_job_over_several_gpus_asks_for_them(tmp_path):
    """Whatever one machine has: only what runs there is limited, to one GPU where nothing is said."""
    training = PUBLISHED["paper"]["training"] | {"devices": 4}
    checkout = Checkout(tmp_path, PUBLISHED["paper"] | {"training": training, "shards": 3})
    targets = "results/paper/generations/dream/lift3/seed2/run.json", "results/paper/statistics/dream-s1k.parquet"
    asked = checkout.run("-n", *targets).stdout
    assert "Fine-tuning dream by lift3, seed 2 (GPUs: 4)" in asked
    assert "Decoding with dream, lift3, seed 2 (GPUs: 3)" in asked
    assert "dream on s1k (GPUs: 3)" in asked
    assert asked.count("(GPUs: ") == 3
    assert checkout.run("-n", *targets, "--resources", "gpu=2").stdout.count("(GPUs: 2)") == 3


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_cannot_run_here_says_so_at_once(tmp_path, name):
    """No GPU, no network and nothing in the cache: a sentence each, before any job."""
    tools = tmp_path / "tools"  # all that is found on the path: no driver's tool
    tools.mkdir()
    checkout = Checkout(tmp_path / "checkout", PUBLISHED[name])
    environment = {"PATH": f"{tools}:/bin", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    result = checkout.run(**environment)
    output = result.stdout + result.stderr
    assert result.returncode == 1
    assert "This experiment cannot run here." in output
    assert "no NVIDIA GPU that can be used" in output
    assert "Neither here nor in reach: the model GSAI-ML/LLaDA-8B-Instruct" in output
    assert "Traceback" not in output
    assert not list(checkout.results.rglob("*.log"))
    result = checkout.run("data", **environment)  # which needs no GPU
    output = result.stdout + result.stderr
    assert result.returncode == 1
    assert "NVIDIA" not in output
    assert "Neither here nor in reach" in output


@pytest.mark.parametrize("config", [SMOKE, PUBLISHED["paper"]], ids=["smoke", "paper"])
def test_status_knows_every_job(tmp_path, config):
    checkout = Checkout(tmp_path, config)
    expected = sum(checkout.plan().values())
    experiment = Experiment.read(checkout.folder / "experiment.yaml")
    jobs = progress.jobs(experiment, planning.plan(experiment.config, checkout.results))
    assert len({(job.stage, job.what) for job in jobs}) == len({job.log for job in jobs}) == expected


def test_a_cleaned_experiment_has_nothing_left_to_do(checkout):
    result = lift(checkout, "clean", "results/smoke", "--yes")
    assert result.returncode == 0, result.stderr
    assert not (checkout.results / ".answers").exists()
    assert not (checkout.results / "logs").exists()
    assert checkout.plan() == {}
    assert lift(checkout, "verify", "results/smoke").returncode == 0


def test_lint_and_format():
    checks = [
        [sys.executable, "-m", "snakemake", "--lint"],
        ["snakefmt", "--check", "workflow"],
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
    ]
    for command in checks:
        if len(command[0]) < 10:
            command[0] = str(Path(sys.executable).parent / command[0])
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
