"""Token statistics of a whole corpus from the sums of its shards (`lift statistics --shard`)."""

import json
from pathlib import Path

from lift import provenance
from lift.models.tokenization import load_tokenizer, vocabulary_texts
from lift.statistics.sums import gather


def add_arguments(parser) -> None:
    parser.add_argument("--model", required=True)


def main(experiment, args) -> list[Path]:
    view, shards = experiment.statistics(args.model), experiment.config["shards"]
    corpus = view["corpus"]
    parts = [experiment.layout.statistics_part(args.model, corpus, shard) for shard in range(1, shards + 1)]
    tokenizer, accumulator = load_tokenizer(experiment.model(args.model), view["family"]), gather(parts)
    output = experiment.layout.statistics(args.model, corpus)
    words = vocabulary_texts(tokenizer, len(accumulator.frequency))
    output.parent.mkdir(parents=True, exist_ok=True)
    accumulator.table(words).to_parquet(output, index=False)
    record = provenance.record(settings={"levels": accumulator.levels, "shards": shards})
    output.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    return [output, output.with_suffix(".json")]
