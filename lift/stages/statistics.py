"""Confidence of a model by token and masking level, over the responses of a tokenised corpus.

The sums are kept while they grow; a run that was stopped goes on from there, to the same result. With
--shard the output is the sums over a part of the corpus, for `lift gather-statistics`; without it, the run record lies
beside it.
"""

import json
import shutil
import time
from pathlib import Path

import datasets
import torch

from lift import provenance
from lift.data.examples import with_response
from lift.machine import device
from lift.machine.lock import alone
from lift.machine.shards import shard
from lift.models import checkpoint, model_files, predictor, quantisation
from lift.models.tokenization import load_tokenizer, vocabulary_texts
from lift.statistics.passes import measure


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shard", type=shard, metavar="I/N", help="only every N-th batch, from the I-th on")
    parser.add_argument("--save-seconds", type=float, default=60, help="between savings of the sums")


def main(experiment, args) -> list[Path] | None:
    started = time.perf_counter()
    torch.set_num_threads(args.threads)
    view, folder = experiment.statistics(args.model), experiment.model(args.model)
    tokenised = experiment.layout.tokenised(args.model, view["corpus"])
    output = experiment.layout.statistics(args.model, view["corpus"])
    device.claim(view["device"])
    tokenizer, kind = load_tokenizer(folder, view["family"]), predictor.DTYPES[view["dtype"]]
    model = checkpoint.load(folder, view["device"], kind, view["family"], view["quantisation"])
    corpus = datasets.load_from_disk(str(tokenised))["train"]
    with_response(corpus, "train", view["max_length"])  # some may have none: they are counted nowhere
    read = [folder / "config.json", *model_files.weight_files(folder), *sorted(tokenised.glob("train/*.arrow"))]
    names = ("levels", "passes", "batch_size", "max_length", "device", "dtype")
    settings = {name: view[name] for name in names} | {"threads": args.threads}
    settings |= quantisation.described(view["quantisation"])
    code = provenance.fingerprint("lift.stages.statistics")
    key = provenance.value_hash([provenance.file_hash(*read), view["family"], settings, code, torch.__version__])
    number, shards = args.shard or (0, 1)
    facts = {"key": key, "shard": f"{number + 1}/{shards}", "levels": json.dumps(view["levels"])}
    resume = experiment.layout.resume(output.with_name(f"{output.stem}-{number + 1}-of-{shards}"))
    kept = resume / f"{key}.safetensors"
    output.parent.mkdir(parents=True, exist_ok=True)
    with alone(resume):
        accumulator = measure(model, corpus, view, number, shards, kept, args.save_seconds)
        if args.shard:
            accumulator.save(experiment.layout.statistics_part(args.model, view["corpus"], number + 1), **facts)
        else:
            words = vocabulary_texts(tokenizer, len(accumulator.frequency))
            accumulator.table(words).to_parquet(output, index=False)
            record = provenance.record(settings=settings, seconds_this_process=round(time.perf_counter() - started, 1))
            output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
        shutil.rmtree(resume, ignore_errors=True)
    return None if args.shard else [output, output.with_suffix(".json")]
