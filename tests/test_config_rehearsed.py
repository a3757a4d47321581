"""What the configs for GPUs use was run through on the CPU, in one of the two dress rehearsals."""

import pytest

from lift.config import configuration
from tests.conftest import ROOT

CONFIGS = sorted((ROOT / "config").glob("*.yaml"))
REHEARSALS = [ROOT / f"tests/config/{name}.yaml" for name in ("rehearsal", "rehearsal-small")]
MODEL = ("family", "dtype", "quantisation")
TRAINING = ("padding", "score_padding", "activation_checkpointing", "checkpoint", "lora")


@pytest.fixture(autouse=True)
def root(monkeypatch):
    """The rehearsals name their files from the repository's root."""
    monkeypatch.chdir(ROOT)


def kind(value):
    """What a setting is, but for its size: of numbers and groups, whether there is one."""
    return value if isinstance(value, str | bool) else bool(value)


def used(config: dict) -> set[tuple[str, object]]:
    """(key, kind) of all that a resolved config uses, its ablations included."""
    methods = [entry for entry in (config["methods"] | config["ablations"]).values() if "run_of" not in entry]
    trainings = [config["training"] | entry["training"] for entry in methods]
    decoders = [d for name in config["benchmarks"] for d in configuration.benchmark_decoders(config, name).values()]
    return {
        *((f"models.{key}", kind(entry[key])) for entry in config["models"].values() for key in MODEL),
        *(("corpora.source", entry["source"]) for entry in config["corpora"].values()),
        *(("methods.objective", entry["objective"]) for entry in methods),
        *((f"training.{key}", kind(training[key])) for training in trainings for key in TRAINING),
        *(("benchmarks.source", entry["source"]) for entry in config["benchmarks"].values()),
        *(("benchmarks.samples above 1", entry["samples"] > 1) for entry in config["benchmarks"].values()),
        *((f"decoders.{key}", kind(value)) for decoder in decoders for key, value in decoder.items()),
    }


def unrehearsed(path, rehearsals) -> list[str]:
    """A sentence for each thing that the config at a path uses and no rehearsal does; none where it asks for no GPU."""
    config = configuration.load_config(path)
    if config["device"] != "cuda":
        return []
    done = set().union(*(used(configuration.load_config(rehearsal)) for rehearsal in rehearsals))
    places = " or ".join(str(rehearsal.relative_to(ROOT)) for rehearsal in rehearsals)
    return [
        f"config/{path.name} uses {key} {value!r}, which no rehearsal does: add it to {places}."
        for key, value in sorted(used(config) - done, key=str)
    ]


@pytest.mark.parametrize("path", [p for p in CONFIGS if p.stem != "claims"], ids=lambda path: path.stem)
def test_what_a_config_for_gpus_uses_is_rehearsed(path):
    missing = unrehearsed(path, REHEARSALS)
    assert not missing, "\n".join(missing)


def test_the_second_rehearsal_is_for_what_the_first_does_not_use():
    said = {name: "\n".join(unrehearsed(ROOT / f"config/{name}.yaml", REHEARSALS[:1])) for name in ("paper", "one-gpu")}
    assert said["paper"] == ""
    for thing in ("models.quantisation 'nf4'", "decoders.cache 'dual'", "decoders.threshold True"):
        assert f"config/one-gpu.yaml uses {thing}, which no rehearsal does" in said["one-gpu"]
    assert "training.activation_checkpointing True" in said["one-gpu"]


def test_a_config_that_uses_something_else_is_told_so(tmp_path):
    text = (ROOT / "config/small.yaml").read_text()
    path = tmp_path / "new.yaml"
    path.write_text(text.replace("cache: dual", "cache: prefix").replace("objective: gift", "objective: vanilla"))
    places = "tests/config/rehearsal.yaml or tests/config/rehearsal-small.yaml"
    expected = f"config/new.yaml uses decoders.cache 'prefix', which no rehearsal does: add it to {places}."
    assert unrehearsed(path, REHEARSALS) == [expected]
