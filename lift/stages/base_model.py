"""The miniature's base model: the shipped weights, or the same recipe run again.

Training takes about 100 minutes on one core at the default size. It can be stopped at any time; the same command goes
on from the last checkpoint in --resume.
"""

import json
import shutil
from pathlib import Path

import torch

from lift import provenance
from lift.errors import InputError
from lift.lock import alone

SHIPPED = Path(__file__).parent.parent / "miniature" / "weights"


def add_arguments(parser) -> None:
    parser.add_argument("--base", choices=["shipped", "train"], required=True)
    parser.add_argument("--family", choices=["llada", "Dream"], default="llada", help="layout and convention to train")
    parser.add_argument("--settings", type=json.loads, default={}, help="of lift.miniature.pretraining, as JSON")
    parser.add_argument("--resume", type=Path, help="folder for checkpoints while training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")


def main(args) -> None:
    if args.base == "shipped":
        shutil.copytree(SHIPPED, args.output, dirs_exist_ok=True, copy_function=shutil.copyfile)
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
