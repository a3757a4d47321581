"""Confidence of a model by token and masking level, over the responses of a tokenised corpus.

The sums are kept in --resume while they grow; a run that was stopped goes on from there, to the same result. With
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
from lift.models import checkpoint, model_files, predictor
from lift.models.tokenization import load_tokenizer, vocabulary_texts
from lift.statistics.passes import measure


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the tokenised corpus")
    parser.add_argument("--levels", type=json.loads, required=True, help="masking levels, as a JSON list")
    parser.add_argument("--passes", type=int, default=1, help="masks a sequence and level")
    parser.add_argument("--batch-size", type=int, default=32, help="sequences a forward pass")
    parser.add_argument("--max-length", type=int, required=True, help="tokens of an example; longer ones are cut")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--dtype", choices=list(predictor.DTYPES), default="float32", help="of the model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shard", type=shard, metavar="I/N", help="only every N-th batch, from the I-th on")
    parser.add_argument("--resume", type=Path, required=True, help="folder for the sums while they grow")
    parser.add_argument("--save-seconds", type=float, default=60, help="between savings of the sums")
    parser.add_argument("--output", type=Path, required=True, help="the .parquet file; .safetensors with --shard")


def main(args) -> None:
    started = time.perf_counter()
    torch.set_num_threads(args.threads)
    device.claim(args.device)
    tokenizer = load_tokenizer(args.model)
    model = checkpoint.load(args.model, args.device, predictor.DTYPES[args.dtype])
    corpus = datasets.load_from_disk(str(args.corpus))["train"]
    with_response(corpus, "train", args.max_length)  # some may have none: they are counted nowhere
    read = [
        args.model / "config.json",
        *model_files.weight_files(args.model),
        *sorted(args.corpus.glob("train/*.arrow")),
    ]
    settings = [args.levels, args.passes, args.batch_size, args.max_length, args.device, args.dtype, args.threads]
    code = provenance.fingerprint("lift.stages.statistics")
    key = provenance.value_hash([provenance.file_hash(*read), settings, code, torch.__version__])
    number, shards = args.shard or (0, 1)
    facts = {"key": key, "shard": f"{number + 1}/{shards}", "levels": json.dumps(args.levels)}
    kept = args.resume / f"{key}-{number + 1}-of-{shards}.safetensors"
    with alone(args.resume):
        accumulator = measure(
            *(model, corpus, args.levels, args.passes, args.batch_size, args.max_length),
            *(number, shards, kept, args.save_seconds),
        )
        if args.shard:
            accumulator.save(args.output, **facts)
        else:
            words = vocabulary_texts(tokenizer, len(accumulator.frequency))
            accumulator.table(words).to_parquet(args.output, index=False)
            names = ("levels", "passes", "batch_size", "max_length", "device", "dtype", "threads")
            seconds = round(time.perf_counter() - started, 1)
            record = provenance.record(settings=dict(zip(names, settings, strict=True)), seconds_this_process=seconds)
            args.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
        shutil.rmtree(args.resume, ignore_errors=True)
