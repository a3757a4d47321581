"""What the documents show is what the code as it stands gives: a part of the kept results is computed again."""

import copy
import json
import sys
import warnings

import pandas as pd
import pytest
import yaml

from lift import provenance, tidy
from lift.config import configuration
from lift.config.experiment import Experiment
from lift.report import tables, text
from lift.report.kept import header, made_by, part_files
from lift.scores import reported
from lift.scores.problem_scores import problem_table
from lift.scores.scores import COLUMNS, score_rows
from tests.checkout import Checkout
from tests.conftest import ROOT

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
KEPT = {"miniature": "config", "study": "study", "ablations": "ablations"}  # folder of docs/ -> config


def read_config(name):
    return yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())


def facts_of(folder):
    return json.loads((ROOT / "docs" / folder / "made_by.json").read_text())


@pytest.mark.parametrize("folder, config", KEPT.items())
def test_kept_results_say_which_code_made_them(folder, config):
    """Code that has changed since is a warning: results are made again when they change."""
    facts = facts_of(folder)
    assert (ROOT / "docs" / folder / "README.md").read_text() == header(folder, facts)
    experiment = Experiment(configuration.resolve(read_config(config), SCHEMA))
    now = made_by(experiment, ROOT / "config/claims.yaml", ROOT / "config/reported.csv")
    changed = [name for name in now if facts["made by"].get(name) != now[name]]
    if changed:
        said = f"docs/{folder} was made by code as of {facts['commit'][:7]}; changed since: {', '.join(changed)}"
        warnings.warn(said, stacklevel=1)


def without_times(log):
    entries = map(json.loads, log.read_text().splitlines())
    return [{key: value for key, value in entry.items() if not key.startswith("train_")} for entry in entries]


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """The kept part of the miniature, and the same trained, answered and graded by the code as it stands."""
    model, method, seed, _, benchmark = facts_of("miniature")["part"].split("/")
    config = read_config(KEPT["miniature"])
    config |= {"methods": {method: config["methods"][method]}, "seeds": [int(seed.removeprefix("seed"))]}
    config["benchmarks"] = {benchmark: config["benchmarks"][benchmark]}
    checkout = Checkout(tmp_path_factory.mktemp("part"), config)
    result = checkout.run(f"results/{config['experiment']}/grades/{model}/{method}/{seed}/run.json")
    assert result.returncode == 0, result.stdout + result.stderr
    files = part_files(facts_of("miniature")["part"])
    kept = {name: ROOT / "docs/miniature/part" / name for name in files}
    return kept, {name: checkout.results / path for name, path in files.items()}, config


def same_processor() -> bool:
    """Whether the part was made on a processor like this one, so that its bytes are the same."""
    facts, here = facts_of("miniature"), provenance.record()
    return (
        [name.rpartition(",")[0] for name in facts["machine"]] == [here["machine"].rpartition(",")[0]]
        and facts["instructions"] == [here["instructions"]]
        and sys.platform == "linux"
    )


@pytest.mark.dag
def test_a_part_of_the_kept_results_is_what_this_code_gives(part):
    """Training, answers and grades: byte for byte on such a processor, to rounding on others."""
    kept, found, _ = part
    logs = [without_times(files["log.jsonl"]) for files in (kept, found)]
    if same_processor():
        assert logs[0] == logs[1]
        for name in ("answers.jsonl", "grades.csv"):
            assert kept[name].read_bytes() == found[name].read_bytes(), name
        return
    for one, other in zip(*logs, strict=True):
        assert one.keys() == other.keys()
        assert one["step"] == other["step"]
        assert one.get("masked_tokens") == other.get("masked_tokens")
        for name in ("loss", "eval_loss"):
            assert one.get(name, 0) == pytest.approx(other.get(name, 0), rel=0.02)
    texts = [[json.loads(line)["text"] for line in files["answers.jsonl"].open()] for files in (kept, found)]
    equal = sum(one == other for one, other in zip(*texts, strict=True))
    assert equal >= 0.9 * len(texts[0])


