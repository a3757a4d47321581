"""Makes the small checkpoints of the dress rehearsal: random weights, in the published layouts of LLaDA and Dream.

    python tests/rehearsal/make.py

Each has the files and special tokens of its family's hub repository, over a vocabulary learnt from the rows in data/:
LLaDA's with tokenizer.json, Dream's with vocab.json and merges.txt and the name of a tokenizer class that only remote
code knows. The weights of LLaDA's are in two shards with an index.
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from lift.models.checkpoint import save_weights  # noqa: E402 (found through the line above)
from lift.models.families import FAMILIES  # noqa: E402 (found through the line above)
from lift.models.predictor import MaskPredictor  # noqa: E402 (found through the line above)

TOKENS = 640  # of the learnt vocabulary; the embedding is a little larger, as the published ones are
SPECIAL = {
    "llada": (
        *("<|startoftext|>", "<|endoftext|>", "<|mdm_mask|>", "<|start_header_id|>"),
        *("<|end_header_id|>", "<|eot_id|>"),
    ),
    "Dream": ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|mask|>"),
}
LLADA_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
)
CHATML_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def learn_vocabulary() -> Tokenizer:
    """A byte-level BPE over the rehearsal's own rows."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = [p.read_text() for p in sorted((HERE / "data").glob("*.json*")) if p.suffix != ".gz"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=TOKENS, initial_alphabet=alphabet))
    return tokenizer


def write_tokenizer(folder: Path, family: str) -> dict[str, int]:
    """The tokenizer's files; returns the ids of the special tokens."""
    tokenizer = learn_vocabulary()
    first = tokenizer.get_vocab_size()
    ids = {token: first + i for i, token in enumerate(SPECIAL[family])}
    added = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    settings = {
        "added_tokens_decoder": {str(i): {"content": token} | added for token, i in ids.items()},
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }
    if family == "llada":
        tokenizer.add_special_tokens(list(ids))
        tokenizer.save(str(folder / "tokenizer.json"))
        settings |= {"bos_token": "<|startoftext|>", "chat_template": LLADA_TEMPLATE}
        settings |= {"tokenizer_class": "PreTrainedTokenizerFast", "trust_remote_code": True}
    else:
        tokenizer.model.save(str(folder))
        settings |= {"mask_token": "<|mask|>", "chat_template": CHATML_TEMPLATE, "tokenizer_class": "DreamTokenizer"}
        settings["auto_map"] = {"AutoTokenizer": ["tokenization_dream.DreamTokenizer", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    return ids


def write_checkpoint(folder: Path, family_name: str, mask: str, shard_size: str) -> None:
    """A model of random weights with its config and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    ids, family = write_tokenizer(folder, family_name), FAMILIES[family_name]
    ours = {
        "hidden_size": 32,
        "num_attention_heads": 4,
        "num_key_value_heads": 4 if family_name == "llada" else 2,
        "num_hidden_layers": 2,
        "intermediate_size": 96,
        "vocab_size": TOKENS + 16,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
    }
    published = {"model_type": family_name} | {theirs: ours[our] for theirs, our in family.fields.items()}
    published |= family.constants | {"rope_theta": 500000.0, "mask_token_id": ids[mask]}
    published |= {"pad_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|endoftext|>"]}
    if family_name == "llada":
        published["vocab_size"] = ours["vocab_size"]
    (folder / "config.json").write_text(json.dumps(published, indent=1) + "\n")
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 500000.0}
    network = family.network(family.config(**ours, rope_parameters=rope))
    save_weights(MaskPredictor(network, 0, 0, family.shift), family_name, folder, shard_size=shard_size)


if __name__ == "__main__":
    write_checkpoint(HERE / "models" / "llada", "llada", "<|mdm_mask|>", "150KB")
    write_checkpoint(HERE / "models" / "dream", "Dream", "<|mask|>", "5GB")
