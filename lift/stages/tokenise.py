"""Tokenise a corpus for a model: every example becomes prompt and response, and some are held out."""

import json
from pathlib import Path

import datasets

from lift.data.examples import held_out_first
from lift.errors import InputError
from lift.models.tokenization import encode_example, load_tokenizer


def add_arguments(parser) -> None:
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--model", required=True)


def main(experiment, args) -> list[Path]:
    view, corpus = experiment.tokenised(args.model, args.corpus), experiment.layout.corpus(args.corpus)
    examples = [json.loads(line) for line in corpus.read_text().splitlines()]
    if view["held_out"] >= len(examples):
        raise InputError(f"{corpus}: held_out {view['held_out']} leaves none of {len(examples)} examples.")
    order = held_out_first(len(examples), view["source"])
    tokenizer, rows = load_tokenizer(experiment.model(args.model), view["family"]), []
    for i in order:
        try:
            rows.append(encode_example(tokenizer, examples[i]["prompt"], examples[i]["response"]))
        except InputError as error:
            raise InputError(f"{corpus}, line {i + 1}: {error}") from None
    splits = {"held_out": rows[: view["held_out"]], "train": rows[view["held_out"] :]}
    output = experiment.layout.tokenised(args.model, args.corpus)
    datasets.DatasetDict({name: datasets.Dataset.from_list(part) for name, part in splits.items()}).save_to_disk(output)
    tokens = sum(len(row["input_ids"]) for row in rows)
    print(f"{args.corpus}: {len(splits['train'])} for training, {view['held_out']} held out, {tokens} tokens")
    return [output]
