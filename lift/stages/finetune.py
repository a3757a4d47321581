"""Fine-tune a model by one objective and one seed.

Writes best/ and last/ (adapter or weights), config.yaml (the settings as resolved), log.jsonl and run.json. A run that
was stopped goes on from its last checkpoint in --resume. With several devices it starts a process for each.
"""

import functools
import json
import shutil
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import datasets
import torch
import yaml

from lift import provenance, registry
from lift.errors import InputError
from lift.finetune.settings import Settings
from lift.finetune.trainer import finetune
from lift.machine import device, launch
from lift.machine.lock import alone
from lift.models import checkpoint, model_files, predictor


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the tokenised corpus")
    parser.add_argument("--objective", required=True, help="an objective in lift/finetune/objectives")
    parser.add_argument("--objective-settings", type=json.loads, default={}, help="its settings, as JSON")
    parser.add_argument(
        "--training", type=json.loads, required=True, help="of lift.finetune.settings.Settings, as JSON"
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--dtype", choices=list(predictor.DTYPES), default="float32", help="of the base under an adapter, else float32"
    )
    parser.add_argument("--threads", type=int, default=1, help="of all processes together")
    parser.add_argument("--resume", type=Path, required=True, help="folder for checkpoints while training")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")


def main(args) -> None:
    started = time.perf_counter()
    objective = registry.module_name("objective", args.objective)
    try:
        settings = Settings(**args.training)
    except TypeError as error:
        raise InputError(f"--training: {str(error).removeprefix('Settings.__init__() ')}.") from None
    if settings.devices > 1 and not launch.launched():
        with alone(args.resume):
            device.claim(args.device, settings.devices)
            launch.launch(settings.devices, sys.argv[1:])
        return
    torch.set_num_threads(max(1, args.threads // settings.devices))
    if launch.launched():
        launch.end_with_launcher()
        processor = launch.local_device(args.device)
    else:
        processor = device.claim(args.device)
    dtype = args.dtype if settings.lora else "float32"  # small updates would be lost in bfloat16 weights
    resolved = {
        "model": args.model.name,
        "corpus": args.corpus.name,
        "objective": args.objective,
        "objective_settings": args.objective_settings,
        "training": args.training,
        "seed": args.seed,
        "dtype": dtype,
    }
    code = provenance.fingerprint("lift.finetune.trainer", objective)
    data = provenance.file_hash(*sorted(args.corpus.glob("*/*.arrow")), *model_files.weight_files(args.model))
    resume = args.resume / provenance.value_hash([resolved, code, data])
    select = registry.module_of("objective", args.objective).select
    model = checkpoint.load(args.model, processor, predictor.DTYPES[dtype])
    with nullcontext() if launch.launched() else alone(args.resume):  # the launcher is alone there already
        facts = finetune(
            model,
            family=checkpoint.family_of(args.model),
            corpus=datasets.load_from_disk(str(args.corpus)),
            select=functools.partial(select, **args.objective_settings),
            settings=settings,
            seed=args.seed,
            output=args.output,
            resume=resume,
        )
        if not launch.first():
            return
        shutil.rmtree(args.resume)
    (args.output / "config.yaml").write_text(yaml.safe_dump(resolved, sort_keys=False))
    facts |= {"seed": args.seed, "seconds_this_process": round(time.perf_counter() - started, 1), "data": data}
    (args.output / "run.json").write_text(json.dumps(provenance.record(**facts), indent=2) + "\n")
