"""Confidence of a model by token and masking level, over the responses of a tokenised corpus.

The sums are kept while they grow; a run that was stopped goes on from there, to the same result. With `shards`
processes measure parts of the corpus, and their sums are added up.
"""

import json
import shutil
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import datasets
import torch

from lift import provenance
from lift.data.examples import with_response
from lift.machine import launch
from lift.machine.lock import alone
from lift.models import checkpoint, model_files, predictor, quantisation
from lift.models.tokenization import load_tokenizer, vocabulary_texts
from lift.statistics.passes import measure
from lift.statistics.sums import gather


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=1, help="of all processes together")
    parser.add_argument("--gpus", type=int, help="that `shards` may take; all that there are if left out")
    parser.add_argument("--save-seconds", type=float, default=60, help="between savings of the sums")


def main(experiment, args) -> list[Path] | None:
    started = time.perf_counter()
    shards, (part, parts) = experiment.config["shards"], launch.share()
    threads = max(1, args.threads // shards)
    torch.set_num_threads(threads)
    view, folder = experiment.statistics(args.model), experiment.model(args.model)
    tokenised = experiment.layout.tokenised(args.model, view["corpus"])
    output = experiment.layout.statistics(args.model, view["corpus"])
    corpus = datasets.load_from_disk(str(tokenised))["train"]
    with_response(corpus, "train", view["max_length"])  # some may have none: they are counted nowhere
    read = [folder / "config.json", *model_files.weight_files(folder), *sorted(tokenised.glob("train/*.arrow"))]
    names = ("levels", "passes", "batch_size", "max_length", "device", "dtype")
    settings = {name: view[name] for name in names} | {"threads": threads}
    settings |= quantisation.described(view["quantisation"])
    code = provenance.fingerprint("lift.stages.statistics")
    key = provenance.value_hash([provenance.file_hash(*read), view["family"], settings, code, torch.__version__])
    resume = experiment.layout.resume(output)

    def sums_of(i: int, processes: int) -> Path:
        return resume / f"{key}-{i + 1}-of-{processes}.safetensors"

    with nullcontext() if launch.launched() else alone(resume):  # their launcher is alone there
        processes = launch.in_shards(shards, view["device"], args.gpus, sys.argv[1:])
        if processes == parts:  # it is one of them, or the only one
            launch.own_device(view["device"])
            kind = predictor.DTYPES[view["dtype"]]
            model = checkpoint.load(folder, view["device"], kind, view["family"], view["quantisation"])
            measure(model, corpus, view, part, parts, sums_of(part, parts), args.save_seconds)
        if launch.launched():
            return None
        sums = gather(view["levels"], [sums_of(i, processes) for i in range(processes)])
        words = vocabulary_texts(load_tokenizer(folder, view["family"]), len(sums.frequency))
        output.parent.mkdir(parents=True, exist_ok=True)
        sums.table(words).to_parquet(output, index=False)
        record = provenance.record(settings=settings, seconds_this_process=round(time.perf_counter() - started, 1))
        output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
        shutil.rmtree(resume)
    return [output, output.with_suffix(".json")]
