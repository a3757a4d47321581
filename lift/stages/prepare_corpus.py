"""Tokenise a corpus: every example becomes prompt and response, and some are held out."""

import importlib
import json
from pathlib import Path

import datasets
from transformers import AutoTokenizer

from lift import noise


def add_arguments(parser) -> None:
    parser.add_argument("--source", required=True, help="a corpus in lift/corpora")
    parser.add_argument("--settings", type=json.loads, default={}, help="its settings, as JSON")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of the model")
    parser.add_argument("--held-out", type=int, required=True, help="examples kept from training")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tokenised splits")


def tokenise(tokenizer, prompt: str, response: str) -> dict[str, list[int] | int]:
    """Token ids of prompt and response, the end token after it, and the prompt's length."""
    chat = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    prompt_ids = tokenizer(text, add_special_tokens=False).input_ids
    response_ids = tokenizer(response, add_special_tokens=False).input_ids
    return {"input_ids": [*prompt_ids, *response_ids, tokenizer.eos_token_id], "prompt_length": len(prompt_ids)}


def main(args) -> None:
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    module = importlib.import_module("lift.corpora." + args.source.replace("-", "_"))
    examples = module.examples(**args.settings)
    order = sorted(range(len(examples)), key=lambda i: noise.key("held-out", args.source, i))
    rows = [tokenise(tokenizer, examples[i]["prompt"], examples[i]["response"]) for i in order]
    splits = {"held_out": rows[: args.held_out], "train": rows[args.held_out :]}
    datasets.DatasetDict({name: datasets.Dataset.from_list(part) for name, part in splits.items()}).save_to_disk(
        str(args.output)
    )
    tokens = sum(len(row["input_ids"]) for row in rows)
    print(f"{args.source}: {len(splits['train'])} examples for training, {args.held_out} held out, {tokens} tokens")