@pytest.mark.dag
def test_its_row_of_the_kept_scores_follows(part):
    _, found, config = part
    plan = Experiment(configuration.resolve(config, SCHEMA)).scoring()["benchmarks"]
    rows = score_rows(problem_table([found["grades.csv"]], plan, {("mini", "lift3", 0): 360}, {}), plan)
    row = pd.DataFrame(rows).assign(experiment=config["experiment"])[list(COLUMNS)].iloc[0]
    kept = tidy.read(ROOT / "docs/miniature/scores.csv")
    names = ["model", "method", "seed", "benchmark", "decoder", "metric"]
    same = (kept[names] == row[names]).all(axis=1)
    tolerance = 1e-6 if same_processor() else 0.07  # up to two problems of 36
    assert kept.loc[same, "value"].tolist() == pytest.approx([row["value"]], abs=tolerance)


def test_a_changed_setting_or_module_is_noticed():
    config = configuration.resolve(read_config("config"), SCHEMA)
    before = made_by(Experiment(config))
    config["threads"] += 1
    assert made_by(Experiment(config)) == before
    config["training"]["learning_rate"] *= 2
    after = made_by(Experiment(config))
    assert [name for name in before if before[name] != after[name]] == ["config"]
    config["methods"] |= {"other": copy.deepcopy(config["methods"]["lift3"])}
    config["methods"]["lift3"]["objective"] = "vanilla"
    assert made_by(Experiment(config))["finetune"] == before["finetune"]  # the other still has the objective
    config["methods"] = {"sft": config["methods"]["sft"]}
    assert made_by(Experiment(config))["finetune"] != before["finetune"]


@pytest.mark.parametrize("folder, config", KEPT.items())
def test_the_kept_tables_are_what_this_code_makes_of_the_kept_scores(folder, config, tmp_path):
    experiment, kept = Experiment(configuration.resolve(read_config(config), SCHEMA)), ROOT / "docs" / folder
    view, published = experiment.tables(), reported.read(ROOT / "config/reported.csv")
    metrics, methods = view["metrics"], view["methods"]
    scores = tables.first_decoders(tidy.read(kept / "scores.csv"), view["decoders"])
    comparisons = tidy.read(kept / "comparisons.csv")
    own = tables.own_scores(scores, metrics)
    made = {
        "reported": tables.reported_table(own, published, view["bases"], view["sources"], methods),
        "main": tables.main_table(scores, metrics, methods, comparisons),
        "comparisons": tables.comparison_table(comparisons, methods, list(metrics)),
        "pass_at_k": tables.pass_table(scores, methods),
        "format": tables.format_table(scores, metrics, methods),
    }
    foot = text.made_with(tidy.read(kept / "costs.csv")) if (kept / "costs.csv").is_file() else ""
    for name, table in made.items():
        tables.write(table, tmp_path / name, text.shown(name, table, made["reported"]), foot)
        assert (tmp_path / f"{name}.md").read_text() == (kept / f"{name}.md").read_text(), name
        again = text.shown(name, tidy.read(tmp_path / f"{name}.csv"), made["reported"])
        assert (kept / f"{name}.md").read_text().startswith(again.to_markdown(index=False, disable_numparse=True))


def test_the_readme_shows_the_kept_tables():
    readme = (ROOT / "README.md").read_text()
    for line in (ROOT / "docs/study/main.md").read_text().splitlines():
        assert line in readme or line.startswith("Made with")


def test_the_page_on_uncertainty_shows_the_simulation():
    page = (ROOT / "docs/uncertainty.md").read_text()
    rows = [line for line in (ROOT / "perf/results/intervals.md").read_text().splitlines() if line.startswith("|")]
    assert len(rows) == 26
    assert "\n".join(rows) in page


def test_the_page_of_results_shows_the_claims_and_what_they_could_find():
    page = (ROOT / "docs/results.md").read_text()
    decided, found = (table_of(ROOT / f"docs/study/{name}.md") for name in ("claims", "power"))
    finds = {row["comparison"]: row["finds (points)"] for row in found}
    rows = [row for row in decided if row["verdict"] != "not run"]
    assert len(rows) == 11
    for row in rows:
        name = row["comparison"]
        assert f"{name}: {row['measured']} | {finds.get(name, '')}".rstrip() in page
        assert f"| {row['verdict']} |" in page


def table_of(path):
    """The rows of a Markdown table, by column."""
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in path.read_text().splitlines()
        if line.startswith("|")
    )
    return [dict(zip(head, row, strict=True)) for row in rows]
