"""Confidence of a model by token and masking level, over the responses of a tokenised corpus.

The sums are kept while they grow; a run that was stopped goes on from there, to the same result. With `shards`
processes measure parts of the corpus, and their sums are added up.
"""

import json
import shutil
import time
from pathlib import Path

import datasets
import torch

from lift import provenance
from lift.data.examples import with_response
from lift.machine import launch
from lift.models import checkpoint, model_files, predictor, quantisation
from lift.models.tokenization import load_tokenizer, vocabulary_texts
from lift.statistics.passes import measure
from lift.statistics.sums import gather


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)
    parser.add_argument("--save-seconds", type=float, default=60, help="between savings of the sums")
    launch.add_arguments(parser)


def main(experiment, args) -> list[Path] | None:
    started, (part, parts) = time.perf_counter(), launch.share()
    threads = min(args.threads, experiment.config["threads"])
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
        return resume / f"{key}.{i + 1}-of-{processes}.safetensors"

    with launch.alone_with_processes(resume):
        processes = launch.in_shards(experiment.config["shards"], view["device"], args.gpus)
        if processes == parts:  # it is one of them, or the only one
            launch.own_device(view["device"])
            kind = predictor.DTYPES[view["dtype"]]
            model = checkpoint.load(folder, view["device"], kind, view["family"], view["quantisation"])
            provenance.leave(resume, key, part, parts)  # in case it does not get to the end
            measure(model, corpus, view, part, parts, sums_of(part, parts), args.save_seconds)
            provenance.leave(resume, key, part, parts)
        if launch.launched():
            return None
        sums = gather(view["levels"], [sums_of(i, processes) for i in range(processes)])
        words = vocabulary_texts(load_tokenizer(folder, view["family"]), len(sums.frequency))
        output.parent.mkdir(parents=True, exist_ok=True)
        sums.table(words).to_parquet(output, index=False)
        facts = {"processes": processes, "seconds_this_process": round(time.perf_counter() - started, 1)}
        record = provenance.with_left(
            provenance.record(settings=settings, **facts), resume.glob(f"{key}.*-of-{processes}.json")
        )
        output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
        shutil.rmtree(resume)
    return [output, output.with_suffix(".json")]
