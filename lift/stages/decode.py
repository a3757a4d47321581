"""Answer benchmarks with one checkpoint, by diffusion decoding.

Answers are kept in --store as they finish; only those that are missing there are computed. Several jobs may share the
work by --shard; the last one, without it, finds all answers there, loads no model and writes the files.
"""

import json
import time
from functools import cache
from pathlib import Path

import torch

from lift import provenance
from lift.decode import answers
from lift.decode.decoder import Decoder
from lift.errors import InputError
from lift.machine import device
from lift.machine.lock import alone
from lift.machine.shards import shard
from lift.models.adapters import load_trained
from lift.models.predictor import DTYPES
from lift.models.tokenization import load_tokenizer
from lift.scores.decoded_step import decoded_step


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--run", type=Path, help="folder with a run's adapter or weights; the base itself if left out")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help=".jsonl files of problems")
    parser.add_argument(
        "--decoding", type=json.loads, required=True, help="by benchmark: decoders with settings, samples; as JSON"
    )
    parser.add_argument("--seed", type=int, required=True, help="of the sampling noise")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32", help="of the model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--store", type=Path, required=True, help="folder for finished answers")
    parser.add_argument("--shard", type=shard, metavar="I/N", default="1/1", help="every N-th batch, from the I-th on")
    parser.add_argument("--parts", type=Path, nargs="*", default=[], help="run.json of the shards, for their memory")
    parser.add_argument("--output", type=Path, required=True, help="folder; DECODER/BENCHMARK.jsonl lie in it")


def main(args) -> None:
    started = time.perf_counter()
    torch.set_num_threads(args.threads)
    for path in args.benchmarks:
        if path.stem not in args.decoding:
            raise InputError(f"--decoding says nothing of the benchmark {path.stem!r}.")
    part, parts = args.shard
    tokenizer = load_tokenizer(args.model)

    @cache
    def model():  # only where an answer is missing
        device.claim(args.device)
        return load_trained(args.model, args.run, args.device, DTYPES[args.dtype])

    weights = [p for folder in (args.model, args.run) if folder for p in sorted(folder.glob("*.safetensors"))]
    weights_hash = provenance.file_hash(*weights)
    made_by = [
        weights_hash,
        provenance.fingerprint("lift.decode.answers", "lift.models.adapters"),
        args.seed,
        args.threads,
        args.device,
        args.dtype,
        torch.__version__,
    ]
    args.store.mkdir(parents=True, exist_ok=True)
    args.output.mkdir(parents=True, exist_ok=True)
    costs = []
    with alone(args.store / f"{part + 1}-of-{parts}"):
        for path in args.benchmarks:
            problems = [json.loads(line) for line in path.read_text().splitlines()]
            prompts = answers.encode_problems(tokenizer, problems)
            plan = args.decoding[path.stem]
            for name, given in plan["decoders"].items():
                key = provenance.value_hash([made_by, given, plan["samples"], provenance.file_hash(path)])
                store = answers.Store(args.store, f"{path.stem}.{name}", key)
                store.remove_stale()
                settings = dict(given)
                batches = answers.make_batches(prompts, plan["samples"], settings.pop("batch_size"))
                ours = dict(list(enumerate(batches))[part::parts])
                with store.missing(ours) as (missing, bar):
                    if missing:
                        answers.compute(
                            *(model(), tokenizer, path.stem, problems, prompts, Decoder(**settings)),
                            *(missing, args.seed, store.file(part, parts), bar),
                        )
                if parts > 1:
                    continue
                rows, cost = answers.collect(store.finished())
                output = args.output / name / f"{path.stem}.jsonl"
                output.parent.mkdir(exist_ok=True)
                output.write_text("".join(json.dumps(row) + "\n" for row in rows))
                costs.append({"benchmark": path.stem, "decoder": name, "gen_length": given["gen_length"]} | cost)
    facts = {
        "seed": args.seed,
        "model": str(args.model),
        "run": args.run and str(args.run),
        "weights": weights_hash,
        "step": decoded_step(args.run),
        "problems": {path.stem: provenance.file_hash(path) for path in args.benchmarks},
        "decoding": args.decoding,
        "device": args.device,
        "dtype": args.dtype,
        "threads": args.threads,
        "seconds_this_process": round(time.perf_counter() - started, 1),
        "costs": costs,
    }
    records = [provenance.record(**facts), *(json.loads(path.read_text()) for path in args.parts)]
    peaks = {
        fact: max(record[fact] for record in records if fact in record)
        for fact in ("gpu", "peak_memory_bytes", "peak_gpu_memory_bytes")
        if any(fact in record for record in records)
    }
    record = records[0] | peaks
    (args.output / "run.json").write_text(json.dumps(record, indent=2) + "\n")
