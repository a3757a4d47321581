"""What the documents show is what the code as it stands gives: kept results are made again when they are outdated."""

import json

import pytest
import yaml

from lift import config as configuration
from lift.kept import made_by
from tests.conftest import ROOT

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
KEPT = {"miniature": "config", "ablations": "ablations"}  # folder of docs/ -> config
AGAIN = "run snakemake --configfile config/{0}.yaml, then python -m lift keep (README.md, Kept results)"


@pytest.mark.parametrize("folder, config", KEPT.items())
def test_kept_results_were_made_by_this_config_and_code(folder, config):
    kept = json.loads((ROOT / "docs" / folder / "made_by.json").read_text())["made by"]
    resolved = configuration.resolve(yaml.safe_load((ROOT / f"config/{config}.yaml").read_text()), SCHEMA)
    now = made_by(resolved, ROOT / "config/claims.yaml", ROOT / "config/reported.csv")
    changed = [name for name in now if kept.get(name) != now[name]]
    assert not changed, f"docs/{folder} is outdated: {', '.join(changed)} changed. " + AGAIN.format(config)


def test_a_changed_setting_or_module_is_noticed(monkeypatch):
    resolved = configuration.resolve(yaml.safe_load((ROOT / "config/config.yaml").read_text()), SCHEMA)
    before = made_by(resolved)
    resolved["training"]["learning_rate"] *= 2
    after = made_by(resolved)
    assert [name for name in before if before[name] != after[name]] == ["config"]
    resolved["methods"]["lift3"]["objective"] = "vanilla"
    assert made_by(resolved)["finetune"] == before["finetune"]  # lift2 still has the objective
    del resolved["methods"]["lift2"]
    assert made_by(resolved)["finetune"] != before["finetune"]


def test_the_readme_shows_the_kept_tables():
    readme = (ROOT / "README.md").read_text()
    for line in (ROOT / "docs/miniature/main.md").read_text().splitlines():
        assert line in readme
