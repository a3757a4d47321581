"""Rows of published data, as they are written: from a local file or folder, a URL, or a data set on the hub.

JSON and CSV are read here, and every number and cell stays the text that stands in the file. The `datasets` library
would take dates for time stamps, 007 for 7 and the word NA for nothing. It reads Parquet, by the types declared there.
"""

import contextlib
import csv
import dataclasses
import gzip
import hashlib
import io
import json
import math
import os
import re
import shutil
import sys
import tempfile
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from lift.data import hub
from lift.errors import InputError

_FORMATS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
_SPACE = re.compile(r"[ \t\r\n]*")  # of JSON


class Row(dict):
    """A row by its fields. place: its file, row from 0 and, of a text file, line from 1, for messages."""

    def __init__(self, fields: dict, path: str, number: int, line: int | None = None):
        super().__init__(fields)
        self.place = f"{path}, line {line} (row {number})" if line else f"{path}, row {number}"

    def needs(self, field: str) -> object:
        """The value of a field. InputError where it is not there or null."""
        if self.get(field) is None:
            has = ", ".join(name for name, value in self.items() if value is not None)
            found = f"the field {field!r} is null" if field in self else f"there is no field {field!r}; it has {has}"
            raise InputError(f"{self.place}: {found}.")
        return self[field]

    def text(self, field: str, *, empty: bool = False, first: bool = False) -> str:
        """The text of a field, a number as it is written. empty: whether it may be blank. first: whether the field may
        be a list, whose first value counts. InputError that names the row, for anything else.
        """
        value = self.needs(field)
        if first and isinstance(value, list):
            value = value[0] if value else ""
        if (type(value) in (int, float, Decimal) and math.isfinite(value)) or type(value) is date:  # of Parquet
            value = str(value)
        if not isinstance(value, str):
            found = {list: "a list", dict: "an object"}.get(type(value), f"{value!r:.80}")
            raise InputError(f"{self.place}: the field {field!r} must be a text or a number, not {found}.")
        if not (empty or value.strip()):
            raise InputError(f"{self.place}: the field {field!r} is empty.")
        if re.search("[\ud800-\udfff]", value):
            raise InputError(f"{self.place}: the field {field!r} holds half a character, a lone \\ud800 to \\udfff.")
        return value


def read_rows(
    path: str, *, fields: list[str], rows: int = 0, revision: str = "main", subset: str = "", split: str = "train"
) -> list[Row]:
    """The rows of a file (.jsonl, .json, .csv, .parquet, also as .gz), of a URL of one, or of a hub data set.

    fields: columns that must be there. rows: how many rows there must be, 0 for any. revision, subset, split: of a hub
    data set or a folder. Raises InputError that names the file and the row and line, the field or the count.
    """
    if not path:
        raise InputError("`path` is empty; it must name a file, a folder or a hub data set.")
    with tempfile.TemporaryDirectory() as cache:  # what is kept is the hub's own cache, not a second one beside it
        try:
            if Path(path).is_file() or path.startswith(("http://", "https://")):
                kind = _format(path)
                file = Path(path) if Path(path).is_file() else _download(path, Path(cache))
                found = list(_file_rows(file, path, kind, fields, Path(cache)))
            elif Path(path).is_dir() or hub.is_hub_id(path):
                folder = Path(path) if Path(path).exists() else hub.snapshot(path, revision, "dataset")
                found = _folder_rows(folder, path, fields, subset, split, Path(cache))
            else:
                raise InputError(f"{path}: there is no such file, and it is no hub data set (owner/name).")
        except InputError:
            raise
        except Exception as error:
            while error.__cause__:  # `datasets` says only that something went wrong
                error = error.__cause__
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path} cannot be read: {reason.replace(f'{cache}/folder', path)}") from None
    if not found:
        raise InputError(f"{path} has no rows.")
    if rows and len(found) != rows:
        hint = f"if that is meant, set `rows: {len(found)}`, or `rows: 0` for any number."
        raise InputError(f"{path} has {len(found)} rows, {rows} were expected; {hint}")
    for row in found:
        for field in fields:
            row.needs(field)
    return found


