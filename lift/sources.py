"""Rows of published data: from a local file, a URL, or a data set on the hub, by the `datasets` library."""

import contextlib
import hashlib
import shutil
import tempfile
import urllib.request
from pathlib import Path

from lift import hub
from lift.errors import InputError

_FORMATS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}


def read_rows(
    path: str, *, fields: list[str], rows: int = 0, revision: str = "main", subset: str = "", split: str = "train"
) -> list[dict]:
    """The rows of a file (.jsonl, .json, .csv, .parquet, also as .gz), of a URL of one, or of a hub data set.

    fields: columns that must be there. rows: how many rows there must be, 0 for any. revision, subset, split: of a hub
    data set. Raises InputError that names the file, the field or the count.
    """
    from datasets import disable_progress_bars, load_dataset  # it takes seconds to import

    disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:  # what is kept is the hub's own cache, not a second one beside it
        try:
            if Path(path).is_file() or path.startswith(("http://", "https://")):
                file = path if Path(path).is_file() else _download(path, Path(cache))
                table = load_dataset(_format(path), data_files=str(file), split="train", cache_dir=cache)
            elif hub.is_hub_id(path) and not Path(path).exists():
                folder = hub.data_snapshot(path, revision)
                table = load_dataset(str(folder), subset or None, split=split, cache_dir=cache)
            elif Path(path).is_dir():
                table = load_dataset(path, subset or None, split=split, cache_dir=cache)
            else:
                raise InputError(f"{path}: there is no such file, and it is no hub data set (owner/name).")
            found = table.to_list()
        except InputError:
            raise
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path} cannot be read: {reason}") from None
    return _checked(found, path, fields, rows)


def _download(url: str, folder: Path) -> Path:
    """The file of a URL, in a folder, under its own name."""
    file = folder / url.rpartition("/")[2]
    with urllib.request.urlopen(url, timeout=60) as response, open(file, "wb") as output:
        shutil.copyfileobj(response, output)
    return file


def _format(path: str) -> str:
    suffix = Path(path.removesuffix(".gz")).suffix
    if suffix not in _FORMATS:
        raise InputError(f"{path}: files of kind {suffix or 'unknown'} are not read; known are {', '.join(_FORMATS)}.")
    return _FORMATS[suffix]


def _checked(found: list[dict], path: str, fields: list[str], rows: int) -> list[dict]:
    if rows and len(found) != rows:
        hint = f"if that is meant, set `rows: {len(found)}`, or `rows: 0` for any number."
        raise InputError(f"{path} has {len(found)} rows, {rows} were expected; {hint}")
    for number, row in enumerate(found):
        for field in fields:
            if row.get(field) is None:
                has = ", ".join(name for name, value in row.items() if value is not None)
                raise InputError(f"{path}, row {number}: there is no field {field!r}; it has {has}.")
    return found


def first(value: object) -> str:
    """The text of a field that some data sets give as a list of one or more."""
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value)


@contextlib.contextmanager
def row_errors(path: str, number: int):
    """Turns a mistake in the content of a row into an InputError that names it."""
    try:
        yield
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{path}, row {number}: {type(error).__name__}: {error}") from None


def facts(source: str, settings: dict, prompt: Path | None, output: Path, count: int) -> dict:
    """Where prepared data comes from: its source and settings, the commit of a hub data set, checksums.

    prompt: the file of the user turn, None where the source writes its own. output: the prepared file.
    """
    path = settings.get("path", "")
    result = {"source": source, "settings": settings, "count": count, "sha256": _sha256(output)}
    if Path(path).is_file():
        result["data_sha256"] = _sha256(Path(path))
    elif hub.is_hub_id(path) and not Path(path).exists():
        result["commit"] = hub.data_snapshot(path, settings.get("revision", "main")).name
    if prompt is not None:
        result |= {"prompt": prompt.name, "prompt_sha256": _sha256(prompt), "own_prompt": bool(settings["prompt"])}
    return result


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
