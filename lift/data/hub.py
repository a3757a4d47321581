"""Checkpoints and data sets from the Hugging Face hub, at a pinned revision, through the hub's own cache.

What is in the cache is used without a network. Code is never fetched: weights, tokenizers and data only.
"""

import re
from pathlib import Path

from lift.errors import InputError
from lift.models import model_files

_DATA_FILES = (".jsonl", ".json", ".csv", ".parquet", ".gz")
_FILES = {
    "model": ["*.safetensors", "*.json", "merges.txt", "*.jinja"],
    "dataset": ["*.md", "*.json*", "*.parquet", "*.csv", "*.arrow"],
}


def is_hub_id(name: str) -> bool:
    """Whether a name has the form of a hub repository, owner/name, and not of a data file."""
    return bool(re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name)) and not name.endswith(_DATA_FILES)


def cached_model(repo: str, revision: str) -> Path | None:
    """The folder of a model in the local cache, if its config.json is there; no network is asked."""
    from huggingface_hub import try_to_load_from_cache  # local models do without

    found = try_to_load_from_cache(repo, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def snapshot(repo: str, revision: str, kind: str) -> Path:
    """The folder of a repository's files; kind is model or dataset. Raises InputError where it cannot be had."""
    try:
        return _download(repo, revision, kind)
    except Exception as error:
        raise InputError(_explain(error, repo, revision, kind)) from None


def _download(repo: str, revision: str, kind: str, cached: bool = False) -> Path:
    from huggingface_hub import snapshot_download  # it takes a second to import

    return Path(
        snapshot_download(repo, revision=revision, repo_type=kind, allow_patterns=_FILES[kind], local_files_only=cached)
    )


def check_reachable(repo: str, revision: str, kind: str, timeout: float = 10.0) -> str | None:
    """What stands in the way of having a repository's files, in a sentence; None where nothing does.

    It does not where all that a run reads is cached, or where the hub can be asked for what is missing.
    """
    from huggingface_hub import HfApi, errors

    missing = ""
    try:
        check = model_files.check_whole if kind == "model" else _check_data
        check(_download(repo, revision, kind, cached=True))
        return None
    except (model_files.MissingFileError, errors.IncompleteSnapshotError) as error:
        missing = str(error).partition(" Outgoing traffic")[0]
    except InputError as error:  # what is there in a wrong state is not fetched again
        return f"the {kind} {repo} in the local cache: {error} Delete it there first."
    except Exception:  # not cached
        pass
    try:
        HfApi().repo_info(repo, revision=revision, repo_type=kind, timeout=timeout)
    except Exception as error:
        return _explain(error, repo, revision, kind, missing)
    return None


def _check_data(folder: Path) -> None:
    """Raises MissingFileError where a snapshot of a data set has no data, or links to what is gone."""
    paths = [path for path in folder.rglob("*") if path.suffix != ".md" and not path.is_dir()]
    if not paths:
        raise model_files.MissingFileError(f"{folder} holds no data file.")
    for path in paths:
        if not path.is_file():
            raise model_files.MissingFileError(f"{path} links to a file that is gone.")


def _explain(error: Exception, repo: str, revision: str, kind: str, missing: str = "") -> str:
    """A sentence for an error of the hub's library. missing: what a snapshot in the cache lacks."""
    from huggingface_hub import errors

    what = f"the {kind} {repo} at revision {revision!r}"
    if isinstance(error, PermissionError):
        return (
            f"{what}: you may not write {error.filename or 'to the cache'}; let the owner of the cache fetch it, by "
            "`snakemake data models`, or set HF_HOME to a folder of your own."
        )
    if isinstance(error, errors.GatedRepoError):
        return f"{what} asks for an agreement: accept it on its page, then `hf auth login`."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{what}: the hub has no such revision."
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{what}: the hub has no such repository, or it is private, and there is no such folder here."
    if isinstance(error, errors.IncompleteSnapshotError):
        missing = str(error)
    if missing:
        return (
            f"{what} is not whole in the local cache, and the hub is out of reach ({type(error).__name__}): {missing} "
            "Run once with a network, or name a local folder instead."
        )
    return (
        f"{what} is not in the local cache and the hub cannot be reached ({type(error).__name__}): "
        "run once with a network, or name a local folder or file instead."
    )
