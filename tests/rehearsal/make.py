"""Makes the small checkpoints of the dress rehearsal: random weights, in the published layouts of four families.

    python tests/rehearsal/make.py

Each has the files and special tokens of its family's hub repository, over a vocabulary learnt from the rows in data/:
LLaDA's with tokenizer.json, Dream's with vocab.json and merges.txt and the name of a tokenizer class that only remote
code knows. The weights of LLaDA's are in two shards with an index.

dllm's two (github.com/ZHZisZZ/dllm) have all of Qwen's tokenizer files, as transformers 4.57 writes them: the mask is
added to the tokenizer and config.json names neither it nor padding; the head is tied by config.json, and lies in the
file as a copy. Qwen3's chat template thinks, unless enable_thinking is false.
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

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
    "a2d-qwen2": ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|mask|>"),
    "a2d-qwen3": ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|mask|>"),
}
PLAIN = ("<|fim_prefix|>", "<think>", "</think>")  # added tokens that Qwen does not call special
# Keys that are looked at since the checkpoints were made, which have to stay as they are.
UNSAID = {"llada": ("clip_qkv",), "Dream": ("use_mrope", "rope_scaling")}
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
THINKING_TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' }}"
    "{%- if message.role == 'assistant' and loop.last %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{{- message.content + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{%- endif %}"
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


def write_qwen_tokenizer(folder: Path, tokenizer: Tokenizer, template: str, added: dict[str, dict]) -> None:
    """Qwen's files, as transformers 4.57 writes them once dllm has named the mask. added: tokens by their id."""
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.model.save(str(folder))
    for token in added.values():
        (tokenizer.add_special_tokens if token["special"] else tokenizer.add_tokens)([token["content"]])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(template)
    special = {
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "bos_token": "<|endoftext|>",
        "eos_token": "<|im_end|>",
        "mask_token": "<|mask|>",
        "pad_token": "<|endoftext|>",
    }
    settings = {"add_bos_token": False, "add_prefix_space": False, "added_tokens_decoder": added} | special
    settings |= {"clean_up_tokenization_spaces": False, "errors": "replace", "extra_special_tokens": {}}
    settings |= {"model_max_length": 32768, "padding_side": "right", "split_special_tokens": False}
    settings |= {"tokenizer_class": "Qwen2Tokenizer", "unk_token": None}
    files = {
        "added_tokens.json": {token["content"]: int(i) for i, token in added.items()},
        "special_tokens_map.json": special,
        "tokenizer_config.json": settings,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def write_tokenizer(folder: Path, family: str) -> dict[str, int]:
    """The tokenizer's files; returns the ids of the special tokens."""
    tokenizer = learn_vocabulary()
    first = tokenizer.get_vocab_size()
    ids = {token: first + i for i, token in enumerate(SPECIAL[family])}
    added = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    decoder = {str(i): {"content": token} | added | {"special": token not in PLAIN} for token, i in ids.items()}
    if family.startswith("a2d"):
        template = THINKING_TEMPLATE if family == "a2d-qwen3" else CHATML_TEMPLATE
        write_qwen_tokenizer(folder, tokenizer, template, decoder)
        return ids
    settings = {
        "added_tokens_decoder": decoder,
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


def published_config(family_name: str, ours: dict, ids: dict[str, int], mask: str) -> dict:
    """What config.json says. ours: sizes by our keys. ids: of the special tokens."""
    family, constants = FAMILIES[family_name], dict(FAMILIES[family_name].constants)
    for key in UNSAID.get(family_name, ()):
        del constants[key]
    sizes = {theirs: ours[our] for theirs, our in family.fields.items()}
    if family_name.startswith("a2d"):
        kind = {"architectures": [f"A2D{family.classes[0].removesuffix('ForCausalLM')}LMHeadModel"]}
        kind |= {"model_type": family_name, "dtype": "bfloat16"}
        ends = {"bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"]}
        return kind | sizes | constants | {"rope_theta": ours["rope_theta"], "tie_word_embeddings": True} | ends
    published = {"model_type": family_name} | sizes | constants
    published |= {"rope_theta": ours["rope_theta"], "mask_token_id": ids[mask]}
    published |= {"pad_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|endoftext|>"]}
    if family_name == "llada":
        published["vocab_size"] = ours["vocab_size"]
    return published


def write_checkpoint(folder: Path, family_name: str, mask: str, shard_size: str = "5GB") -> None:
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
        "rope_theta": 500000.0,
    }
    if family_name == "a2d-qwen3":
        ours["head_dim"] = 16  # heads are wider than the network, as the published ones
    published = published_config(family_name, ours, ids, mask)
    (folder / "config.json").write_text(json.dumps(published, indent=1) + "\n")
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": ours.pop("rope_theta")}
    network, dtype = family.network(family.config(**ours, rope_parameters=rope)), None
    if family_name.startswith("a2d"):
        network.lm_head.weight.data.copy_(network.model.embed_tokens.weight)
        dtype = torch.bfloat16
    save_weights(MaskPredictor(network, 0, 0, family.shift), family_name, folder, dtype, shard_size)


def write_all(folder: Path) -> None:
    """The four of them."""
    write_checkpoint(folder / "llada", "llada", "<|mdm_mask|>", "150KB")
    write_checkpoint(folder / "dream", "Dream", "<|mask|>")
    write_checkpoint(folder / "qwen3", "a2d-qwen3", "<|mask|>")
    write_checkpoint(folder / "coder", "a2d-qwen2", "<|mask|>")


if __name__ == "__main__":
    write_all(HERE / "models")
