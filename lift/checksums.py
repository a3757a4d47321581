"""What a stage wrote, kept as sizes and SHA-256: what is read later is known to be that, or is named.

Below a root, such as the folder of an experiment, the record of a job lies in .checksums, by the path of the first file
or folder that the job wrote. It is written last, in one step.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lift.errors import InputError
from lift.provenance import checksum, hub_checksum, read_checksum

FOLDER = ".checksums"


class Fault(NamedTuple):
    """A file that is not what a record says. what: how it differs, as the end of a sentence."""

    path: Path
    what: str
    record: Path


def record_file(root: Path, written: Path) -> Path:
    """Where the record of the job lies that wrote a file or folder first."""
    return root / FOLDER / f"{written.relative_to(root)}.json"


def files_in(folder: Path) -> list[Path]:
    """All files in a folder but hidden ones, such as Snakemake's."""
    found = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(path for path in found if not any(part[0] == "." for part in path.relative_to(folder).parts))


def record(root: Path, written: list[Path]) -> None:
    """Write down size and SHA-256 of files, and of all files in folders, below a root.

    Of a link into the hub's cache, whose names say what a file should be, also the time of its last change: while that
    stays, `check` does not read it again. Raises InputError where such a file is not what its name says.
    """
    entries = {}
    for path in (path for one in written for path in (files_in(one) if one.is_dir() else [one])):
        facts, known = path.stat(), hub_checksum(path)
        entry = {"size": facts.st_size, "sha256": checksum(path)}
        if known:
            if known != entry["sha256"]:
                said = "is not what its name in the hub's cache says: remove it there, and it is fetched again"
                raise InputError(f"{path.resolve()} {said}.")
            entry["modified"] = facts.st_mtime_ns
        entries[str(path.relative_to(root))] = entry
    target = record_file(root, written[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    partial.write_text(json.dumps(entries, indent=1) + "\n")
    partial.replace(target)


def _read(path: Path) -> dict[str, dict]:
    try:
        entries = json.loads(path.read_text())
        return {name: {"size": entry["size"], "sha256": entry["sha256"]} | entry for name, entry in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(f"{path} is no record of what was written: remove it.") from None


def recorded(root: Path, record: Path) -> set[Path]:
    """The files that a record of this root names."""
    return {root / name for name in _read(record)}


def _difference(path: Path, entry: dict, thorough: bool) -> str:
    """How a file differs from its entry in a record; "" where it does not. thorough: read it in any case."""
    if not path.is_file():
        return "is missing"
    facts = path.stat()
    if facts.st_size != entry["size"]:
        return f"has {facts.st_size:,} bytes, not the {entry['size']:,} that were written"
    if not thorough and entry.get("modified") == facts.st_mtime_ns:
        return ""
    read = read_checksum if thorough else checksum
    return "" if read(path) == entry["sha256"] else "has other content than was written"


def differences(root: Path, record: Path, below: Path | None = None, thorough: bool = False) -> Iterator[Fault]:
    """What is not as a record of this root says. below: only in this folder."""
    for name, entry in _read(record).items():
        path = root / name
        if (below is None or path.is_relative_to(below)) and (what := _difference(path, entry, thorough)):
            yield Fault(path, what, record)


def record_of(folder: Path) -> tuple[Path, Path] | None:
    """The root and the record of a folder; None where none was written, as of a user's own model."""
    folder = folder.absolute()
    root = next((parent for parent in folder.parents if (parent / FOLDER).is_dir()), None)
    if root:
        for place in (folder, *folder.parents):
            if place != root and place.is_relative_to(root) and (path := record_file(root, place)).is_file():
                return root, path
    return None


def fault(folder: Path) -> Fault | None:
    """The first file of a folder that is not what its record says; None also where there is no record."""
    found = record_of(folder)
    return next(differences(*found, below=folder.absolute()), None) if found else None


def check(folder: Path, remove: Path | None = None) -> None:
    """Raises InputError where a file of a folder is not what its record says.

    remove: what to remove in order to begin anew, if not the folder.
    """
    if found := fault(folder):
        path, what, record = found
        again = f"remove {remove or folder} to have it made again"
        raise InputError(f"{path} {what}: {again}, or {record} to use it as it is.")
