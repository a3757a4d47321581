"""The config: its defaults, and that every mistake gets a message that names the key before anything runs."""

import copy
import inspect
import subprocess
import sys
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
import yaml

from lift import registry
from lift.config import configuration, reference
from lift.config.experiment import Experiment
from lift.errors import InputError
from tests.checkout import SMOKE
from tests.conftest import GOLDEN

ROOT = Path(__file__).parent.parent
SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())
CONFIGS = [path for path in sorted((ROOT / "config").glob("*.yaml")) if path.stem != "claims"]
FILES = [*CONFIGS, *sorted((ROOT / "tests" / "config").glob("*.yaml"))]
DELETE = object()


def read(path):
    return yaml.safe_load(path.read_text())


def complete():
    """A right config with something in every section."""
    return {
        "experiment": "small",
        "seeds": [0, 1],
        "models": {"mini": {"base": "shipped"}},
        "corpora": {"mini-traces": {"size": 40, "held_out": 4}},
        "statistics": {"corpus": "mini-traces", "levels": [0.25, 0.5]},
        "training": read(ROOT / "tests" / "config" / "smoke.yaml")["training"],
        "methods": {
            "sft": {"objective": "vanilla"},
            "cart": {"objective": "cart", "p": 0.2},
            "gift": {"objective": "gift"},
            "lift3": {"objective": "lift", "components": ["easy", "random", "hard"]},
        },
        "decoders": {
            "greedy": {"gen_length": 48, "block_length": 16, "steps": 24},
            "sampled": {"gen_length": 48, "block_length": 16, "steps": 24, "temperature": 1.0},
        },
        "benchmarks": {
            "mini-gsm": {"decoder": "greedy", "size": 20},
            "mini-sudoku": {"decoder": "greedy"},
            "mini-contest-a": {"decoder": "sampled", "samples": 16, "levels": [3]},
        },
    }


def changed(*changes):
    """The complete config with changes, each (keys, value)."""
    config = complete()
    for keys, value in changes:
        entry = config
        for key in keys[:-1]:
            entry = entry.setdefault(key, {})
        if value is DELETE:
            del entry[keys[-1]]
        else:
            entry[keys[-1]] = value
    return config


def message(*changes):
    with pytest.raises(InputError) as raised:
        configuration.resolve(changed(*changes), SCHEMA)
    return str(raised.value)


def minimal():
    """A config that says nothing but what it must."""
    config = complete()
    del config["seeds"]
    config["corpora"] = {"mini-traces": {"held_out": 2}}
    config["methods"] = {"sft": {"objective": "vanilla"}, "cart": {"objective": "cart"}}
    config["decoders"] = {"greedy": config["decoders"]["greedy"]}
    config["benchmarks"] = {"mini-gsm": {"decoder": "greedy"}}
    return config


