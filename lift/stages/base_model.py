"""A base model: a checkpoint of the hub, or the miniature's, shipped or trained again by the same recipe.

A hub checkpoint stays in the hub's cache and is linked from the output, so that it lies on the disk once. Training the
miniature takes an hour or two on two cores at the default size. It can be stopped at any time; the same command goes on
from the last checkpoint in --resume.
"""

import json
import shutil
from pathlib import Path

import torch

from lift import provenance
from lift.data import hub
from lift.errors import InputError
from lift.machine.lock import alone

SHIPPED = Path(__file__).parent.parent / "miniature" / "weights"


def add_arguments(parser) -> None:
    parser.add_argument("--base", required=True, help="`shipped`, `train`, or a hub id, owner/name")
    parser.add_argument("--revision", default="main", help="of a hub id: a commit, a tag or a branch")
    parser.add_argument("--family", choices=["llada", "Dream"], default="llada", help="layout and convention")
    parser.add_argument("--settings", type=json.loads, default={}, help="of lift.miniature.pretraining, as JSON")
    parser.add_argument("--resume", type=Path, help="folder for checkpoints while training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")


def main(args) -> None:
    if args.base == "shipped":
        shutil.copytree(SHIPPED, args.output, dirs_exist_ok=True, copy_function=shutil.copyfile)
        return
    if args.base != "train":
        from lift.models.snapshot import link_snapshot

        link_snapshot(hub.model_snapshot(args.base, args.revision), args.family, args.output)
        return
    from lift.miniature.pretraining import pretrain  # torch's optimisers take seconds to import

    if args.resume is None:
        raise InputError("--base train needs --resume, a folder for checkpoints.")
    torch.set_num_threads(args.threads)
    resume = args.resume / provenance.value_hash(
        [args.settings, args.family, provenance.fingerprint("lift.miniature.pretraining")]
    )
    with alone(args.resume):
        facts = pretrain(args.output, resume, family=args.family, **args.settings)
        (args.output / "run.json").write_text(json.dumps(provenance.record(**facts), indent=2) + "\n")
        shutil.rmtree(args.resume)
