"""Confidence of a model by token and masking level, over the responses of a tokenised corpus."""

import json
from pathlib import Path

import datasets
import numpy as np
import torch
from tqdm import tqdm

from lift import device, models
from lift.forward_process import Batch
from lift.token_statistics import Accumulator, accumulate
from lift.tokenization import load_tokenizer, token_text


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the tokenised corpus")
    parser.add_argument("--levels", type=json.loads, required=True, help="masking levels, as a JSON list")
    parser.add_argument("--passes", type=int, default=1, help="masks a sequence and level")
    parser.add_argument("--batch-size", type=int, default=32, help="sequences a forward pass")
    parser.add_argument("--max-length", type=int, required=True, help="tokens of an example; longer ones are cut")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--dtype", choices=list(models.DTYPES), default="float32", help="of the model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="the .parquet file")


def main(args) -> None:
    torch.set_num_threads(args.threads)
    device.claim(args.device)
    tokenizer = load_tokenizer(args.model)
    model = models.load(args.model, args.device, models.DTYPES[args.dtype])
    corpus = datasets.load_from_disk(str(args.corpus))["train"]
    vocabulary = model.network.config.vocab_size
    accumulator, frequency = Accumulator(args.levels, vocabulary), np.zeros(vocabulary, dtype=int)
    order = sorted(range(len(corpus)), key=lambda i: len(corpus[i]["input_ids"]))
    for start in tqdm(range(0, len(order), args.batch_size), unit="batch", mininterval=5):
        indices = order[start : start + args.batch_size]
        rows = [corpus[i] | {"input_ids": corpus[i]["input_ids"][: args.max_length]} for i in indices]
        width = max(len(row["input_ids"]) for row in rows)
        ids = torch.tensor([row["input_ids"] + [model.pad_id] * (width - len(row["input_ids"])) for row in rows])
        prompt_length = torch.tensor([row["prompt_length"] for row in rows])
        length = torch.tensor([len(row["input_ids"]) for row in rows])
        batch = Batch(*(x.to(args.device) for x in (ids, prompt_length, length)), score_padding=False)
        frequency += np.bincount(batch.input_ids[batch.content].cpu().numpy(), minlength=vocabulary)
        for repeat in range(args.passes):
            addresses = [i + repeat * len(order) for i in indices]
            accumulate(model, batch, addresses, args.levels, accumulator)
    known = len(tokenizer)
    words = [token_text(tokenizer, i) if i < known else f"<{i}>" for i in range(vocabulary)]
    accumulator.table(frequency, words).to_parquet(args.output, index=False)
