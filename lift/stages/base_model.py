"""A base model: a checkpoint of the hub, or the miniature's, shipped or trained again by the same recipe.

A hub checkpoint stays in the hub's cache and is linked from the output, so that it lies on the disk once. Training the
miniature takes an hour or two on two cores at the default size. It can be stopped at any time; the same command goes on
from the last checkpoint in --resume.
"""

import json
import os
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


def link_snapshot(snapshot: Path, family: str, output: Path) -> None:
    """Links to the files of a hub snapshot, once it is found to be a checkpoint of the family that can be read."""
    from lift.models.checkpoint import family_of
    from lift.models.model_files import weight_files
    from lift.models.tokenization import load_tokenizer

    if family_of(snapshot) != family:
        raise InputError(f"{snapshot} is of the family {family_of(snapshot)}; say so in the config: `family`.")
    weight_files(snapshot)
    load_tokenizer(snapshot)
    output.mkdir(parents=True, exist_ok=True)
    for path in snapshot.iterdir():
        if path.is_file():
            (output / path.name).unlink(missing_ok=True)
            # one step only: what the repository's own blob links to may have no name that tells its content
            target = path.parent / os.readlink(path) if path.is_symlink() else path
            (output / path.name).symlink_to(os.path.abspath(target))
    source = {"snapshot": snapshot.name, "repository": snapshot.parent.parent.name}
    (output / "source.json").write_text(json.dumps(source, indent=2) + "\n")


def main(args) -> None:
    if args.base == "shipped":
        shutil.copytree(SHIPPED, args.output, dirs_exist_ok=True, copy_function=shutil.copyfile)
        return
    if args.base != "train":
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
