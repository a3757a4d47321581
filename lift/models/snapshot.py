"""Checkpoints of the hub, which stay in its cache and are linked from where they are used."""

import json
import os
from pathlib import Path

from lift.models.checkpoint import family_of
from lift.models.model_files import weight_files
from lift.models.tokenization import load_tokenizer


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
    (output / "source.json").write_text(json.dumps(source, indent=2) + "\n")