# What is right


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_configs_of_the_repository_resolve(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = read(path)
    before = copy.deepcopy(config)
    resolved = configuration.resolve(config, SCHEMA)
    assert config == before, "what is given is not changed"
    assert configuration.resolve(resolved, SCHEMA) == resolved, "what is resolved stays as it is"
    for name, entry in config.items():
        if isinstance(entry, dict):
            assert entry.keys() <= resolved[name].keys()


def test_defaults_are_filled_in():
    resolved = configuration.resolve(minimal(), SCHEMA)
    assert (resolved["seeds"], resolved["device"], resolved["threads"]) == ([0], "cpu", 1)
    assert resolved["models"]["mini"] == {
        "base": "shipped",
        "family": "llada",
        "dtype": "float32",
        "quantisation": None,
        "training": {},
    }
    assert resolved["corpora"]["mini-traces"] == {"held_out": 2, "source": "mini-traces"}
    assert resolved["statistics"]["passes"] == 1
    assert resolved["methods"]["sft"] == {"objective": "vanilla", "training": {}}
    assert resolved["decoders"]["greedy"] == {
        "gen_length": 48,
        "block_length": 16,
        "steps": 24,
        "temperature": 0.0,
        "guidance": 0.0,
        "stop_at_end": True,
        "batch_size": 32,
        "threshold": None,
        "cache": "none",
        "schedule": "equal",
        "confidence": "probability",
        "confidence_temperature": 0.0,
        "top_p": None,
        "top_k": None,
        "logits_eos_inf": False,
        "confidence_eos_eot_inf": False,
    }
    assert resolved["benchmarks"]["mini-gsm"] == {"decoder": "greedy", "samples": 1, "k": 1, "source": "mini-gsm"}


def test_an_order_that_is_drawn_is_drawn_with_every_seed():
    """Also by a decoder that takes the best token: the base answers anew, and several answers differ."""
    of_order = {"confidence": "entropy", "confidence_temperature": 0.1}
    config = changed((("decoders", "greedy"), complete()["decoders"]["greedy"] | of_order))
    config["benchmarks"]["mini-gsm"]["samples"] = 2
    experiment = Experiment(configuration.resolve(config, SCHEMA))
    assert ("mini-gsm", "greedy") in experiment.answers("base", 1)
    assert experiment.scoring()["benchmarks"]["mini-gsm"]["decoders"]["greedy"]["drawn"]
    as_it_is = Experiment(configuration.resolve(complete(), SCHEMA))
    assert ("mini-gsm", "greedy") not in as_it_is.answers("base", 1)
    assert not as_it_is.scoring()["benchmarks"]["mini-gsm"]["decoders"]["greedy"]["drawn"]


def test_what_is_given_wins_over_defaults():
    config = changed((("device",), "cuda"), (("decoders", "greedy", "batch_size"), 5))
    resolved = configuration.resolve(config, SCHEMA)
    assert resolved["device"] == "cuda"
    assert resolved["decoders"]["greedy"]["batch_size"] == 5
    assert resolved["benchmarks"]["mini-contest-a"]["samples"] == 16


def test_entries_do_not_share_their_defaults():
    resolved = configuration.resolve(minimal(), SCHEMA)
    resolved["methods"]["sft"]["training"]["epochs"] = 7
    assert resolved["methods"]["cart"]["training"] == {}
    assert configuration.resolve(minimal(), SCHEMA)["methods"]["sft"]["training"] == {}


def test_an_entry_may_have_a_name_of_its_own():
    config = minimal()
    config["corpora"]["traces"] = {"source": "mini-traces", "held_out": 2, "size": 20}
    config["benchmarks"]["stories"] = {"source": "mini-gsm", "decoder": "greedy", "size": 5}
    config["methods"]["sft"]["training"] = {"corpus": "traces"}
    resolved = configuration.resolve(config, SCHEMA)
    assert resolved["benchmarks"]["stories"]["source"] == "mini-gsm"
    assert configuration.method_training(resolved, "sft")["corpus"] == "traces"


def test_a_method_may_override_training():
    own = {"lora": None, "epochs": 3, "padding": "max_length"}
    config = changed((("methods", "sft", "training"), own))
    resolved = configuration.resolve(config, SCHEMA)
    assert configuration.method_training(resolved, "sft") == resolved["training"] | own
    assert configuration.method_training(resolved, "cart") == resolved["training"]
    assert resolved["training"] == config["training"] | {"devices": 1, "activation_checkpointing": False}


ABLATIONS = {
    "large-h": {"objective": "lift", "random_weight": 10.0},
    "sft-last": {"run_of": "sft", "checkpoint": "last"},
}


def test_ablations_run_only_where_they_are_asked_for():
    off = configuration.resolve(changed((["ablations"], ABLATIONS)), SCHEMA)
    assert list(off["methods"]) == ["sft", "cart", "gift", "lift3"]
    on = configuration.resolve(changed((["ablations"], ABLATIONS), (["run_ablations"], True)), SCHEMA)
    assert list(on["methods"]) == ["sft", "cart", "gift", "lift3", "large-h", "sft-last"]
    assert configuration.trained_methods(on) == ["sft", "cart", "gift", "lift3", "large-h"]
    assert configuration.resolve(on, SCHEMA) == on


@pytest.mark.parametrize(
    "only, expected",
    [
        ("cart", ["sft", "cart"]),
        (["lift3", "gift"], ["sft", "gift", "lift3"]),
        ("large-h", ["sft", "large-h"]),  # whether or not ablations run
        ("h-last", ["sft", "large-h", "h-last"]),  # with the run that it takes its weights from
    ],
)
@pytest.mark.parametrize("all_ablations", [True, False])
def test_only_some_methods_and_the_references(only, expected, all_ablations):
    ablations = ABLATIONS | {"h-last": {"run_of": "large-h", "checkpoint": "last"}}
    changes = (["ablations"], ablations), (["run_ablations"], all_ablations), (["only"], only)
    resolved = configuration.resolve(changed(*changes), SCHEMA)
    assert list(resolved["methods"]) == expected
    assert configuration.resolve(resolved, SCHEMA) == resolved


def test_another_checkpoint_of_a_run_is_trained_as_that_run():
    on = configuration.resolve(changed((["ablations"], ABLATIONS), (["run_ablations"], True)), SCHEMA)
    training = configuration.method_training(on, "sft-last")
    assert training == configuration.method_training(on, "sft") | {"checkpoint": "last"}


def test_the_reference_is_the_first_method_and_k_all_samples_unless_said_otherwise():
    resolved = configuration.resolve(complete(), SCHEMA)
    assert resolved["references"] == ["sft"]
    assert resolved["benchmarks"]["mini-contest-a"]["k"] == 16
    resolved = configuration.resolve(
        changed((["references"], ["cart"]), (["benchmarks", "mini-contest-a", "k"], 4)), SCHEMA
    )
    assert (resolved["references"], resolved["benchmarks"]["mini-contest-a"]["k"]) == (["cart"], 4)


def test_the_ablations_of_the_paper_are_those_of_the_miniature():
    """The same objectives in config/ablations.yaml or config/study.yaml, by the same names."""
    ablations, study, papers = (read(ROOT / f"config/{name}.yaml") for name in ("ablations", "study", "paper"))
    assert ablations["run_ablations"]
    assert not papers["run_ablations"]
    ours = ablations["ablations"] | study["methods"]
    rates_and_checkpoints = {"sft-half-rate", "lift3-double-rate", "sft-last", "lift3-last"}  # of its own protocol
    for name, method in papers["ablations"].items():
        if name not in rates_and_checkpoints:
            assert ours[name]["objective"] == method["objective"]
            assert configuration.method_settings(ours[name]) == configuration.method_settings(method)
    assert ablations["methods"].keys() < papers["methods"].keys() < study["methods"].keys()


def test_sft_with_lifts_compute_takes_as_many_operations():
    """Longer by as much as a step of LIFT-3 costs more; the held-out losses, which train nothing, are not counted."""
    from lift.finetune.takes import takes
    from lift.models.shape import PUBLISHED, read_shape
    from lift.plan import costs

    shapes = {"ablations": read_shape(configuration.SHIPPED / "config.json"), "paper": PUBLISHED["llada"]}
    for name, shape in shapes.items():
        config = configuration.resolve(read(ROOT / f"config/{name}.yaml") | {"run_ablations": True}, SCHEMA)
        training = config["training"]
        steps = {}
        for method in ("sft", "lift3"):
            entry = config["methods"][method]
            take = takes(entry["objective"], configuration.method_settings(entry))
            length = training["max_length"]
            steps[method] = sum(costs.training_flops(shape, training["lora"], take, length, 0.8 * length))
        longer = configuration.method_training(config, "sft-compute")["epochs"] / training["epochs"]
        assert longer == pytest.approx(steps["lift3"] / steps["sft"], rel=0.01)


def test_a_config_that_is_resolved_again_stays_as_it_is():
    """Stages read the resolved config: also where `only` leaves a method out whose runs another would take."""
    methods = {"sft": {"objective": "vanilla"}, "cart": {"objective": "cart"}}
    chosen = [(["methods"], methods), (["ablations"], {"cart-last": {"run_of": "cart", "checkpoint": "last"}})]
    chosen += [(["run_ablations"], True), (["only"], "sft"), (["references"], ["sft"])]
    once = configuration.resolve(changed(*chosen), SCHEMA)
    assert configuration.resolve(once, SCHEMA) == once


MINIATURES = ("config", "study", "ablations", "base", "tuning")


def test_the_configs_of_the_miniature_are_one_protocol():
    plain, *others = (read(ROOT / f"config/{name}.yaml") for name in MINIATURES)
    for config in others:
        for key in ("corpora", "training", "decoders"):
            assert config[key] == plain[key]


def test_the_fast_paper_is_the_paper_with_other_decoders():
    paper, fast = (read(ROOT / f"config/{name}.yaml") for name in ("paper", "paper-fast"))
    for config in (paper, fast):
        del config["experiment"], config["decoders"]
        for entry in config["benchmarks"].values():
            del entry["decoder"]
    assert fast == paper


def test_the_fast_paper_takes_a_quarter_of_the_papers_hours(tmp_path):
    from lift.plan import planning

    configs = [configuration.load_config(ROOT / f"config/{name}.yaml") for name in ("paper", "paper-fast")]
    paper, fast = (planning.plan(config, tmp_path).stages()[-1]["hours"] for config in configs)
    assert fast < paper / 4
    both = {n: configuration.benchmark_decoders(configs[1], n) for n in ("countdown", "sudoku")}
    for decoders in both.values():
        exact, approximate = decoders["greedy-256"], decoders["fast-256"]
        assert approximate == exact | {"cache": "dual"}


@pytest.mark.parametrize("name, hours, memory", [("small", 10, 22e9), ("small-code", 10, 22e9), ("one-gpu", 48, 22e9)])
def test_the_configs_for_one_card_fit_it(name, hours, memory, tmp_path):
    from lift.plan import planning

    config = configuration.load_config(ROOT / f"config/{name}.yaml")
    *_, total = planning.plan(config, tmp_path, planning.Assumptions(gpu="4090")).stages()
    assert total["hours"] < hours
    assert total["gpu_memory"] < memory


def test_methods_are_trained_at_the_rates_that_validation_problems_chose():
    """perf/results/rates.csv, which perf/rates.py wrote; in config/ablations.yaml those of SFT and LIFT-3."""
    table = pd.read_csv(ROOT / "perf/results/rates.csv")
    chosen = table[table["chosen"] == "yes"].set_index("method")["rate"].to_dict()
    for name in ("config", "study", "ablations"):
        config = configuration.resolve(read(ROOT / f"config/{name}.yaml"), SCHEMA)
        for method in configuration.trained_methods(config):
            kind = method if method in chosen else method.partition("-")[0]
            training = configuration.method_training(config, method)
            if training["lora"] is None:
                assert training["learning_rate"] == chosen[kind], (name, method)
    assert set(config["methods"]) - set(chosen) == set(config["ablations"])


def test_tuning_gives_every_method_the_same_rates_and_other_problems_than_the_study():
    tuning, study = (read(ROOT / f"config/{name}.yaml") for name in ("tuning", "study"))
    tried = {}
    for name, entry in tuning["methods"].items():
        method, _, _ = name.partition("-at-")
        tried.setdefault(method, []).append(entry["training"].pop("learning_rate"))
        assert entry["training"] == {}
        mine, theirs = ({k: v for k, v in e.items() if k != "training"} for e in (entry, study["methods"][method]))
        assert mine == theirs
    assert tried.keys() == study["methods"].keys()
    assert len({tuple(rates) for rates in tried.values()}) == 1
    for benchmark, entry in tuning["benchmarks"].items():
        assert entry["part"] == "validation"
        assert "part" not in study["benchmarks"][benchmark]


def test_settings_are_what_is_not_an_entrys_own_with_defaults():
    resolved = configuration.resolve(complete(), SCHEMA)
    assert configuration.method_settings(resolved["methods"]["sft"]) == {}
    assert configuration.method_settings(resolved["methods"]["cart"]) == {"p": 0.2}
    assert configuration.method_settings(resolved["methods"]["gift"]) == registry.settings("objective")["gift"]
    assert configuration.corpus_settings(resolved["corpora"]["mini-traces"]) == {"size": 40, "seed": 0}
    settings = configuration.benchmark_settings(resolved["benchmarks"]["mini-contest-a"])
    assert settings == registry.settings("benchmark")["mini-contest-a"] | {"levels": [3]}


@pytest.mark.parametrize(
    "keys, value",
    [
        (("methods", "cart", "p"), 1),  # a whole number where a number is asked for
        (("methods", "lift3", "policy"), "random"),
        (("methods", "lift3", "components"), ["hard"]),
        (("benchmarks", "mini-sudoku", "path"), str(ROOT / "pyproject.toml")),
        (("decoders", "greedy", "steps"), 3),
        (("decoders", "greedy", "steps"), 48),
        (("training", "micro_batch_size"), 2),
        (("training", "devices"), 2),
    ],
)
def test_right_values(keys, value):
    resolved = configuration.resolve(changed((keys, value)), SCHEMA)
    for key in keys:
        resolved = resolved[key]
    assert resolved == value


def test_a_folder_with_a_model_and_its_tokenizer_is_a_base(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llada"}')
    (tmp_path / "tokenizer_config.json").touch()
    resolved = configuration.resolve(changed((("models", "mini", "base"), str(tmp_path))), SCHEMA)
    assert resolved["models"]["mini"]["base"] == str(tmp_path)


def test_a_folder_of_another_family_is_refused(tmp_path):
    (tmp_path / "tokenizer_config.json").touch()
    for content, parts in (
        ('{"model_type": "Dream"}', ["models.mini.family", "'llada'", "is 'Dream'"]),
        ("{", ["models.mini.base", "is not JSON"]),
    ):
        (tmp_path / "config.json").write_text(content)
        text = message((("models", "mini", "base"), str(tmp_path)))
        assert [part for part in parts if part not in text] == []


# What is wrong: the change, and what the message must hold

MISTAKES = {
    "an ablation's setting": (["ablations"], {"a": {"objective": "lift", "polcy": "time"}}, ["ablations.a", "polcy"]),
    "an ablation of a method's name": (
        ["ablations"],
        {"sft": {"objective": "lift"}},
        ["ablations.sft", "another method"],
    ),
    "a run of nobody": (["methods", "a"], {"run_of": "sfd", "checkpoint": "last"}, ["methods.a.run_of", "'sft'"]),
    "a run without checkpoint": (["methods", "a"], {"run_of": "sft"}, ["methods.a", "checkpoint"]),
    "a run that is trained": (["methods", "a"], {"run_of": "sft", "checkpoint": "last", "p": 1}, ["methods.a", "'p'"]),
    "an unknown reference": (["references"], ["stf"], ["references", "'sft'"]),
    "an unknown method alone": (["only"], "cort", ["only: unknown method 'cort'", "did you mean 'cart'"]),
    "an unknown method among others": (["only"], ["gift", "cort"], ["only: unknown method 'cort'"]),
    "no method": (["only"], [], ["only"]),
    "more than all samples": (["benchmarks", "mini-contest-a", "k"], 17, ["mini-contest-a.k", "17 of 16"]),
    "typo at top level": (("sedes",), [1], ["top level", "'sedes'", "did you mean 'seeds'"]),
    "unknown at top level": (("zzzz",), 1, ["top level", "'zzzz'", "known are experiment"]),
    "typo in training": (("training", "epoch"), 1, ["training: ", "'epoch'", "did you mean 'epochs'"]),
    "typo in lora": (("training", "lora", "alhpa"), 1, ["training.lora", "'alhpa'", "did you mean 'alpha'"]),
    "typo in a method's training": (
        ("methods", "sft", "training"),
        {"learning_rat": 1},
        ["methods.sft.training", "'learning_rat'", "did you mean 'learning_rate'"],
    ),
    "typo in a method setting": (
        ("methods", "gift", "beta_maen"),
        "batch",
        ["methods.gift", "'beta_maen'", "did you mean 'beta_mean'"],
    ),
    "setting of another method": (("methods", "sft", "p"), 0.1, ["methods.sft", "'p'"]),
    "typo in a corpus setting": (("corpora", "mini-traces", "sise"), 1, ["corpora.mini-traces", "'sise'", "'size'"]),
    "typo in a benchmark": (("benchmarks", "mini-gsm", "level"), [3], ["benchmarks.mini-gsm", "'level'", "'levels'"]),
    "typo in a decoder": (("decoders", "greedy", "step"), 3, ["decoders.greedy", "'step'", "'steps'"]),
    "typo in a model": (("models", "mini", "famly"), "llada", ["models.mini", "'famly'", "'family'"]),
    "typo in a recipe": (("models", "mini", "training", "layer"), 1, ["models.mini.training", "'layer'", "'layers'"]),
    "typo in statistics": (("statistics", "pases"), 1, ["statistics", "'pases'", "'passes'"]),
    "text for a number": (("training", "batch_size"), "eight", ["training.batch_size", "'eight'"]),
    "braces in a path": (
        ("benchmarks", "sudoku"),
        {"decoder": "greedy", "path": "a{b}.csv"},
        ["benchmarks.sudoku.path", "'a{b}.csv'", "wildcards"],
    ),
    "text for a setting": (("methods", "cart", "p"), "high", ["methods.cart.p", "'high'", "float"]),
    "boolean for a number": (("methods", "cart", "p"), True, ["methods.cart.p", "True", "float"]),
    "number for a boolean": (("methods", "lift3", "time_scaling"), 1, ["methods.lift3.time_scaling", "bool"]),
    "text for a list": (("methods", "lift3", "components"), "easy", ["methods.lift3.components", "'easy'", "list"]),
    "fraction for a whole number": (("benchmarks", "mini-gsm", "size"), 2.5, ["benchmarks.mini-gsm.size", "int"]),
    "no mapping": (("methods", "sft"), "vanilla", ["methods.sft", "'vanilla'"]),
    "negative": (("training", "learning_rate"), -1, ["training.learning_rate", "-1"]),
    "no seed": (("seeds",), [], ["seeds"]),
    "a seed twice": (("seeds",), [1, 1], ["seeds"]),
    "level above one": (("statistics", "levels"), [0.5, 1.5], ["statistics.levels.1", "1.5"]),
    "no samples": (("benchmarks", "mini-contest-a", "samples"), 0, ["benchmarks.mini-contest-a.samples", "0"]),
    "unknown decoder in a list": (
        ("benchmarks", "mini-gsm", "decoder"),
        ["greedy", "smapled"],
        ["benchmarks.mini-gsm.decoder", "'smapled'", "did you mean 'sampled'"],
    ),
    "greedy decoder among those of samples": (
        ("benchmarks", "mini-contest-a", "decoder"),
        ["sampled", "greedy"],
        ["benchmarks.mini-contest-a.samples", "greedy"],
    ),
    "hub model without a revision": (("models", "mini", "base"), "owner/name", ["models.mini", "revision"]),
    "unknown dtype": (("models", "mini", "dtype"), "fp16", ["models.mini.dtype", "'fp16'", "bfloat16"]),
    "unknown quantisation": (
        ("models", "mini"),
        {"base": "shipped", "dtype": "bfloat16", "quantisation": "int8"},
        ["models.mini.quantisation", "'int8'", "nf4"],
    ),
    "4 bits in float32": (
        ("models", "mini"),
        {"base": "shipped", "quantisation": "nf4"},
        ["models.mini.quantisation", "'nf4' computes in bfloat16", "dtype: bfloat16"],
    ),
    "unknown sandbox": (("sandbox",), "none", ["sandbox", "'none'", "bubblewrap"]),
    "missing prompt": (
        ("benchmarks", "gsm8k"),
        {"decoder": "greedy", "prompt": "no/such.txt"},
        ["benchmarks.gsm8k.prompt", "'no/such.txt'", "does not exist"],
    ),
    "missing corpus file": (
        ("corpora", "s1k"),
        {"held_out": 2, "path": "no/such/file.jsonl"},
        ["corpora.s1k.path", "'no/such/file.jsonl'", "does not exist"],
    ),
    "nothing left of a published corpus": (("corpora", "s1k"), {"held_out": 1000}, ["corpora.s1k.held_out", "1000"]),
    "unknown puzzles": (
        ("benchmarks", "sudoku"),
        {"decoder": "greedy", "puzzles": "d2"},
        ["benchmarks.sudoku.puzzles", "'d2'", "d1"],
    ),
    "unknown device": (("device",), "gpu", ["device", "'gpu'", "cuda"]),
    "unknown family": (("models", "mini", "family"), "dream", ["models.mini.family", "'dream'", "Dream"]),
    "unknown objective": (
        ("methods", "sft", "objective"),
        "vanila",
        ["methods.sft", "objective 'vanila'", "did you mean 'vanilla'"],
    ),
    "unknown policy": (("methods", "lift3", "policy"), "tiem", ["methods.lift3.policy", "'tiem'", "mean 'time'"]),
    "unknown mean": (
        ("methods", "gift", "beta_mean"),
        "sequense",
        ["methods.gift.beta_mean", "'sequense'", "'sequence'"],
    ),
    "unknown component": (
        ("methods", "lift3", "components"),
        ["easy", "hrad"],
        ["methods.lift3.components", "'hrad'", "did you mean 'hard'"],
    ),
    "unknown level": (("benchmarks", "mini-gsm", "levels"), [3, 9], ["benchmarks.mini-gsm.levels", "9", "3, 4, 5"]),
    "no level": (("benchmarks", "mini-gsm", "levels"), [], ["benchmarks.mini-gsm.levels", "empty"]),
    "unknown decoder": (
        ("benchmarks", "mini-gsm", "decoder"),
        "gredy",
        ["benchmarks.mini-gsm.decoder", "'gredy'", "did you mean 'greedy'"],
    ),
    "unknown corpus in training": (
        ("training", "corpus"),
        "mini-trace",
        ["training.corpus", "'mini-trace'", "did you mean 'mini-traces'"],
    ),
    "unknown corpus in a method": (
        ("methods", "sft", "training"),
        {"corpus": "mini-trace"},
        ["methods.sft.training.corpus", "'mini-trace'", "did you mean 'mini-traces'"],
    ),
    "unknown corpus in statistics": (
        ("statistics", "corpus"),
        "traces",
        ["statistics.corpus", "'traces'", "mini-traces"],
    ),
    "unknown source of a corpus": (
        ("corpora", "mini-traces", "source"),
        "minitraces",
        ["corpora.mini-traces", "'minitraces'", "did you mean 'mini-traces'"],
    ),
    "unknown benchmark": (
        ("benchmarks", "mini-gms"),
        {"decoder": "greedy"},
        ["benchmarks.mini-gms", "'mini-gms'", "did you mean 'mini-gsm'"],
    ),
    "steps and a threshold": (("decoders", "greedy", "threshold"), 0.9, ["decoders.greedy", "steps", "threshold"]),
    "neither steps nor a threshold": (("decoders", "greedy", "steps"), None, ["decoders.greedy", "steps", "threshold"]),
    "a threshold above one": (("decoders", "greedy", "threshold"), 1.5, ["decoders.greedy.threshold", "1.5"]),
    "an unknown cache": (("decoders", "greedy", "cache"), "dul", ["decoders.greedy.cache", "'dul'", "dual"]),
    "no step": (("decoders", "greedy", "steps"), 0, ["decoders.greedy.steps", "0"]),
    "fewer steps than blocks": (("decoders", "greedy", "steps"), 2, ["decoders.greedy.steps", "2", "3 to 48"]),
    "more steps than tokens": (("decoders", "greedy", "steps"), 49, ["decoders.greedy.steps", "49", "3 to 48"]),
    "steps that the blocks cannot share": (("decoders", "greedy", "steps"), 25, ["decoders.greedy.steps", "25", "3"]),
    "block length that divides nothing": (
        ("decoders", "greedy", "block_length"),
        20,
        ["decoders.greedy.block_length", "20", "gen_length 48"],
    ),
    "timesteps and a threshold": (
        ("decoders", "greedy"),
        {"gen_length": 48, "block_length": 16, "threshold": 0.9, "schedule": "timesteps"},
        ["decoders.greedy.schedule", "timesteps", "threshold"],
    ),
    "a threshold of an entropy": (
        ("decoders", "greedy"),
        {"gen_length": 48, "block_length": 16, "threshold": 0.9, "confidence": "entropy"},
        ["decoders.greedy.threshold", "entropy", "negative"],
    ),
    "an order that is drawn by a threshold": (
        ("decoders", "greedy"),
        {"gen_length": 48, "block_length": 16, "threshold": 0.9}
        | {"confidence": "maskgit_plus", "confidence_temperature": 0.1},
        ["decoders.greedy.confidence_temperature", "threshold", "steps"],
    ),
    "a cut of nothing that counts": (
        ("decoders", "sampled", "top_p"),
        0.9,
        ["decoders.sampled.top_p", "entropy", "probability"],
    ),
    "an unknown confidence": (
        ("decoders", "sampled", "confidence"),
        "low_confidence",
        ["decoders.sampled.confidence", "'low_confidence'", "probability"],
    ),
    "all of the probability": (("decoders", "sampled", "top_p"), 1.0, ["decoders.sampled.top_p", "1.0"]),
    "one token of all": (("decoders", "sampled", "top_k"), 1, ["decoders.sampled.top_k", "1", "minimum of 2"]),
    "ends that are last by Dream's confidence": (
        ("decoders", "greedy"),
        {"gen_length": 48, "block_length": 48, "steps": 48, "confidence": "entropy", "confidence_eos_eot_inf": True},
        ["decoders.greedy.confidence_eos_eot_inf", "probability", "entropy"],
    ),
    "batch size that is no multiple": (
        ("training", "micro_batch_size"),
        3,
        ["methods.sft", "batch_size 8", "micro_batch_size"],
    ),
    "batch size of a method that is no multiple": (
        ("methods", "cart", "training"),
        {"batch_size": 10},
        ["methods.cart", "batch_size 10", "micro_batch_size"],
    ),
    "samples of a greedy decoder": (
        ("benchmarks", "mini-contest-a", "decoder"),
        "greedy",
        ["benchmarks.mini-contest-a.samples", "16", "greedy"],
    ),
    "nothing left for training": (("corpora", "mini-traces", "held_out"), 40, ["corpora.mini-traces.held_out", "40"]),
    "missing file": (
        ("benchmarks", "mini-sudoku", "path"),
        "no/such.csv",
        ["benchmarks.mini-sudoku.path", "'no/such.csv'", "does not exist"],
    ),
    "missing model folder": (("models", "mini", "base"), "no/such/model", ["models.mini.base", "'no/such/model'"]),
    "folder without a model": (("models", "mini", "base"), str(ROOT / "lift"), ["models.mini.base", "config.json"]),
    "model without its tokenizer": (
        ("models", "mini", "base"),
        str(GOLDEN / "tiny_llada"),
        ["models.mini.base", "tokenizer_config.json"],
    ),
    "training of a base without a recipe": (("models", "new"), {"base": "train"}, ["models.new.training", "needs"]),
    "reserved name of a method": (("methods", "base"), {"objective": "vanilla"}, ["methods", "'base'"]),
    "reserved name of a benchmark": (
        ("benchmarks", "average"),
        {"source": "mini-gsm", "decoder": "greedy"},
        ["benchmarks", "'average'"],
    ),
    "name that is no file name": (("experiment",), "../there", ["experiment", "'../there'"]),
    "name with a slash": (("methods", "a/b"), {"objective": "vanilla"}, ["methods", "'a/b'"]),
    "missing section": (("decoders",), DELETE, ["'decoders'", "required"]),
    "missing setting": (("training", "epochs"), DELETE, ["training: ", "'epochs'", "required"]),
    "missing held-out size": (("corpora", "mini-traces", "held_out"), DELETE, ["corpora.mini-traces", "'held_out'"]),
}


@pytest.mark.parametrize("keys, value, parts", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named(keys, value, parts):
    text = message((keys, value))
    assert [part for part in parts if part not in text] == []


NF4 = {"base": "shipped", "dtype": "bfloat16", "quantisation": "nf4"}


def test_4_bits_are_not_trained():
    """Where a method trains all weights, and is to run."""
    full = {"objective": "vanilla", "training": {"lora": None}}
    text = message((("models", "mini"), NF4), (("methods", "all"), full))
    assert "models.mini.quantisation: 'all' trains all weights (`lora: null`)" in text
    assert len(text.splitlines()) == 2
    text = message((("models", "mini"), NF4), (("training", "lora"), None))
    assert len(text.splitlines()) == 1 + len(complete()["methods"])
    configuration.resolve(changed((("models", "mini"), NF4), (("ablations",), {"all": full})), SCHEMA)
    configuration.resolve(changed((("training", "lora"), None)), SCHEMA)


def test_quantisation_is_a_setting_of_what_holds_the_model():
    """And of nothing else: the base, its tokens, guesses and grades stay as they are."""
    plain, quantised = (
        Experiment(configuration.resolve(changed((("models", "mini"), NF4 | {"quantisation": kind})), SCHEMA))
        for kind in (None, "nf4")
    )
    for one in (plain, quantised):
        kind = one.config["models"]["mini"]["quantisation"]
        for view in (one.statistics("mini"), one.run("mini", "sft"), one.decoding("mini", "sft", 0)):
            assert view["quantisation"] == kind
    assert plain.base("mini") == quantised.base("mini")
    assert plain.scoring() == quantised.scoring()


def test_one_mistake_gives_one_line():
    text = message((("decoders", "greedy", "steps"), 2))
    assert len(text.splitlines()) == 2  # what it is about, and the mistake


def test_all_mistakes_are_listed():
    text = message(
        (("methods", "sft", "objective"), "vanila"),
        (("methods", "cart", "q"), 1),
        (("benchmarks", "mini-gsm", "decoder"), "gredy"),
    )
    assert all(part in text for part in ("methods.sft", "methods.cart", "benchmarks.mini-gsm.decoder"))
    text = message((("sedes",), [0]), (("seed",), 0), (("threads",), "two"))
    assert all(part in text for part in ("'sedes'", "'seed'", "threads: 'two'"))


# The schema


def properties(schema, path=()):
    """All (path, property) of a schema."""
    if isinstance(schema, dict):
        for name, part in schema.items():
            if name == "properties":
                yield from (((*path, key), value) for key, value in part.items())
            yield from properties(part, (*path, name))
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part, path)


def test_schema_is_valid_and_describes_every_property():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    found = list(properties(SCHEMA))
    assert len(found) > 50
    assert [path for path, part in found if not part.get("description") and part.keys() != {"default"}] == []


def test_defaults_of_the_schema_are_allowed_by_it():
    validator = jsonschema.Draft202012Validator(SCHEMA)
    defaults = [(part, part["default"]) for _, part in properties(SCHEMA) if "default" in part]
    assert len(defaults) > 8
    for part, default in defaults:
        validator.evolve(schema={**part, "$defs": SCHEMA["$defs"]}).validate(default)


# The registry


@pytest.mark.parametrize(
    "kind, function",
    [("objective", "select"), ("benchmark", "problems"), ("corpus", "examples"), ("grader", "grade")],
)
def test_registry_agrees_with_the_functions(kind, function):
    assert registry.settings(kind)
    for name, settings in registry.settings(kind).items():
        module = registry.module_of(kind, name)
        parameters = inspect.signature(getattr(module, function)).parameters.values()
        assert settings == {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty package in place of lift, and nothing remembered."""
    for folder in ("finetune/objectives", "data/benchmarks", "miniature/corpora"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").touch()
    functions = (registry.settings, registry.choices)
    for function in functions:
        function.cache_clear()
    monkeypatch.setattr(registry, "_PACKAGE", tmp_path)
    yield tmp_path
    for function in functions:
        function.cache_clear()


def test_settings_with_a_choice():
    parts = ["sequence", "batch"]
    assert registry.choices("objective", "gift") == {"beta_mean": parts, "denominator": parts}
    assert registry.choices("objective", "vanilla") == {}


def test_adding_a_file_is_enough(package):
    (package / "finetune/objectives" / "mine.py").write_text(
        "def select(model, *, rate: float = 0.5, kinds: list = ['a']): ..."
    )
    (package / "data/benchmarks" / "my_puzzle.py").write_text("import nowhere\ndef problems(*, size=-3): ...")
    (package / "miniature/corpora" / "my_corpus.py").write_text("def other(*, x=1): ...\ndef examples(): ...")
    assert registry.settings("objective") == {"mine": {"rate": 0.5, "kinds": ["a"]}}
    assert registry.settings("benchmark") == {"my-puzzle": {"size": -3}}
    assert registry.settings("corpus") == {"my-corpus": {}}
    for kind, name in (("objective", "mine"), ("benchmark", "my-puzzle"), ("corpus", "my-corpus")):
        assert registry.choices(kind, name) == {}


def test_a_file_without_its_function_is_named(package):
    (package / "finetune/objectives" / "mine.py").write_text("def selekt(): ...")
    with pytest.raises(ValueError, match=r"mine\.py defines no function select"):
        registry.settings("objective")


def test_checking_a_config_imports_no_torch():
    """Snakemake reads the config in every job it starts, and torch takes seconds to import."""
    files = [str(ROOT / "tests/config/smoke.yaml"), str(ROOT / "workflow/schemas/config.schema.yaml")]
    code = (
        "import sys, yaml; from lift.config import configuration as config; "
        f"config.resolve(*(yaml.safe_load(open(file)) for file in {files!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    "path, text, value",
    [
        (("training", "learning_rate"), "0.5", 0.5),
        (("training", "learning_rate"), "1e-3", 1e-3),
        (("training", "learning_rate"), ".5", 0.5),
        (("training", "learning_rate"), "2", 2),
        (("training", "epochs"), "3", 3),
        (("training", "batch_size"), "16", 16),
        (("training", "score_padding"), "False", False),
        (("training", "score_padding"), "true", True),
        (("training", "lora"), "null", None),
        (("training", "lora"), "None", None),
        (("training", "lora", "r"), "4", 4),
        (("statistics", "levels"), ["0.5", "1e-1"], [0.5, 0.1]),
        (("statistics", "passes"), "3", 3),
        (("methods", "lift3", "random_weight"), "5", 5),
        (("methods", "lift3", "random_weight"), "2.5e0", 2.5),
        (("methods", "lift3", "time_scaling"), "false", False),
        (("methods", "lift3", "policy"), "random", "random"),
        (("methods", "lift3", "training"), {"learning_rate": "1e-5"}, {"learning_rate": 1e-5}),
        (("benchmarks", "mini-gsm", "size"), "7", 7),
        (("benchmarks", "mini-gsm", "levels"), ["3"], [3]),
        (("corpora", "mini-traces", "size"), "30", 30),
        (("decoders", "greedy", "steps"), "6", 6),
        (("decoders", "greedy", "temperature"), "0", 0),
        (("run_ablations",), "True", True),
        (("models", "tiny-llada", "quantisation"), "null", None),
        (("models", "tiny-llada", "training", "upper_share"), "5e-2", 0.05),
    ],
)
def test_numbers_that_come_as_text_are_what_the_schema_says(path, text, value):
    """Snakemake hands nested numbers of --config over as text, and YAML reads 1e-3 so."""
    config = copy.deepcopy(SMOKE)
    place = config
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = text
    found = configuration.resolve(config, SCHEMA)
    for name in path:
        found = found[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["fast", "", "nan", "inf", "1e", "0x10", "1_0", "--1", "1,5", "True"])
def test_a_text_that_is_no_number_is_still_refused(text):
    config = copy.deepcopy(SMOKE)
    config["training"]["learning_rate"] = text
    with pytest.raises(InputError, match=r"training\.learning_rate"):
        configuration.resolve(config, SCHEMA)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("path", [("training", "learning_rate"), ("decoders", "sampled", "temperature")])
def test_a_number_that_is_not_finite_is_refused(path, number):
    config = copy.deepcopy(SMOKE)
    place = config
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = number
    with pytest.raises(InputError, match=".".join(path)):
        configuration.resolve(config, SCHEMA)


def test_names_that_are_numbers_are_text():
    config = copy.deepcopy(SMOKE)
    config["decoders"] = {16: config["decoders"]["greedy"], 17: config["decoders"]["sampled"]}
    for name, benchmark in config["benchmarks"].items():
        benchmark["decoder"] = 17 if name.startswith("mini-contest") else [16]
    found = configuration.resolve(config, SCHEMA)
    assert list(found["decoders"]) == ["16", "17"]
    assert list(configuration.benchmark_decoders(found, "mini-gsm")) == ["16"]
    assert list(configuration.benchmark_decoders(found, "mini-contest-a")) == ["17"]


def test_whole_floats_are_whole_numbers_and_columns_are_no_benchmarks():
    config = copy.deepcopy(SMOKE)
    config["training"]["batch_size"], config["seeds"] = 8.0, [0.0]
    found = configuration.resolve(config, SCHEMA)
    assert (found["training"]["batch_size"], found["seeds"]) == (8, [0])
    assert type(found["seeds"][0]) is int
    config["benchmarks"]["step"] = {"source": "mini-gsm", "decoder": "greedy"}
    with pytest.raises(InputError, match="step"):
        configuration.resolve(config, SCHEMA)


@pytest.mark.parametrize("place", reference.PLACES)
def test_the_readme_has_the_schemas_tables(place, lift_command):
    """config/README.md holds what `python -m lift keys` prints; after a change, put that there."""
    code, printed, _ = lift_command("keys", place)
    assert code == 0
    table = printed.partition("\n\n")[2].strip()
    assert table in (ROOT / "config" / "README.md").read_text()


def test_every_key_says_what_it_means():
    for place in reference.PLACES:
        for line in reference.table(place, SCHEMA).splitlines()[2:]:
            assert all(cell.strip() for cell in (line.split("|")[1], line.split("|")[2], line.split("|")[-2])), line
