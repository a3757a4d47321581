"""Answer benchmarks with one checkpoint, by diffusion decoding.

Answers are kept in a store as they finish; only those that are missing there are computed. Several jobs may share the
work by --shard; the last one, without it, finds all answers there, loads no model and writes the files.
"""

import json
import time
from functools import cache
from pathlib import Path

import torch

from lift import provenance
from lift.decode import answers
from lift.decode.settings import Decoder
from lift.machine import device
from lift.machine.lock import alone
from lift.machine.shards import shard
from lift.models.adapters import load_trained
from lift.models.predictor import DTYPES
from lift.models.quantisation import described
from lift.models.tokenization import load_tokenizer
from lift.scores.decoded_step import decoded_step


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", required=True, help="`base` for the model as it is")
    parser.add_argument("--seed", type=int, required=True, help="of the run and of the sampling noise")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shard", type=shard, metavar="I/N", default="1/1", help="every N-th batch, from the I-th on")


def main(experiment, args) -> list[Path] | None:
    started = time.perf_counter()
    torch.set_num_threads(args.threads)
    place, layout = (args.model, args.method, args.seed), experiment.layout
    view, base, run = experiment.decoding(*place), experiment.model(args.model), experiment.checkpoint(*place)
    part, parts = args.shard
    whole, store_folder = layout.generations(*place), layout.store(*place)
    output = whole if parts == 1 else layout.store_shard(*place, part + 1, parts)
    tokenizer = load_tokenizer(base, view["family"])

    @cache
    def model():  # only where an answer is missing
        device.claim(view["device"])
        kind = DTYPES[view["dtype"]]
        return load_trained(base, run, view["device"], kind, view["family"], view["quantisation"])

    weights = [p for folder in (base, run) if folder for p in sorted(folder.glob("*.safetensors"))]
    weights_hash = provenance.file_hash(*weights)
    made_by = [
        weights_hash,
        provenance.fingerprint("lift.decode.answers", "lift.models.adapters"),
        args.seed,
        args.threads,
        view["family"],
        view["device"],
        view["dtype"],
        described(view["quantisation"]),
        torch.__version__,
    ]
    store_folder.mkdir(parents=True, exist_ok=True)
    output.mkdir(parents=True, exist_ok=True)
    costs, hashes, written = [], {}, [output / "run.json"]
    with alone(store_folder / f"{part + 1}-of-{parts}"):
        for benchmark, plan in view["benchmarks"].items():
            path = layout.problems(benchmark)
            problems = [json.loads(line) for line in path.read_text().splitlines()]
            prompts = answers.encode_problems(tokenizer, problems)
            hashes[benchmark] = provenance.file_hash(path)
            for name, settings in plan["decoders"].items():
                size = experiment.config["decoders"][name]["batch_size"]
                key = provenance.value_hash([made_by, settings, size, plan["samples"], hashes[benchmark]])
                store = answers.Store(store_folder, f"{benchmark}.{name}", key)
                store.remove_stale()
                batches = answers.make_batches(prompts, plan["samples"], size)
                ours = dict(list(enumerate(batches))[part::parts])
                with store.missing(ours) as (missing, bar):
                    if missing:
                        answers.compute(
                            *(model(), tokenizer, benchmark, problems, prompts, Decoder(**settings)),
                            *(missing, args.seed, store.file(part, parts), bar),
                        )
                if parts > 1:
                    continue
                rows, cost = answers.collect(store.finished())
                file = output / name / f"{benchmark}.jsonl"
                file.parent.mkdir(exist_ok=True)
                file.write_text("".join(json.dumps(row) + "\n" for row in rows))
                written.append(file)
                costs.append({"benchmark": benchmark, "decoder": name, "gen_length": settings["gen_length"]} | cost)
    facts = {
        "seed": args.seed,
        "model": str(base),
        "run": run and str(run),
        "weights": weights_hash,
        "step": decoded_step(run),
        "problems": hashes,
        "decoding": view["benchmarks"],
        "batch_sizes": {name: one["batch_size"] for name, one in experiment.config["decoders"].items()},
        "device": view["device"],
        "dtype": view["dtype"],
        **described(view["quantisation"]),
        "threads": args.threads,
        "seconds_this_process": round(time.perf_counter() - started, 1),
        "costs": costs,
    }
    shards = experiment.config["shards"] if parts == 1 else 1
    of_shards = [layout.store_shard(*place, i, shards) / "run.json" for i in range(1, shards + 1) if shards > 1]
    records = [provenance.record(**facts), *(json.loads(path.read_text()) for path in of_shards if path.is_file())]
    seen = {
        fact: [record[fact] for record in records if fact in record]
        for fact in ("gpu", "cuda", "driver", "peak_memory_bytes", "peak_gpu_memory_bytes")
    }
    shared = {  # by all shards: the most memory, and every card with its versions
        fact: max(found) if fact.startswith("peak") else " and ".join(sorted(set(found)))
        for fact, found in seen.items()
        if found
    }
    record = records[0] | shared
    (output / "run.json").write_text(json.dumps(record, indent=2) + "\n")
    return written if parts == 1 else None
