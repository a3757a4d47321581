"""Checkpoints of the hub, which stay in its cache and are linked from where they are used."""

import json
import os
from pathlib import Path

from lift.models.checkpoint import family_of
from lift.models.model_files import read_json, weight_files
from lift.models.tokenization import load_tokenizer

SOURCE = "source.json"  # beside the links, says where they come from


def source_of(folder: Path) -> tuple[str | None, str | None]:
    """The hub id and commit of a base model's folder; None and None where it is not known to come from a hub."""
    if not (folder / SOURCE).is_file():
        return None, None
    source = read_json(folder / SOURCE)
    return source["repository"].removeprefix("models--").replace("--", "/"), source["snapshot"]


def link_snapshot(snapshot: Path, family: str, output: Path) -> None:
    """Links to the files of a hub snapshot, once it is found to be a checkpoint of the family that can be read."""
    family_of(snapshot, family)
    weight_files(snapshot)
    load_tokenizer(snapshot, family)
    output.mkdir(parents=True, exist_ok=True)
    for path in snapshot.iterdir():
        if path.is_file():
            (output / path.name).unlink(missing_ok=True)
            # one step only: what the repository's own blob links to may have no name that tells its content
            target = path.parent / os.readlink(path) if path.is_symlink() else path
            (output / path.name).symlink_to(os.path.abspath(target))
    source = {"snapshot": snapshot.name, "repository": snapshot.parent.parent.name}
    (output / SOURCE).write_text(json.dumps(source, indent=2) + "\n")
