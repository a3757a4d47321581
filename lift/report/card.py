"""The model card of a run that is shared: what it is, what made it, how it is loaded, what it scores.

All is read from the records of the experiment. No path is told, since it would say nothing on another machine.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import jinja2
import yaml
from huggingface_hub import ModelCardData

from lift import provenance, tidy
from lift.config.experiment import Experiment
from lift.report import tables, text
from lift.scores.intervals import LEVEL

_OWN_BASES = {
    "shipped": "the base model of the miniature, which is shipped with lift",
    "train": "a base model of the miniature, which the experiment trained itself",
}


@dataclass(frozen=True)
class Shared:
    """A run to share. which: its weights, best or last. owner, revision: hub id and commit of the base model, if known.

    by_auto_model: whether transformers finds the owner's code. code_version: of transformers, which that code is for.
    own_names: the folder of the same adapter by our names, where they are not the published ones.
    """

    model: str
    method: str
    seed: int
    which: str
    owner: str | None
    revision: str | None
    license: str | None
    by_auto_model: bool
    code_version: str | None
    own_names: str | None


def card(experiment: Experiment, shared: Shared) -> str:
    """README.md of the folder to share: YAML for the hub, then Markdown."""
    folder = experiment.layout.run(shared.model, experiment.run_of(shared.method), shared.seed)
    run, record = yaml.safe_load((folder / "config.yaml").read_text()), _read(folder / "run.json")
    source = _read(experiment.layout.corpus(run["corpus"]).with_suffix(".source.json"))
    adapter = run["training"]["lora"] is not None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md.jinja").render(
        front_matter=_front_matter(experiment, shared, run, source, adapter).to_yaml(),
        title=f"{shared.owner or shared.model}, {shared.method}, seed {shared.seed}",
        facts=_facts(experiment, shared, run, record, source),
        shared=shared,
        run=run,
        adapter=adapter,
        scores=_scores(experiment, shared),
        level=f"{LEVEL:.0%}",
        settings=yaml.safe_dump(run, sort_keys=False).strip(),
    )


def _read(path: Path) -> dict:
    return json.loads(path.read_text())


def _front_matter(experiment: Experiment, shared: Shared, run: dict, source: dict, adapter: bool) -> ModelCardData:
    """What the hub reads; without what is not known, since it takes hub ids and names of licenses only."""
    family = experiment.config["models"][shared.model]["family"]
    return ModelCardData(
        base_model=shared.owner,
        base_model_relation=shared.owner and ("adapter" if adapter else "finetune"),
        datasets=[source["settings"]["path"]] if "commit" in source else None,
        library_name="peft" if adapter else "transformers",
        license=shared.license,
        pipeline_tag="text-generation",
        tags=[family.lower(), "masked-diffusion", run["objective"], *(["lora"] if adapter else []), "arxiv:2605.22939"],
    )


def _facts(experiment: Experiment, shared: Shared, run: dict, record: dict, source: dict) -> dict[str, str]:
    """What it was made of and by, as Markdown by name."""
    best = shared.which == "best"
    step = record["best_step" if best else "steps"]
    weights = f"of step {step} of {record['steps']}" if step else "of the base model: no later held-out loss was lower"
    loss = f", held-out loss {record['best_held_out_loss']:.4f}" if best else ""
    versions = {"Python": record["python"]} | record["versions"]
    return {
        "base model": _base(experiment, shared),
        "corpus": _corpus(run, record, source),
        "objective": f"`{run['objective']}`",
        "weights": f"`{shared.which}`, {weights}{loss}",
        "seed": str(run["seed"]),
        "lift": f"commit `{record['commit']}`",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _base(experiment: Experiment, shared: Shared) -> str:
    """The base model, by its hub id and revision; one without, in words and by its checksum."""
    if shared.owner:
        at = f", revision `{shared.revision}`" if shared.revision else ""
        return f"[{shared.owner}](https://huggingface.co/{shared.owner}){at}"
    entry = experiment.config["models"][shared.model]
    words = _OWN_BASES.get(entry["base"], f"a checkpoint of the family {entry['family']} without a hub id")
    weights = sorted(experiment.model(shared.model).glob("*.safetensors"))
    return f"{words}; checksum of its weights `{provenance.file_hash(*weights)}`"


def _corpus(run: dict, record: dict, source: dict) -> str:
    """The corpus, by its hub id and commit, or by its settings and checksums."""
    path = source["settings"].get("path", "")
    if "commit" in source:
        words = f"[{path}](https://huggingface.co/datasets/{path}) at commit `{source['commit']}`"
    elif "data_sha256" in source:
        words = f"a file with the SHA-256 `{source['data_sha256']}`, read as `{source['source']}`"
    elif path:
        words = f"read as `{source['source']}`"
    else:
        words = f"generated by `{source['source']}`, " + ", ".join(f"{k} {v}" for k, v in source["settings"].items())
    counts = record["examples"]
    return f"`{run['corpus']}`: {words}; {counts['train']} examples to train on, {counts['held_out']} held out"


def _scores(experiment: Experiment, shared: Shared) -> str | None:
    """The scores of these weights beside those of the base model, as a Markdown table; None where they have none."""
    if not experiment.layout.scores.is_file():
        return None
    run = experiment.run_of(shared.method)
    decoded = [name for name in [shared.method, *experiment.methods] if experiment.run_of(name) == run]
    decoded = [name for name in decoded if experiment.training(name)["checkpoint"] == shared.which]
    scores = tidy.read(experiment.layout.scores)
    scores = scores[
        (scores["model"] == shared.model) & (scores["metric"] == scores["benchmark"].map(experiment.metrics))
    ]
    rows = scores[scores["method"].isin(decoded[:1]) & (scores["seed"] == str(shared.seed))]
    if rows.empty:
        return None
    key, interval = ["benchmark", "metric", "decoder", "gen_length"], ["value", "ci_low", "ci_high"]
    base = tables.pooled(scores[scores["method"] == "base"])[[*key, *interval]]
    shown = [
        text.plain(rows[[*key, "n", *interval]], {"gen_length": "length", "value": "score"}).reset_index(drop=True),
        text.plain(rows[key].merge(base, how="left")[interval], {"value": "of the base model"}),
    ]
    return shown[0].join(shown[1]).to_markdown(index=False, disable_numparse=True)
