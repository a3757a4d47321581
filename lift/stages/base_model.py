"""Get a base model, a checkpoint of the hub or the miniature's: shipped, or trained again by the same recipe.

A hub checkpoint stays in the hub's cache and is linked from the output, so that it lies on the disk once. Training the
miniature takes an hour or two on two cores at the default size. It can be stopped at any time; the same command goes on
from the last checkpoint.
"""

import json
import shutil
from pathlib import Path

import torch

from lift import provenance
from lift.data import hub
from lift.machine.lock import alone

SHIPPED = Path(__file__).parent.parent / "miniature" / "weights"


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=1)


def main(experiment, args) -> list[Path]:
    view, output = experiment.base(args.model), experiment.layout.model(args.model)
    if view["base"] == "shipped":
        shutil.copytree(SHIPPED, output, dirs_exist_ok=True, copy_function=shutil.copyfile)
        return [output]
    if view["base"] != "train":
        from lift.models.snapshot import link_snapshot

        link_snapshot(hub.snapshot(view["base"], view["revision"], "model"), view["family"], output)
        return [output]
    from lift.miniature.pretraining import pretrain  # torch's optimisers take seconds to import

    torch.set_num_threads(args.threads)
    recipe, family, kept = view["recipe"], view["family"], experiment.layout.resume(output)
    resume = kept / provenance.value_hash([recipe, family, provenance.fingerprint("lift.miniature.pretraining")])
    with alone(kept):
        facts = pretrain(output, resume, family=family, **recipe)
        (output / "run.json").write_text(json.dumps(provenance.record(**facts), indent=2) + "\n")
        shutil.rmtree(kept)
    return [output]
