"""Answer benchmarks with one checkpoint, by diffusion decoding.

Answers are kept in --store as they finish; only those that are missing there are computed.
"""

import json
from pathlib import Path

import torch

from lift import answers, device, provenance
from lift.decoding import Decoder
from lift.errors import InputError
from lift.lock import alone
from lift.models import DTYPES
from lift.tokenization import load_tokenizer
from lift.training import load_trained


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
    parser.add_argument("--output", type=Path, required=True, help="folder; DECODER/BENCHMARK.jsonl lie in it")


def main(args) -> None:
    torch.set_num_threads(args.threads)
    for path in args.benchmarks:
        if path.stem not in args.decoding:
            raise InputError(f"--decoding says nothing of the benchmark {path.stem!r}.")
    device.claim(args.device)
    tokenizer = load_tokenizer(args.model)
    model = load_trained(args.model, args.run, args.device, DTYPES[args.dtype])
    weights = [p for folder in (args.model, args.run) if folder for p in sorted(folder.glob("*.safetensors"))]
    made_by = [
        provenance.file_hash(*weights),
        provenance.fingerprint("lift.answers", "lift.models", "lift.training"),
        args.seed,
        args.threads,
        args.device,
        args.dtype,
        torch.__version__,
    ]
    args.store.mkdir(parents=True, exist_ok=True)
    costs = []
    with alone(args.store):
        for path in args.benchmarks:
            problems = [json.loads(line) for line in path.read_text().splitlines()]
            plan = args.decoding[path.stem]
            for decoder, given in plan["decoders"].items():
                label = f"{path.stem}.{decoder}"
                key = provenance.value_hash([made_by, given, plan["samples"], provenance.file_hash(path)])
                store = args.store / f"{label}.{key}.jsonl"
                for stale in args.store.glob(f"{label}.*.jsonl"):
                    if stale != store:
                        stale.unlink()
                settings = dict(given)
                batch_size = settings.pop("batch_size")
                rows, cost = answers.answer(
                    model,
                    tokenizer,
                    path.stem,
                    problems,
                    Decoder(**settings),
                    plan["samples"],
                    batch_size,
                    args.seed,
                    store,
                )
                output = args.output / decoder / f"{path.stem}.jsonl"
                output.parent.mkdir(parents=True, exist_ok=True)
                output.write_text("".join(json.dumps(row) + "\n" for row in rows))
                costs.append({"benchmark": path.stem, "decoder": decoder, "gen_length": given["gen_length"]} | cost)
    record = provenance.record(costs=costs)
    (args.output / "run.json").write_text(json.dumps(record, indent=2) + "\n")
