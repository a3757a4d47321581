"""Fine-tune a model by one objective and one seed.

Writes best/ and last/ (adapter or weights), config.yaml (the settings as resolved), log.jsonl and run.json. A run that
was stopped goes on from its last checkpoint. With several devices it starts a process for each.
"""

import dataclasses
import functools
import json
import shutil
import sys
import time
from pathlib import Path

import datasets
import torch
import yaml

from lift import provenance, registry
from lift.finetune.settings import Settings
from lift.finetune.trainer import finetune
from lift.machine import device, launch
from lift.machine.lock import alone
from lift.models import checkpoint, model_files, predictor, quantisation
from lift.models.snapshot import source_of


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1, help="of all processes together")


def main(experiment, args) -> list[Path] | None:
    started = time.perf_counter()
    view, base = experiment.run(args.model, args.method), experiment.model(args.model)
    training = experiment.training(args.method)
    objective = registry.module_name("objective", view["objective"])
    corpus = experiment.layout.tokenised(args.model, training["corpus"])
    output = experiment.layout.run(args.model, args.method, args.seed)
    kept = experiment.layout.resume(output)
    settings = Settings(**{name: value for name, value in training.items() if name not in ("corpus", "checkpoint")})
    if settings.devices > 1 and not launch.launched():
        with alone(kept):
            device.claim(view["device"], settings.devices)
            launch.launch(settings.devices, sys.argv[1:])
        return None  # the first process says what was written
    torch.set_num_threads(max(1, args.threads // settings.devices))
    processor = launch.local_device(view["device"]) if launch.launched() else device.claim(view["device"])
    resolved = {
        "model": args.model,
        "corpus": training["corpus"],
        "objective": view["objective"],
        "objective_settings": view["settings"],
        "training": dataclasses.asdict(settings),
        "seed": args.seed,
        "dtype": view["dtype"],
        **quantisation.described(view["quantisation"]),
    }
    code = provenance.fingerprint("lift.finetune.trainer", objective)
    source = source_of(base)
    data = provenance.file_hash(*sorted(corpus.glob("*/*.arrow")), *model_files.weight_files(base))
    select = registry.module_of("objective", view["objective"]).select
    kind = predictor.DTYPES[view["dtype"]]
    model = checkpoint.load(base, processor, kind, view["family"], view["quantisation"])
    with launch.alone_with_processes(kept):
        facts = finetune(
            model,
            family=view["family"],
            corpus=datasets.load_from_disk(str(corpus)),
            select=functools.partial(select, **view["settings"]),
            settings=settings,
            seed=args.seed,
            output=output,
            resume=kept / provenance.value_hash([resolved, view["family"], code, data, source]),
            source=source,
        )
        if not launch.first():
            return None
        shutil.rmtree(kept)
    (output / "config.yaml").write_text(yaml.safe_dump(resolved, sort_keys=False))
    facts |= {"seed": args.seed, "seconds_this_process": round(time.perf_counter() - started, 1), "data": data}
    (output / "run.json").write_text(json.dumps(provenance.record(**facts), indent=2) + "\n")
    return [output]
