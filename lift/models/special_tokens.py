"""The mask token and the padding token of a checkpoint, which config.json, its tokenizer or its family may name."""

import codecs
from pathlib import Path

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast, Qwen2Tokenizer

from lift.errors import InputError
from lift.models import model_files
from lift.models.families import Family


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint folder, as its files have it. Raises InputError where they cannot be read.

    Dream's own tokenizer class is remote code; it is Qwen2's byte-level BPE, which transformers has.
    """
    files = model_files.tokenizer_files(folder)
    try:
        return (Qwen2Tokenizer if "vocab.json" in files else PreTrainedTokenizerFast).from_pretrained(folder)
    except Exception as error:  # the tokenizers library raises nothing narrower
        for path in map(folder.joinpath, (*files, "tokenizer_config.json", "special_tokens_map.json")):
            if path.suffix == ".json" and path.is_file():
                model_files.read_json(path)  # names the file, where it is no JSON
                if path.read_bytes().startswith(codecs.BOM_UTF8):
                    raise InputError(f"{path} cannot be read: save it without its byte order mark.") from None
        what = f"the tokenizer ({', '.join(files)}, tokenizer_config.json) cannot be read"
        raise InputError(f"{folder}: {what}: {error}") from None


def needs_tokenizer(published: dict, family: Family) -> bool:
    """Whether config.json alone does not settle both tokens."""
    return bool(family.padding) or any(published.get(name) is None for name in ("mask_token_id", "pad_token_id"))


def vocabulary(path: Path, published: dict, family: Family) -> int:
    """How many tokens the model of a published config.json, which lies at `path`, has a logit for."""
    name = next(theirs for theirs, ours in family.fields.items() if ours == "vocab_size")
    size = published.get(name) or published.get("vocab_size")
    if not isinstance(size, int):
        raise InputError(f"{path}: the vocabulary's size is {size!r}; it should be a whole number.")
    return size


def mask_and_padding(
    path: Path, published: dict, family: Family, tokenizer: PreTrainedTokenizerBase | None
) -> dict[str, int]:
    """The ids mask_token_id and pad_token_id of a checkpoint with a published config.json, which lies at `path`.

    mask: config.json's, else the tokenizer's mask token, else the one that the family names. Padding: the tokenizer's
    where the family knows it, else config.json's, else the tokenizer's, else its end token. Raises InputError where
    there is none, or one that is no token of the model's vocabulary.
    """
    found = {name: published.get(name) for name in ("mask_token_id", "pad_token_id")}
    if tokenizer is not None:
        own = {"mask_token_id": tokenizer.mask_token_id, "pad_token_id": tokenizer.pad_token_id}
        if own["mask_token_id"] is None:
            own["mask_token_id"] = tokenizer.get_vocab().get(family.mask)
        if own["pad_token_id"] is None:
            own["pad_token_id"] = tokenizer.eos_token_id
        found = {name: own[name] if value is None else value for name, value in found.items()}
        if tokenizer.pad_token in family.padding:
            found["pad_token_id"] = own["pad_token_id"]
    size = vocabulary(path, published, family)
    for name, token in found.items():
        if token is None:
            called = f", nor is {family.mask!r} one of its tokens" if family.mask and name == "mask_token_id" else ""
            raise InputError(
                f"{path}: {name} is {published.get(name)!r}, and no tokenizer beside it names one{called}."
            )
        if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < size:
            raise InputError(f"{path}: {name} is {token!r}; it should be a token, from 0 to {size - 1}.")
    return found
