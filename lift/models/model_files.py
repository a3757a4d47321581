"""The files of a model folder, read without PyTorch: each fault is an InputError that names the file and what to do."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from lift.errors import InputError

INDEX, WEIGHTS = "model.safetensors.index.json", "model.safetensors"
TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"))  # one of these sets is enough
_POINTER = b"version https://git-lfs"


class MissingFileError(InputError):
    """A file that is not there."""


def check_present(path: Path) -> None:
    """Raises InputError where a file is missing, empty or a Git LFS pointer in its place."""
    if not path.is_file():
        gone = "links to a file that is gone" if path.is_symlink() else "does not exist"
        raise MissingFileError(
            f"{path} {gone}: a model folder holds config.json, its tokenizer and all its *.safetensors."
        )
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
    if not start:
        raise InputError(f"{path} is empty: fetch it again.")
    if start == _POINTER:
        raise InputError(f"{path} is a Git LFS pointer, not the file itself: fetch it with `git lfs pull`.")


def read_json(path: Path) -> dict:
    """The keys and values in a JSON file, with or without a byte order mark."""
    check_present(path)
    try:
        found = json.loads(path.read_bytes())  # of bytes, json finds the encoding itself
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read, it is not JSON ({error}): mend it, or fetch it again.") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} cannot be read, it holds no object but a {type(found).__name__}: fetch it again.")
    return found


def weight_names(path: Path) -> list[str]:
    """The names of the weights in a safetensors file, which is found to be whole."""
    check_present(path)
    try:
        with safe_open(path, "np") as file:
            return list(file.keys())
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}. Fetch it again.") from None


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint, from its index where it has one, each found to be whole."""
    index = folder / INDEX
    names = [WEIGHTS]
    if index.is_file() or index.is_symlink():
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) for name in shards.values()):
            raise InputError(f"{index}: weight_map does not name a file for each weight: fetch it again.")
        names = sorted(set(shards.values()))
    files = [folder / name for name in names]
    for path in files:
        weight_names(path)
    return files


def tokenizer_files(folder: Path) -> tuple[str, ...]:
    """The names of the files that hold the tokenizer of a model folder: tokenizer.json, or both files of Qwen2's."""
    present = [names for names in TOKENIZERS if (folder / names[0]).is_file()]
    if not present:
        raise MissingFileError(
            f"{folder}: there is no tokenizer, neither tokenizer.json nor vocab.json with merges.txt."
        )
    for name in present[0]:
        check_present(folder / name)
    return present[0]


def check_whole(folder: Path) -> None:
    """Raises InputError where one of the files that a run reads from a model folder is missing or cut off."""
    read_json(folder / "config.json")
    weight_files(folder)
    tokenizer_files(folder)
    if not (folder / "special_tokens_map.json").is_file():  # where older tokenizers name their end token
        read_json(folder / "tokenizer_config.json")
