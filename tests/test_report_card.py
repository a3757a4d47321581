"""`lift share`: a run that is trained here, as a folder for others, with a card that says what the records say."""

import json
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
import yaml
from huggingface_hub import ModelCard

from lift.__main__ import main
from lift.models import adapters, checkpoint
from tests.conftest import ROOT
from tests.stage_config import TRAINING, write_config

LORA = {"r": 2, "alpha": 4, "dropout": 0.0, "target_modules": ["q_proj", "down_proj"]}
SOURCE = {"snapshot": "1" * 40, "repository": "models--owner--llada"}
CODE = {"AutoConfig": "configuration_x.XConfig", "AutoModel": "modeling_x.XModel"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An experiment with an adapter (lift, also as lift-best) and all weights (sft) trained from a base of the hub."""
    folder = tmp_path_factory.mktemp("experiment")
    methods = {
        "lift": {"objective": "lift", "training": {"lora": LORA, "learning_rate": 0.01}},
        "lift-best": {"run_of": "lift", "checkpoint": "best"},
        "sft": {"objective": "vanilla"},
    }
    config, experiment = write_config(
        *(folder, ROOT / "tests/rehearsal/models/llada"),
        corpora={"c": {"source": "mini-traces", "size": 10, "held_out": 2}},
        training=TRAINING | {"max_length": 256, "checkpoint": "last"},
        methods=methods,
    )
    base = folder / "model"
    (base / "source.json").write_text(json.dumps(SOURCE))
    model = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(model | {"auto_map": CODE, "transformers_version": "4.46.3"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)

        def lift(*arguments):
            patch.setattr(sys, "argv", ["lift", *map(str, arguments)])
            return main()

        for stage in ("settings", "prepare-corpus --corpus c", "tokenise --model m --corpus c"):
            name, *options = stage.split()
            assert lift(name, "--config", config, *options) == 0
        for method in ("lift", "sft"):
            options = ["--model", "m", "--method", method, "--seed", 0]
            assert lift("finetune", "--config", config, *options) == 0
        place = {"model": "m", "benchmark": "mini-gsm", "decoder": "greedy", "gen_length": 32, "metric": "accuracy"}
        rows = [
            {"method": "base", "seed": "-", "n": 4, "value": 0.25, "ci_low": 0.05, "ci_high": 0.7},
            {"method": "lift", "seed": "0", "n": 4, "value": 0.5, "ci_low": 0.15, "ci_high": 0.85},
            {"method": "lift-best", "seed": "0", "n": 4, "value": 1.0, "ci_low": 0.5, "ci_high": 1.0},
            {"method": "lift", "seed": "all", "n": 4, "value": 0.75, "ci_low": 0.3, "ci_high": 0.95},
        ]
        pd.DataFrame([place | row for row in rows]).to_csv(experiment.layout.scores, index=False)
        results = experiment.layout.folder
        yield SimpleNamespace(lift=lift, results=results, base=base, run=results / "runs/m", folder=folder)


@pytest.fixture
def share(trained, tmp_path):
    """The folder that the command makes of a method's run, and its card."""

    def make(method, *options):
        output = tmp_path / f"shared-{method}"
        arguments = ["--results", trained.results, "--model", "m", "--method", method, "--seed", 0, "--output", output]
        assert trained.lift("share", *arguments, *options) == 0
        return output, ModelCard.load(output / "README.md", ignore_metadata_errors=False)

    return make


def logits(model):
    ids = torch.arange(40)[None]
    with torch.no_grad():
        return model.logits(ids, torch.ones_like(ids, dtype=torch.bool))


def code_in(card):
    """The Python of a card, which has to be that."""
    parts = [part.partition("\n```")[0] for part in card.text.split("```python\n")[1:]]
    for part in parts:
        compile(part, "card", "exec")
    return parts


def test_an_adapter_is_shared_with_a_card(trained, share):
    folder, card = share("lift", "--license", "mit")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("README.md", "adapter_config.json", "adapter_model.safetensors", "transformers")
    ]
    data = card.data.to_dict()
    assert data["base_model"] == "owner/llada"
    assert (data["base_model_relation"], data["library_name"], data["license"]) == ("adapter", "peft", "mit")
    assert {"llada", "lora", "lift"} <= set(data["tags"])
    assert "datasets" not in data  # it was generated
    record = json.loads((trained.run / "lift/seed0/run.json").read_text())
    assert f"revision `{'1' * 40}`" in card.text
    assert record["commit"] in card.text
    assert all(f"{name} {version}" in card.text for name, version in record["versions"].items())
    assert f"{record['examples']['train']} examples to train on" in card.text
    assert "| seed | 0 |" in card.text
    assert f"`last`, of step {record['steps']} of {record['steps']}" in card.text
    (settings,) = (part.partition("\n```")[0] for part in card.text.split("```yaml\n")[1:])
    assert yaml.safe_load(settings) == yaml.safe_load((trained.run / "lift/seed0/config.yaml").read_text())
    theirs, ours = code_in(card)
    assert (
        f'BASE = "owner/llada"\ntokenizer = AutoTokenizer.from_pretrained(BASE, revision="{"1" * 40}", trust' in theirs
    )
    assert "load_trained" in ours
    assert "4.46.3" in card.text
    assert str(trained.folder) not in card.content


