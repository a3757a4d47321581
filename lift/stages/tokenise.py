"""Tokenise a corpus for a model: every example becomes prompt and response, and some are held out."""

import json
from pathlib import Path

import datasets

from lift.data.examples import held_out_first
from lift.errors import InputError
from lift.models.tokenization import encode_example, load_tokenizer


def add_arguments(parser) -> None:
    parser.add_argument("--corpus", type=Path, required=True, help=".jsonl file of examples")
    parser.add_argument("--source", required=True, help="name of its source, which addresses what is held out")
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--held-out", type=int, required=True, help="examples kept from training")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tokenised splits")


def main(args) -> None:
    examples = [json.loads(line) for line in args.corpus.read_text().splitlines()]
    if args.held_out >= len(examples):
        raise InputError(f"{args.corpus}: held_out {args.held_out} leaves none of {len(examples)} examples.")
    order = held_out_first(len(examples), args.source)
    tokenizer, rows = load_tokenizer(args.model), []
    for i in order:
        try:
            rows.append(encode_example(tokenizer, examples[i]["prompt"], examples[i]["response"]))
        except InputError as error:
            raise InputError(f"{args.corpus}, line {i + 1}: {error}") from None
    splits = {"held_out": rows[: args.held_out], "train": rows[args.held_out :]}
    datasets.DatasetDict({name: datasets.Dataset.from_list(part) for name, part in splits.items()}).save_to_disk(
        str(args.output)
    )
    tokens = sum(len(row["input_ids"]) for row in rows)
    print(f"{args.corpus.stem}: {len(splits['train'])} for training, {args.held_out} held out, {tokens} tokens")
