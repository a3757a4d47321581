"""Answer benchmarks with one checkpoint, by diffusion decoding.

Answers are kept in a store as they finish; only those that are missing there are computed. With `shards` it starts
processes that share them out; then all are there, and it loads no model and writes the files.
"""

import json
import sys
import time
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import torch

from lift import provenance
from lift.decode import answers
from lift.decode.settings import Decoder
from lift.machine import launch
from lift.machine.lock import alone
from lift.models.adapters import load_trained
from lift.models.predictor import DTYPES
from lift.models.quantisation import described
from lift.models.tokenization import load_tokenizer
from lift.scores.decoded_step import decoded_step


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", required=True, help="`base` for the model as it is")
    parser.add_argument("--seed", type=int, required=True, help="of the run and of the sampling noise")
    parser.add_argument("--threads", type=int, default=1, help="of all processes together")
    parser.add_argument("--gpus", type=int, help="that `shards` may take; all that there are if left out")


def main(experiment, args) -> list[Path] | None:
    started = time.perf_counter()
    shards, (part, parts) = experiment.config["shards"], launch.share()
    threads = max(1, args.threads // shards)
    torch.set_num_threads(threads)
    place, layout = (args.model, args.method, args.seed), experiment.layout
    view, base, run = experiment.decoding(*place), experiment.model(args.model), experiment.checkpoint(*place)
    output, store_folder = layout.generations(*place), layout.store(*place)
    tokenizer = load_tokenizer(base, view["family"])

    @cache
    def model():  # only where an answer is missing
        launch.own_device(view["device"])
        kind = DTYPES[view["dtype"]]
        return load_trained(base, run, view["device"], kind, view["family"], view["quantisation"])

    weights = [p for folder in (base, run) if folder for p in sorted(folder.glob("*.safetensors"))]
    weights_hash = provenance.file_hash(*weights)
    made_by = [
        weights_hash,
        provenance.fingerprint("lift.decode.answers", "lift.models.adapters"),
        args.seed,
        threads,
        view["family"],
        view["device"],
        view["dtype"],
        described(view["quantisation"]),
        torch.__version__,
    ]
    store_folder.mkdir(parents=True, exist_ok=True)
    output.mkdir(parents=True, exist_ok=True)
    costs, hashes, written = [], {}, [output / "run.json"]
    with nullcontext() if launch.launched() else alone(store_folder / "all"):  # their launcher is alone there
        processes = launch.in_shards(shards, view["device"], args.gpus, sys.argv[1:])
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
                with store.missing(ours, silent=part > 0) as (missing, bar):
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
        "threads": threads,
        "seconds_this_process": round(time.perf_counter() - started, 1),
        "costs": costs,
    }
    ours = provenance.record(**facts)
    if launch.launched():
        if model.cache_info().currsize:
            _record_of(store_folder, part, parts).write_text(json.dumps(ours))
        return None
    paths = [_record_of(store_folder, i, processes) for i in range(processes)]
    records = [ours, *(json.loads(path.read_text()) for path in paths if path.is_file())]
    seen = {
        fact: [record[fact] for record in records if fact in record]
        for fact in ("gpu", "cuda", "driver", "peak_memory_bytes", "peak_gpu_memory_bytes")
    }
    shared = {  # by all processes: the most memory, and every card with its versions
        fact: max(found) if fact.startswith("peak") else " and ".join(sorted(set(found)))
        for fact, found in seen.items()
        if found
    }
    written[0].write_text(json.dumps(ours | shared, indent=2) + "\n")
    return written


def _record_of(folder: Path, part: int, parts: int) -> Path:
    """Where one of several processes says what it ran on."""
    return folder / f"{part + 1}-of-{parts}.json"
