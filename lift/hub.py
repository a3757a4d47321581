"""Checkpoints and data sets from the Hugging Face hub, at a pinned revision, through the hub's own cache.

What is in the cache is used without a network. Code is never fetched: weights, tokenizers and data only.
"""

import re
from pathlib import Path

from lift.errors import InputError

_DATA_FILES = (".jsonl", ".json", ".csv", ".parquet", ".gz")
_FILES = {
    "model": ["*.safetensors", "*.json", "merges.txt", "*.jinja"],
    "dataset": ["*.md", "*.json*", "*.parquet", "*.csv", "*.arrow"],
}


def is_hub_id(name: str) -> bool:
    """Whether a name has the form of a hub repository, owner/name, and not of a data file."""
    return bool(re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name)) and not name.endswith(_DATA_FILES)


def model_snapshot(repo: str, revision: str) -> Path:
    """The folder of a model's files. Raises InputError where it cannot be had."""
    return _snapshot(repo, revision, "model")


def data_snapshot(repo: str, revision: str) -> Path:
    """The folder of a data set's files. Raises InputError where it cannot be had."""
    return _snapshot(repo, revision, "dataset")


def _snapshot(repo: str, revision: str, kind: str, cached: bool = False) -> Path:
    from huggingface_hub import snapshot_download  # it takes a second to import

    try:
        folder = snapshot_download(
            repo, revision=revision, repo_type=kind, allow_patterns=_FILES[kind], local_files_only=cached
        )
        return Path(folder)
    except Exception as error:
        raise InputError(_explain(error, repo, revision, kind)) from None


def check_reachable(repo: str, revision: str, kind: str, timeout: float = 10.0) -> str | None:
    """What stands in the way of fetching a repository, in a sentence; None where nothing does or where it is cached."""
    from huggingface_hub import HfApi

    try:
        _snapshot(repo, revision, kind, cached=True)
    except InputError:
        try:
            HfApi().repo_info(repo, revision=revision, repo_type=kind, timeout=timeout)
        except Exception as error:
            return _explain(error, repo, revision, kind)
    return None


def _explain(error: Exception, repo: str, revision: str, kind: str) -> str:
    from huggingface_hub import errors

    what = f"the {kind} {repo} at revision {revision!r}"
    if isinstance(error, errors.GatedRepoError):
        return f"{what} asks for an agreement: accept it on its page, then `hf auth login`."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{what}: the hub has no such revision."
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{what}: the hub has no such repository, or it is private, and there is no such folder here."
    return (
        f"{what} is not in the local cache and the hub cannot be reached ({type(error).__name__}): "
        "run once with a network, or name a local folder or file instead."
    )
