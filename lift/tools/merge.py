"""Merge a run's adapter into its base model, in the published layout, so that others' code for the base loads it.

The sum is taken in fp32 and stored in --dtype. config.json and the tokenizer are the base's own; for a base of the hub
they name the owner's code there, for AutoModel with trust_remote_code.
"""

from pathlib import Path

import torch

from lift.data import hub
from lift.errors import InputError
from lift.models import checkpoint, predictor
from lift.models.adapters import load_trained
from lift.models.sharing import copy_beside_weights, missing_code
from lift.models.snapshot import source_of


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--family", help="as in the config, where several have the model_type in config.json")
    parser.add_argument(
        "--run", type=Path, required=True, help="folder with a run's adapter or weights, best or last, or a shared one"
    )
    parser.add_argument("--base", metavar="OWNER/NAME", help="hub id of the base model, where its folder names none")
    parser.add_argument(
        "--dtype", choices=list(predictor.DTYPES), default="bfloat16", help="of the weights that are kept"
    )
    parser.add_argument("--shard-size", default="5GB", help="of one file")
    parser.add_argument("--output", type=Path, required=True, help="folder of the merged model")


def main(args) -> None:
    if args.output.exists() and any(args.output.iterdir()):
        raise InputError(f"--output: {args.output} is not empty.")
    if not list(args.run.glob("*.safetensors")):
        raise InputError(f"--run: {args.run} holds no weights; a run's are in its folders best and last.")
    if args.base and not hub.is_hub_id(args.base):
        raise InputError(f"--base {args.base}: it should be a hub id, OWNER/NAME.")
    model = load_trained(args.model, args.run, "cpu", torch.float32, args.family)
    copy_beside_weights(args.model, args.output, args.dtype, args.base or source_of(args.model)[0])
    family = checkpoint.family_of(args.model, args.family)
    checkpoint.save_weights(model, family, args.output, predictor.DTYPES[args.dtype], args.shard_size)
    print(f"The merged model is in {args.output}.")
    if missing := missing_code(args.output):
        print(f"Its config.json names {', '.join(missing)}, not there; --base OWNER/NAME names the owner's repository.")
