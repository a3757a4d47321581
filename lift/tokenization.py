"""Text to tokens and back: tokenizers of the published checkpoints, chat templates, the span of a response."""

import json
from collections.abc import Iterable
from pathlib import Path

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast, Qwen2Tokenizer

from lift.errors import InputError

OPENING = "<reasoning>"  # of the assistant's turn; given to the model in decoding
_PROBE = "the-response"


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint folder, checked against its config.json. Raises InputError where they do not fit.

    Dream's own tokenizer class is remote code; it is Qwen2's byte-level BPE, which transformers has.
    """
    model = json.loads((folder / "config.json").read_text())
    if (folder / "tokenizer.json").is_file():
        kind = PreTrainedTokenizerFast
    elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        kind = Qwen2Tokenizer
    else:
        raise InputError(f"{folder}: there is no tokenizer, neither tokenizer.json nor vocab.json with merges.txt.")
    try:
        tokenizer = kind.from_pretrained(folder)
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise InputError(f"{folder}: the tokenizer cannot be read: {error}") from None
    if tokenizer.chat_template is None:
        raise InputError(f"{folder}: the tokenizer has no chat template.")
    size = model.get("embedding_size") or model.get("vocab_size") or 0
    if len(tokenizer) > size:
        raise InputError(f"{folder}: the tokenizer has {len(tokenizer)} tokens, the model's vocabulary only {size}.")
    for name, own in (("pad_token_id", tokenizer.pad_token_id), ("mask_token_id", tokenizer.mask_token_id)):
        if own is not None and own != model.get(name):
            raise InputError(f"{folder}: {name} is {own} in the tokenizer and {model.get(name)} in config.json.")
    return tokenizer


def end_of_turn(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends an assistant's turn in the chat template; the end token where the template has none.

    Only the template's first special token after the response counts: LLaDA's template goes on with a further
    assistant header, which is no part of the response.
    """
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": _PROBE}]
    rest = tokenizer.apply_chat_template(chat, tokenize=False).rpartition(_PROBE)[2]
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    return next((i for i in encode(tokenizer, rest) if i in special), tokenizer.eos_token_id)


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text that holds its own special tokens."""
    return tokenizer(text, add_special_tokens=False).input_ids


def encode_prompts(tokenizer: PreTrainedTokenizerBase, prompts: list[str]) -> list[list[int]]:
    """Token ids of user turns, each followed by the header of the assistant's turn."""
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    texts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    return tokenizer(texts, add_special_tokens=False).input_ids


def encode_example(tokenizer: PreTrainedTokenizerBase, prompt: str, response: str) -> dict[str, list[int] | int]:
    """Token ids of prompt and response, and the prompt's length.

    The response ends with the end of the turn, where the template has one, and the end token, once.
    """
    (prompt_ids,) = encode_prompts(tokenizer, [prompt])
    ends = dict.fromkeys([end_of_turn(tokenizer), tokenizer.eos_token_id])
    return {"input_ids": [*prompt_ids, *encode(tokenizer, response), *ends], "prompt_length": len(prompt_ids)}


def decode_response(tokenizer: PreTrainedTokenizerBase, ids: list[int], ends: Iterable[int]) -> tuple[str, bool]:
    """The text up to the first end token, and whether there was one."""
    end = next((i for i, token in enumerate(ids) if token in ends), None)
    size = len(tokenizer)  # a model's vocabulary may be larger
    kept = [token for token in ids[:end] if token < size]
    return tokenizer.decode(kept), end is not None


def token_text(tokenizer: PreTrainedTokenizerBase, token: int) -> str:
    """What a token stands for in a text, without the space before it; its name where that is no text."""
    return tokenizer.decode([token]).strip() or str(tokenizer.convert_ids_to_tokens(token))


def vocabulary_texts(tokenizer: PreTrainedTokenizerBase, size: int) -> list[str]:
    """`token_text` of every token of a model's vocabulary, which may be larger than the tokenizer's."""
    known = len(tokenizer)
    return [token_text(tokenizer, i) if i < known else f"<{i}>" for i in range(size)]
