"""Write a run as a folder to share, ready for `hf upload`: its adapter or weights, and a model card README.md.

An adapter lies there by the names that the base model's own code gives its layers, so that PEFT attaches it there. For
LLaDA, whose names are not ours, the folder `transformers` in it holds the same adapter by ours. The weights of a run
without LoRA come with config and tokenizer, as `python -m lift merge` writes them, which reads what is shared, too.
Nothing is uploaded.
"""

import shutil
from pathlib import Path

from lift.config.experiment import Experiment
from lift.config.layout import Layout
from lift.data import hub
from lift.errors import InputError
from lift.models import adapters, model_files
from lift.models.sharing import copy_beside_weights, missing_code
from lift.models.snapshot import source_of
from lift.report.card import Shared, card


def add_arguments(parser) -> None:
    parser.add_argument("--results", type=Path, required=True, help="folder of the experiment")
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--weights", choices=["best", "last"], help="those that the method decodes with, if left out")
    parser.add_argument("--base", metavar="OWNER/NAME", help="hub id of the base model, where the config names none")
    parser.add_argument("--revision", help="commit of --base")
    parser.add_argument("--license", help="the hub's name of a license, such as mit, for the model card")
    parser.add_argument("--output", type=Path, required=True, help="folder to share")


def main(args) -> None:
    if args.output.exists() and any(args.output.iterdir()):
        raise InputError(f"--output: {args.output} is not empty.")
    if args.base and not hub.is_hub_id(args.base):
        raise InputError(f"--base {args.base}: it should be a hub id, OWNER/NAME.")
    if args.revision and not args.base:
        raise InputError("--revision: it belongs to --base.")
    experiment = Experiment.read(Layout(args.results).config)
    experiment.layout = Layout(args.results)
    experiment.check(stage="decode", model=args.model, method=args.method, seed=args.seed)
    if args.method == "base":
        raise InputError("--method base: the base model has no run to share.")
    which = args.weights or experiment.training(args.method)["checkpoint"]
    run = experiment.layout.run(args.model, experiment.run_of(args.method), args.seed) / which
    if not (run.with_name("run.json")).is_file():
        raise InputError(f"{run.with_name('run.json')} does not exist: the run is not finished.")
    base = experiment.model(args.model)
    owner, revision = (args.base, args.revision) if args.base else source_of(base)
    family, adapted = experiment.config["models"][args.model]["family"], (run / adapters.CONFIG).is_file()
    if adapted:
        adapters.share(run, family, args.output, (owner, revision))
        by_auto_model = owner is not None
    else:
        copy_beside_weights(base, args.output, "float32", owner)
        for path in run.glob("*.safetensors*"):
            shutil.copyfile(path, args.output / path.name)
        config = model_files.read_json(args.output / "config.json")
        by_auto_model = "auto_map" in config and not missing_code(args.output)
    shared = Shared(
        *(args.model, args.method, args.seed, which, owner, revision),
        license=args.license,
        by_auto_model=by_auto_model,
        code_version=model_files.read_json(base / "config.json").get("transformers_version"),
        own_names=adapters.OURS if adapted and (args.output / adapters.OURS).is_dir() else None,
    )
    (args.output / "README.md").write_text(card(experiment, shared))
    print(f"{args.output} is ready: hf upload OWNER/NAME {args.output}")
