"""Text to tokens and back: tokenizers of the published checkpoints, chat templates, the span of a response."""

import copy
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerBase

from lift.errors import InputError
from lift.models import model_files
from lift.models.families import FAMILIES, family_name
from lift.models.special_tokens import mask_and_padding, read_tokenizer, vocabulary

OPENING = "<reasoning>"  # of the assistant's turn; given to the model in decoding
_PROBE = "the-response"
_BOUNDARY = "\U000f0000text\U000f0001"  # of private characters
_BARRED = re.compile(r"<\|.+\|>", re.DOTALL)


def load_tokenizer(folder: Path, family: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint folder, checked against its config.json and found to write a chat.

    family: its name, needed where several have the model_type in config.json; its arguments of the chat template are
    set in the template. Raises InputError where they do not fit.
    """
    path = folder / "config.json"
    model = model_files.read_json(path)
    entry = FAMILIES[family_name(path, model, family)]
    tokenizer = read_tokenizer(folder)
    if tokenizer.chat_template is None:
        raise InputError(f"{folder}: the tokenizer has no chat template; one may lie beside it as chat_template.jinja.")
    if entry.template:
        settings = "".join(f"{{%- set {name} = {str(value).lower()} -%}}" for name, value in entry.template.items())
        tokenizer.chat_template = settings + tokenizer.chat_template
    if tokenizer.eos_token_id is None:
        raise InputError(f"{folder / 'tokenizer_config.json'}: there is no end token; name it as `eos_token`.")
    size = vocabulary(path, model, entry)
    if len(tokenizer) > size:
        raise InputError(f"{folder}: the tokenizer has {len(tokenizer)} tokens, the model's vocabulary only {size}.")
    for name, own in (("pad_token_id", tokenizer.pad_token_id), ("mask_token_id", tokenizer.mask_token_id)):
        known = name == "pad_token_id" and tokenizer.pad_token in entry.padding
        if own is not None and model.get(name) not in (None, own) and not known:
            raise InputError(f"{folder}: {name} is {own} in the tokenizer and {model.get(name)} in config.json.")
    mask = mask_and_padding(path, model, entry, tokenizer)["mask_token_id"]
    if tokenizer.mask_token is None and mask < len(tokenizer):
        tokenizer.mask_token = tokenizer.convert_ids_to_tokens(mask)
    for text in (_render(tokenizer, [_PROBE])[0], _probe_chat(tokenizer)):
        if _PROBE not in text:
            raise InputError(f"{_template_file(tokenizer)}: the chat template leaves out what a turn says.")
    return tokenizer


def _template_file(tokenizer: PreTrainedTokenizerBase) -> Path:
    """The file that the chat template comes from."""
    own = Path(tokenizer.name_or_path, "chat_template.jinja")
    return own if own.is_file() else own.with_name("tokenizer_config.json")


def _apply_template(tokenizer: PreTrainedTokenizerBase, chats: list[list[dict]], **settings: bool) -> list[str]:
    """The text of each chat."""
    try:
        return tokenizer.apply_chat_template(chats, tokenize=False, **settings)
    except Exception as error:  # a template may raise anything
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"{_template_file(tokenizer)}: the chat template cannot be used ({what}); mend it.") from None


def _render(tokenizer: PreTrainedTokenizerBase, prompts: list[str]) -> list[str]:
    """The text of user turns, each followed by the header of the assistant's turn."""
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    return _apply_template(tokenizer, chats, add_generation_prompt=True)


def _probe_chat(tokenizer: PreTrainedTokenizerBase) -> str:
    """The text of a question and _PROBE as its answer."""
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": _PROBE}]
    return _apply_template(tokenizer, [chat])[0]


def end_of_turn(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends an assistant's turn in the chat template; the end token where the template has none.

    Only the template's first special token after the response counts: LLaDA's template goes on with a further
    assistant header, which is no part of the response.
    """
    rest = _probe_chat(tokenizer).rpartition(_PROBE)[2]
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    ids = tokenizer(rest, add_special_tokens=False).input_ids
    return next((i for i in ids if i in special), tokenizer.eos_token_id)


def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """The tokens that only a template may write: special ones, and those spelled <|...|>."""
    return _control_tokens_of(tokenizer, len(tokenizer))


@lru_cache(maxsize=8)
def _control_tokens_of(tokenizer: PreTrainedTokenizerBase, size: int) -> dict[int, str]:
    special = {token: added.content for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    special |= dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    return special | {token: text for text, token in tokenizer.get_vocab().items() if _BARRED.fullmatch(text)}


@lru_cache(maxsize=8)
def _text_tokenizer(tokenizer: PreTrainedTokenizerBase, size: int) -> Tokenizer:
    """The tokenizer without a sense for control tokens."""
    control, plain = _control_tokens(tokenizer), copy.deepcopy(tokenizer.backend_tokenizer)
    for token, added in plain.get_added_tokens_decoder().items():
        if token in control:
            added.special = True
            plain.add_special_tokens([added])
    plain.encode_special_tokens = True  # as text
    plain.add_tokens([AddedToken(_BOUNDARY, normalized=False)])
    plain.no_truncation()
    plain.no_padding()
    return plain


def _encode_as_text(tokenizer: PreTrainedTokenizerBase, text: str, after: bool = False) -> list[int]:
    """Token ids of a text in which control tokens are only read like text.

    after: whether it follows a control token, where some tokenizers leave out the space that they start a text with.
    """
    if _BOUNDARY in text:
        raise InputError(f"A text holds {_BOUNDARY!r}, which is used here to tell texts apart.")
    ids = _text_tokenizer(tokenizer, len(tokenizer)).encode(_BOUNDARY * after + text, add_special_tokens=False).ids
    ids = ids[1:] if after else ids
    for token, name in _control_tokens(tokenizer).items():
        if token in ids and name in text:
            raise InputError(f"{name!r} stands in a text, but the tokenizer can write it only as a control token.")
    return ids


def _check_text(text: str) -> None:
    """Raises InputError for half of a character, which JSON can hold, such as a cut emoji, and no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"A text holds half of a character: {text[max(0, error.start - 20) : error.end]!r}.") from None


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text by itself. The name of a control token in it is text like the rest."""
    _check_text(text)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    return ids if _control_tokens(tokenizer).keys().isdisjoint(ids) else _encode_as_text(tokenizer, text)


def encode_prompts(tokenizer: PreTrainedTokenizerBase, prompts: list[str]) -> list[list[int]]:
    """Token ids of user turns, each followed by the header of the assistant's turn.

    Control tokens come from the template alone. Text is tokenised together with the template's text beside it.
    """
    for prompt in prompts:
        _check_text(prompt)
    control, texts = _control_tokens(tokenizer), _render(tokenizer, prompts)
    rows = tokenizer(texts, add_special_tokens=False).input_ids
    head, _, tail = _render(tokenizer, [_PROBE])[0].partition(_PROBE)
    before, after = _control_spans(tokenizer, head), _control_spans(tokenizer, tail)
    own = [token for token, _, _ in before + after]
    for place, text in enumerate(texts):
        if [token for token in rows[place] if token in control] == own:
            continue
        if not (text.startswith(head) and text.endswith(tail) and len(text) >= len(head + tail)) or _PROBE in tail:
            raise InputError(
                f"{_template_file(tokenizer)}: the chat template writes differently around a text that names a control "
                f"token, which cannot be told from its own: {prompts[place][:80]!r}."
            )
        start = before[-1][2] if before else 0
        stop = len(text) - len(tail) + (after[0][1] if after else len(tail))
        first, last = tokenizer([text[:start], text[stop:]], add_special_tokens=False).input_ids
        rows[place] = [*first, *_encode_as_text(tokenizer, text[start:stop], after=start > 0), *last]
    return rows


def _control_spans(tokenizer: PreTrainedTokenizerBase, text: str) -> list[tuple[int, int, int]]:
    """(token, start, end) of each control token in a text of the template's."""
    control, found = _control_tokens(tokenizer), tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return [(i, *span) for i, span in zip(found.input_ids, found.offset_mapping, strict=True) if i in control]


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
