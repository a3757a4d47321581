"""Answer benchmarks with one checkpoint, by diffusion decoding.

Answers are kept in --store as they finish; only those that are missing there are computed.
"""

import json
from pathlib import Path

import torch
from transformers import AutoTokenizer

from lift import answers, provenance
from lift.decoding import Decoder
from lift.errors import InputError
from lift.lock import alone
from lift.training import load_trained


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--run", type=Path, help="folder with a run's adapter or weights; the base itself if left out")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help=".jsonl files of problems")
    parser.add_argument(
        "--decoding", type=json.loads, required=True, help="by benchmark: decoder, its settings, samples; as JSON"
    )
    parser.add_argument("--seed", type=int, required=True, help="of the sampling noise")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--store", type=Path, required=True, help="folder for finished answers")
    parser.add_argument("--output", type=Path, required=True, help="folder; DECODER-LENGTH/BENCHMARK.jsonl lie in it")


def main(args) -> None:
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = load_trained(args.model, args.run, args.device)
    weights = [p for folder in (args.model, args.run) if folder for p in sorted(folder.glob("*.safetensors"))]
    made_by = [
        provenance.file_hash(*weights),
        provenance.fingerprint("lift.answers", "lift.models"),
        args.seed,
        args.threads,
        args.device,
        torch.__version__,
    ]
    args.store.mkdir(parents=True, exist_ok=True)
    costs = {}
    with alone(args.store):
        for path in args.benchmarks:
            if path.stem not in args.decoding:
                raise InputError(f"--decoding says nothing of the benchmark {path.stem!r}.")
            name, plan = path.stem, args.decoding[path.stem]
            label = f"{name}.{plan['decoder']}-{plan['settings']['gen_length']}"
            store = args.store / f"{label}.{provenance.value_hash([made_by, plan, provenance.file_hash(path)])}.jsonl"
            for stale in args.store.glob(f"{label}.*.jsonl"):
                if stale != store:
                    stale.unlink()
            problems = [json.loads(line) for line in path.read_text().splitlines()]
            settings = dict(plan["settings"])
            batch_size = settings.pop("batch_size")
            rows, cost = answers.answer(
                model, tokenizer, name, problems, Decoder(**settings), plan["samples"], batch_size, args.seed, store
            )
            output = args.output / f"{plan['decoder']}-{plan['settings']['gen_length']}" / f"{name}.jsonl"
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text("".join(json.dumps(row) + "\n" for row in rows))
            costs[name] = cost
    record = provenance.record(costs=costs)
    (args.output / "run.json").write_text(json.dumps(record, indent=2) + "\n")
