"""LoRA adapters in a model: a fresh one to train, a trained one to decode with or to hand on."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

from lift import checksums, noise
from lift.errors import InputError
from lift.models import checkpoint, model_files
from lift.models.families import FAMILIES
from lift.models.predictor import MaskPredictor

if TYPE_CHECKING:  # it takes a second to import, more with bitsandbytes: only where there is an adapter
    import peft

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
OURS = "transformers"  # folder of an adapter for transformers' own network, which is ours
_PREFIX = "base_model.model."  # PEFT's, before the name of a weight


def attach(
    model: MaskPredictor, lora: dict, seed: int, source: tuple[str | None, str | None] = (None, None)
) -> "peft.PeftModel":
    """Put a fresh LoRA adapter into the model's network, which is frozen.

    source: hub id and commit of the model, which the adapter's config names for others.
    """
    import peft

    torch.manual_seed(noise.key(seed, "adapter"))
    config = peft.LoraConfig(
        r=lora["r"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=lora["target_modules"],
        task_type="CAUSAL_LM",
    )
    adapted = peft.get_peft_model(model.network, config)
    written = adapted.peft_config["default"]
    written.base_model_name_or_path, written.revision = source  # PEFT puts the network's own name there, which has none
    written.target_modules = sorted(written.target_modules)  # a set would be written in another order every time
    return adapted


def load_trained(
    base: Path,
    run: Path | None,
    device: str,
    dtype: torch.dtype = torch.float32,
    family: str | None = None,
    quantisation: str | None = None,
) -> MaskPredictor:
    """A base model, with the adapter of a folder in it or with the folder's own weights, for inference.

    The folder is a run's, or one to share, whose adapter may have the published names. In fp32 the adapter is merged,
    which is faster. In bfloat16 it stays apart, as it was trained: rounding the sum with the base to bfloat16 would
    lose most of a small update, rounding the adapter itself loses little of it. So it does beside matrices of 4 bits.
    Raises InputError for an adapter that is broken or made for another network. family, quantisation: as of
    checkpoint.load.
    """
    if run is not None:
        checksums.check(run)
    if run is None or not (run / CONFIG).is_file():
        return checkpoint.load(run or base, device, dtype, family, quantisation)
    import peft

    model = checkpoint.load(base, device, dtype, family, quantisation)
    renames = FAMILIES[checkpoint.family_of(base, family)].renames
    model_files.read_json(run / CONFIG)
    model_files.weight_names(run / WEIGHTS)
    try:
        config = _with_our_layers(peft.PeftConfig.from_pretrained(str(run)), renames)
        adapted = peft.PeftModel(model.network, config, autocast_adapter_dtype=False)
        weights = load_file(run / WEIGHTS, device=device)
        weights = {_renamed(name, renames): weight for name, weight in weights.items()}
        peft.set_peft_model_state_dict(adapted, weights)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # PEFT raises anything
        what = f"do not fit {base} ({type(error).__name__}: {error})"
        raise InputError(f"{run / CONFIG} and its weights {what}.") from None
    # PEFT leaves what it does not find as it began, which does nothing
    missing = sorted(peft.get_peft_model_state_dict(adapted, save_embedding_layers=False).keys() - weights.keys())
    if missing:
        what = f"{len(missing)} weights of the adapter are missing, the first is {missing[0]!r}"
        raise InputError(f"{run / WEIGHTS}: {what}.")
    model.network = adapted.merge_and_unload() if dtype == torch.float32 else adapted.base_model.model
    return model.eval()


# --- published names


def _layers(renames: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Our name of each layer of a block, such as down_proj, by its published one."""
    pairs = [[name.removesuffix(".{rest}").rpartition(".")[2] for name in pair] for pair in renames if "{i}" in pair[0]]
    return dict(pairs)


def _ends(renames: tuple[tuple[str, str], ...]) -> list[str]:
    """The published names of what is outside of the blocks."""
    return [theirs.removesuffix(".{rest}") for theirs, _ in renames if "{i}" not in theirs]


def _renamed(name: str, templates: Iterable[tuple[str, str]]) -> str:
    """The name of an adapter's weight by these templates; as it is where none fits."""
    own = name.removeprefix(_PREFIX)
    translated = checkpoint.translate(own, templates)
    return _PREFIX + translated if translated else name


def _with_our_layers(config: "peft.PeftConfig", renames: tuple[tuple[str, str], ...]) -> "peft.PeftConfig":
    """The config of an adapter under published names, changed to ours; one under ours stays as it is."""
    if isinstance(config.target_modules, set):
        config.target_modules = {_layers(renames).get(name, name) for name in config.target_modules}
    if isinstance(config.exclude_modules, set):
        config.exclude_modules = config.exclude_modules.difference(_ends(renames)) or None
    return config


def share(run: Path, family_name: str, folder: Path, source: tuple[str | None, str | None]) -> None:
    """Write a run's adapter for others: the published names in the folder, and ours in folder/OURS where they differ.

    So the folder's own adapter is what its config says, one of the published base model, and PEFT attaches it to the
    network of the owner's code without a word more. source: hub id and commit of that model.
    """
    renames = FAMILIES[family_name].renames
    config, weights = model_files.read_json(run / CONFIG), load_file(run / WEIGHTS)
    config |= {"base_model_name_or_path": source[0], "revision": source[1]}
    # as a task of PEFT's it would need methods that Dream's class does not have
    published = config | {"task_type": None}
    if layers := _layers(renames):
        _write(folder / OURS, config, weights)
        theirs = {ours: theirs for theirs, ours in layers.items()}
        targets = [theirs[name] for name in config["target_modules"]]
        # the head of LLaDA has the name of a layer in its blocks
        ends = [name for name in _ends(renames) if name.rpartition(".")[2] in targets]
        published |= {"target_modules": targets, "exclude_modules": ends or None}
        back = checkpoint.published_names(family_name)
        weights = {_renamed(name, back): weight for name, weight in weights.items()}
    _write(folder, published, weights)


def _write(folder: Path, config: dict, weights: dict[str, torch.Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config["target_modules"] = sorted(config["target_modules"])
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
