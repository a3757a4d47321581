"""What others need beside the weights of a checkpoint: its config and tokenizer, and where the owner's code lies.

transformers finds the code that LLaDA and Dream are published with by `auto_map`. In a published folder it names files
beside it; in a folder of ours it has to name the owner's repository, in the form owner/name--file.Class, since code is
never fetched here. Whether that code runs is up to whoever loads the checkpoint.
"""

import json
import shutil
from pathlib import Path

from lift.models.model_files import read_json
from lift.models.snapshot import SOURCE

_OF_THE_BASE = (SOURCE, "run.json", "README.md")  # which would be false of what was trained from it


def copy_beside_weights(base: Path, folder: Path, dtype: str, owner: str | None) -> None:
    """Copy all that lies beside a base model's weights and holds for a model that was trained from it.

    dtype: of the new weights. owner: hub id of the base, whose code `auto_map` is to name; without one it stays as it
    is, and code beside the base is copied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(base.iterdir()):
        code = path.suffix == ".py" and owner
        if path.is_file() and "safetensors" not in path.name and path.name not in _OF_THE_BASE and not code:
            shutil.copyfile(path, folder / path.name)
    _change(folder / "config.json", owner, dtype)
    tokenizer = folder / "tokenizer_config.json"
    if owner and tokenizer.is_file():  # which may ask for code, too
        _change(tokenizer, owner, None)


def missing_code(folder: Path) -> list[str]:
    """The files of code that config.json names, in no repository, and that do not lie beside it."""
    named = _code(read_json(folder / "config.json")).values()
    files = {f"{name.partition('.')[0]}.py" for name in named if isinstance(name, str) and "--" not in name}
    return sorted(name for name in files if not (folder / name).is_file())


def _code(config: dict) -> dict:
    """The classes that a config names, by those of transformers that load them."""
    return config["auto_map"] if isinstance(config.get("auto_map"), dict) else {}


def _change(path: Path, owner: str | None, dtype: str | None) -> None:
    found = read_json(path)
    changed = dict(found)
    if owner and (code := _code(found)):
        changed["auto_map"] = {name: _at(owner, reference) for name, reference in code.items()}
    changed |= {key: dtype for key in ("dtype", "torch_dtype") if dtype and key in found}
    if changed != found:
        path.write_text(json.dumps(changed, indent=2, ensure_ascii=False) + "\n")


def _at(owner: str, reference: object) -> object:
    """A reference to a class, or a list of them, with the owner's repository where it names none."""
    if isinstance(reference, list):
        return [_at(owner, part) for part in reference]
    return f"{owner}--{reference}" if isinstance(reference, str) and "--" not in reference else reference