def read_text(file: Path, path: str = "") -> str:
    """The text of a file in UTF-8, with or without a byte order mark, also packed by gzip.

    path: what messages call it. InputError that says why it cannot be read.
    """
    content = _content(file, path or str(file))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path or file} cannot be read: line {line} is no UTF-8; save the file as UTF-8.") from None


def json_values(text: str, path: str) -> Iterator[tuple[int, object]]:
    """The line and the value of every JSON value in a text, one a line or otherwise, or in a list.

    Numbers come as the texts that are written. InputError that names the line of what is no JSON.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)
    line, end, listed = 1, 0, False
    while (start := _SPACE.match(text, end).end()) < len(text):
        line += text.count("\n", end, start)
        if text[start] == ("]" if listed else "["):
            end, listed = start + 1, not listed
        elif listed and text[start] == ",":
            end = start + 1
        else:
            try:
                value, end = decoder.raw_decode(text, start)
            except (ValueError, RecursionError) as error:
                line, reason = getattr(error, "lineno", line), getattr(error, "msg", error)
                raise InputError(f"{path} cannot be read: line {line} is no JSON: {reason}.") from None
            yield line, value
            line += text.count("\n", start, end)
    if listed:
        raise InputError(f"{path} cannot be read: it ends at line {line}, within its list.")


def _once(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        name = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise ValueError(f"the field {name!r} stands twice in an object")
    return found


def _csv_rows(text: str, path: str, fields: list[str], delimiter: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The line and the cells of every row, all of them text; empty lines are passed over."""
    csv.field_size_limit(sys.maxsize)  # 128 kB otherwise
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    header, line = None, 1
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not cells:
                continue
            if header:
                if len(cells) > len(header):
                    found = f"{len(cells)} cells, but only {len(header)} columns have names"
                    raise InputError(f"{path}, line {start}: there are {found}.")
                yield start, dict(zip(header, cells, strict=False))
                continue
            header = cells
            if len(header) == 1 and header[0] not in fields and re.search("[;\t|]", header[0]):
                raise InputError(f"{path}, line {start}: the columns must be separated by {delimiter!r}.")
            if twice := [name for name in fields if header.count(name) > 1]:
                raise InputError(f"{path}, line {start}: more than one column is named {twice[0]!r}.")
    except csv.Error as error:
        raise InputError(f"{path} cannot be read: line {line} is no CSV: {error}.") from None


def _file_rows(file: Path, path: str, kind: str, fields: list[str], cache: Path, delimiter: str = ",") -> Iterator[Row]:
    """The rows of one file. path: what messages call it."""
    if kind == "parquet":
        from datasets import disable_progress_bars, load_dataset  # it takes seconds to import

        disable_progress_bars()
        plain = cache / "rows.parquet"  # a name of the user's could be taken for a pattern
        plain.write_bytes(_content(file, path))
        table = load_dataset(kind, data_files=str(plain), split="train", cache_dir=str(cache))
        yield from (Row(row, path, number) for number, row in enumerate(table.to_list()))
        return
    text = read_text(file, path)
    found = json_values(text, path) if kind == "json" else _csv_rows(text, path, fields, delimiter)
    for number, (line, value) in enumerate(found):
        if not isinstance(value, dict):
            raise InputError(f"{path}, line {line} (row {number}) is no JSON object.")
        yield Row(value, path, number, line)


