"""Answer benchmarks with one checkpoint, by diffusion decoding.

Answers are kept in a store as they finish; only those that are missing there are computed. With `shards` processes
share them out.
"""

import json
import time
from functools import cache
from pathlib import Path

import torch

from lift import provenance
from lift.decode import answers
from lift.decode.settings import Decoder
from lift.errors import InputError
from lift.machine import launch
from lift.models.adapters import load_trained
from lift.models.predictor import DTYPES
from lift.models.quantisation import described
from lift.models.tokenization import load_tokenizer
from lift.scores.decoded_step import decoded_step


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", required=True, help="`base` for the model as it is")
    parser.add_argument("--seed", type=int, required=True, help="of the run and of the sampling noise")
    launch.add_arguments(parser)


def main(experiment, args) -> list[Path] | None:
    started, (part, parts) = time.perf_counter(), launch.share()
    threads = min(args.threads, experiment.config["threads"])
    torch.set_num_threads(threads)
    place, layout = (args.model, args.method, args.seed), experiment.layout
    view, base, run = experiment.decoding(*place), experiment.model(args.model), experiment.checkpoint(*place)
    output, folder = layout.generations(*place), layout.store(*place)
    tokenizer = load_tokenizer(base, view["family"])

    @cache
    def model():  # only where an answer is missing
        launch.own_device(view["device"])
        kind = DTYPES[view["dtype"]]
        loaded = load_trained(base, run, view["device"], kind, view["family"], view["quantisation"])
        provenance.leave(folder, key, part, parts)  # in case it does not get to the end
        return loaded

    weights = [p for source in (base, run) if source for p in sorted(source.glob("*.safetensors"))]
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
    sizes = {name: one["batch_size"] for name, one in experiment.config["decoders"].items()}
    key, hashes, work = provenance.value_hash(made_by), {}, []
    folder.mkdir(parents=True, exist_ok=True)
    with launch.alone_with_processes(folder / "all"):
        for benchmark, plan in view["benchmarks"].items():
            path = layout.problems(benchmark)
            problems = [json.loads(line) for line in path.read_text().splitlines()]
            prompts = answers.encode_problems(tokenizer, problems)
            hashes[benchmark] = provenance.file_hash(path)
            for name, settings in plan["decoders"].items():
                of_these = [made_by, settings, sizes[name], plan["samples"], hashes[benchmark]]
                store = answers.Store(folder, f"{benchmark}.{name}", provenance.value_hash(of_these))
                store.remove_stale()
                batches = dict(enumerate(answers.make_batches(prompts, plan["samples"], sizes[name])))
                work.append((benchmark, name, settings, problems, prompts, store, batches))
        if not launch.launched():
            begun = any(store.finished() for *_, store, _ in work)
            for path in folder.glob("*-of-*.json"):
                if not (begun and path.name.startswith(f"{key}.")):
                    path.unlink()
        left = any(store.missing(batches) for *_, store, batches in work)
        processes = launch.in_shards(experiment.config["shards"], view["device"], args.gpus) if left else 1
        for benchmark, _, settings, problems, prompts, store, batches in work:
            ours = dict(list(batches.items())[part::parts])
            missing = store.missing(ours)
            if missing and processes != parts:
                raise InputError(f"{folder}: a process has ended without its answers to {benchmark}; start again.")
            with answers.bar(store.label, ours, missing, silent=part > 0) as bar:
                if missing:
                    answers.compute(
                        *(model(), tokenizer, benchmark, problems, prompts, Decoder(**settings)),
                        *(missing, args.seed, store.file(part, parts), bar),
                    )
        if model.cache_info().currsize:
            provenance.leave(folder, key, part, parts)
        if launch.launched():
            return None
        costs, written = [], [output / "run.json"]
        for benchmark, name, settings, *_, store, _ in work:
            rows, cost = answers.collect(store.finished())
            written.append(output / name / f"{benchmark}.jsonl")
            written[-1].parent.mkdir(parents=True, exist_ok=True)
            written[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
            costs.append({"benchmark": benchmark, "decoder": name, "gen_length": settings["gen_length"]} | cost)
        facts = {
            "seed": args.seed,
            "model": str(base),
            "run": run and str(run),
            "weights": weights_hash,
            "step": decoded_step(run),
            "problems": hashes,
            "decoding": view["benchmarks"],
            "batch_sizes": sizes,
            "device": view["device"],
            "dtype": view["dtype"],
            **described(view["quantisation"]),
            "threads": threads,
            "seconds_this_process": round(time.perf_counter() - started, 1),
            "costs": costs,
        }
        record = provenance.with_left(provenance.record(**facts), folder.glob(f"{key}.*-of-*.json"))
        (output / "run.json").write_text(json.dumps(record, indent=2) + "\n")
    return written
