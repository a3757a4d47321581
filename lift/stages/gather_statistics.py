"""Token statistics of a whole corpus from the sums of its shards (`lift statistics --shard`)."""

import json
from pathlib import Path

from lift import provenance
from lift.models.tokenization import load_tokenizer, vocabulary_texts
from lift.statistics.sums import gather


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--parts", type=Path, nargs="+", required=True, help=".safetensors files, one a shard")
    parser.add_argument("--output", type=Path, required=True, help="the .parquet file")


def main(args) -> None:
    tokenizer, accumulator = load_tokenizer(args.model), gather(args.parts)
    words = vocabulary_texts(tokenizer, len(accumulator.frequency))
    accumulator.table(words).to_parquet(args.output, index=False)
    record = provenance.record(settings={"levels": accumulator.levels, "shards": len(args.parts)})
    args.output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