def _folder_rows(folder: Path, path: str, fields: list[str], subset: str, split: str, cache: Path) -> list[Row]:
    """The rows of a folder laid out as on the hub; `datasets` knows which files make a subset and a split."""
    from datasets import ReadInstruction, disable_progress_bars, load_dataset, load_dataset_builder

    disable_progress_bars()
    linked = cache / "folder"  # under a name that cannot be taken for a pattern
    shutil.copytree(folder.resolve(), linked, copy_function=os.symlink)
    builder = load_dataset_builder(str(linked), subset or None, cache_dir=str(cache))
    if not _is_plain_text(builder):
        table = load_dataset(str(linked), subset or None, split=split, cache_dir=str(cache))
        return [Row(row, path, number) for number, row in enumerate(table.to_list())]
    delimiter = getattr(builder.config, "sep", ",")
    splits = {}
    for name, files in builder.config.data_files.items():
        splits[str(name)] = found = []
        for file in files:
            place = f"{path}/{Path(file).relative_to(linked)}"
            found += _file_rows(Path(file), place, _format(file), fields, cache, delimiter)
    spec = "+".join(splits) if split == "all" else split
    parts = ReadInstruction.from_spec(spec).to_absolute({name: len(found) for name, found in splits.items()})
    return [row for part in parts for row in splits[part.splitname][part.from_ : part.to]]


def _is_plain_text(builder) -> bool:
    """Whether the files of a folder are JSON or CSV, without options of its card that are not known here."""
    files = [Path(file.removesuffix(".gz")) for found in builder.config.data_files.values() for file in found]
    known = ("name", "version", "data_dir", "data_files", "description", "features", "sep", "delimiter")
    same = {name: getattr(builder.config, name) for name in known if hasattr(builder.config, name)}
    usual = dataclasses.replace(type(builder.config)(), **same)
    return builder.name in ("json", "csv") and usual == builder.config and all(f.suffix in _FORMATS for f in files)


def _content(file: Path, path: str) -> bytes:
    """The bytes of a file, unpacked where they, or its name, are gzip's. InputError where there are none to be had."""
    try:
        content = file.read_bytes()
        if content.startswith(b"\x1f\x8b") or file.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if not content.strip():
        raise InputError(f"{path} cannot be read: it is empty.")
    if content.startswith(b"version https://git-lfs"):
        raise InputError(f"{path} cannot be read: it is Git LFS's note in place of the file; `git lfs pull` gets it.")
    return content


def _download(url: str, folder: Path) -> Path:
    """The file of a URL, in a folder, under its own name."""
    file = folder / _name(url)
    with urllib.request.urlopen(url, timeout=60) as response, open(file, "wb") as output:
        shutil.copyfileobj(response, output)
        expected = response.headers["Content-Length"]
    if expected and file.stat().st_size < int(expected):
        raise InputError(f"{url} cannot be read: only {file.stat().st_size} of its {expected} bytes came.")
    return file


def _name(path: str) -> str:
    """The name of the file of a path or URL."""
    if not path.startswith(("http://", "https://")):
        return Path(path).name
    return Path(urllib.parse.unquote(urllib.parse.urlsplit(path).path)).name


def _format(path: str) -> str:
    suffix = Path(_name(path).removesuffix(".gz")).suffix
    if suffix not in _FORMATS:
        raise InputError(f"{path}: files of kind {suffix or 'unknown'} are not read; known are {', '.join(_FORMATS)}.")
    return _FORMATS[suffix]


@contextlib.contextmanager
def row_errors(row: Row):
    """Turns a mistake in the content of a row, a ValueError, into an InputError that names it."""
    try:
        yield
    except ValueError as error:
        raise InputError(f"{row.place}: {error}.") from None


def facts(source: str, settings: dict, prompt: Path | None, output: Path, count: int) -> dict:
    """Where prepared data comes from: its source and settings, the commit of a hub data set, checksums.

    prompt: the file of the user turn, None where the source writes its own. output: the prepared file.
    """
    path = settings.get("path", "")
    result = {"source": source, "settings": settings, "count": count, "sha256": _sha256(output)}
    if Path(path).is_file():
        result["data_sha256"] = _sha256(Path(path))
    elif hub.is_hub_id(path) and not Path(path).exists():
        result["commit"] = hub.snapshot(path, settings.get("revision", "main"), "dataset").name
    if prompt is not None:
        result |= {"prompt": prompt.name, "prompt_sha256": _sha256(prompt), "own_prompt": bool(settings.get("prompt"))}
    return result


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