@pytest.mark.parametrize("method, options", [("lift", []), ("lift-best", []), ("lift", ["--weights", "best"])])
def test_a_card_has_the_scores_of_the_weights_that_are_shared(share, method, options):
    """Of this seed and not over all; beside the base model's."""
    _, card = share(method, *options)
    (row,) = [line for line in card.text.splitlines() if line.startswith("| mini-gsm")]
    score = "50.0 [15.0, 85.0]" if (method, options) == ("lift", []) else "100.0 [50.0, 100.0]"
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["mini-gsm", "accuracy", "greedy", "32", "4", score, "25.0 [5.0, 70.0]"]


@pytest.mark.parametrize("options", [[], ["--weights", "best"]])
def test_weights_that_answered_nothing_have_no_scores(share, options):
    _, card = share("sft", *options)
    assert "These weights were not scored." in card.text
    assert f"`{options[-1] if options else 'last'}`, of " in card.text


def test_a_shared_adapter_is_read_and_merged(trained, share, tmp_path):
    folder, _ = share("lift")
    expected = logits(adapters.load_trained(trained.base, trained.run / "lift/seed0/last", "cpu"))
    assert not torch.equal(expected, logits(checkpoint.load(trained.base)))
    for form in (folder, folder / "transformers"):
        assert torch.equal(logits(adapters.load_trained(trained.base, form, "cpu")), expected)
        merged = tmp_path / f"merged-{form.name}"
        options = ["--model", trained.base, "--run", form, "--dtype", "float32", "--output", merged]
        assert trained.lift("merge", *options) == 0
        assert torch.equal(logits(checkpoint.load(merged)), expected)


def test_the_runs_own_adapter_names_the_base(trained):
    for which in ("best", "last"):
        config = json.loads((trained.run / "lift/seed0" / which / "adapter_config.json").read_text())
        assert (config["base_model_name_or_path"], config["revision"]) == ("owner/llada", "1" * 40)


def test_all_weights_are_shared_with_config_and_tokenizer(trained, share):
    folder, card = share("sft")
    assert card.data.to_dict()["base_model_relation"] == "finetune"
    assert torch.equal(logits(checkpoint.load(folder)), logits(checkpoint.load(trained.run / "sft/seed0/last")))
    assert {"tokenizer.json", "tokenizer_config.json"} <= {path.name for path in folder.iterdir()}
    assert not (folder / "source.json").exists()
    config = json.loads((folder / "config.json").read_text())
    assert config["auto_map"]["AutoModel"] == "owner/llada--modeling_x.XModel"
    theirs, ours = code_in(card)
    assert f'AutoModel.from_pretrained("HERE", code_revision="{"1" * 40}", trust' in theirs
    assert "checkpoint.load" in ours


def test_a_base_without_a_hub_id_is_said_to_have_none(trained, share):
    (trained.base / "source.json").rename(trained.base / "gone")
    try:
        folder, card = share("lift")
        _, named = share("lift-best", "--base", "a/b", "--revision", "v1")
        _, whole = share("sft")
    finally:
        (trained.base / "gone").rename(trained.base / "source.json")
    assert "base_model" not in card.data.to_dict()
    assert "a checkpoint of the family llada without a hub id; checksum of its weights" in card.text
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] is None
    assert len(code_in(card)) == len(code_in(whole)) == 1  # there is no code that others could run
    assert named.data.to_dict()["base_model"] == "a/b"
    assert 'BASE, revision="v1"' in code_in(named)[0]
    assert str(trained.folder) not in card.content + whole.content


def test_a_corpus_of_the_hub_is_named(trained, share):
    path = trained.results / "corpora/c.source.json"
    before = path.read_text()
    facts = {"source": "s1k", "settings": {"path": "simplescaling/s1K"}, "commit": "278d72b"}
    path.write_text(json.dumps(facts))
    try:
        _, card = share("lift")
    finally:
        path.write_text(before)
    assert card.data.to_dict()["datasets"] == ["simplescaling/s1K"]
    assert "datasets/simplescaling/s1K) at commit `278d72b`" in card.text


@pytest.mark.parametrize(
    "options, said",
    [
        (["--method", "base"], "the base model has no run"),
        (["--method", "other"], "--method other"),
        (["--model", "other"], "--model other"),
        (["--seed", "7"], "--seed 7"),
        (["--base", "here"], "OWNER/NAME"),
        (["--revision", "v1"], "--revision: it belongs to --base"),
        (["--output", "."], "is not empty"),
        (["--results", "nowhere"], "nowhere/config.yaml"),
    ],
)
def test_refusals(trained, tmp_path, capsys, options, said):
    arguments = ["--results", trained.results, "--model", "m", "--method", "lift", "--seed", 0]
    assert trained.lift("share", *arguments, "--output", tmp_path / "out", *options) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run_is_refused(trained, tmp_path, capsys):
    record = trained.run / "lift/seed0/run.json"
    record.rename(record.with_name("gone"))
    try:
        arguments = ["--results", trained.results, "--model", "m", "--method", "lift", "--seed", 0]
        assert trained.lift("share", *arguments, "--output", tmp_path / "out") == 2
    finally:
        record.with_name("gone").rename(record)
    assert "run.json does not exist: the run is not finished" in capsys.readouterr().err
