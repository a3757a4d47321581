"""A small experiment in a folder, for tests that call a stage by its command line."""

import os
import shutil
from pathlib import Path

import yaml

from lift.config.experiment import Experiment
from tests.conftest import ROOT

HERE = {**os.environ, "PYTHONPATH": str(ROOT)}  # for a command that runs in another folder
TRAINING = {"corpus": "c", "epochs": 1, "batch_size": 2, "micro_batch_size": 1, "learning_rate": 1e-3, "max_length": 32}
TRAINING |= {"weight_decay": 0.1, "max_grad_norm": 1.0, "warmup_steps": 0, "eval_steps": 2, "checkpoint": "best"}
TRAINING |= {"padding": "batch", "score_padding": False, "lora": None}


def write_config(folder: Path, model: Path | str = "shipped", **changes: object) -> tuple[Path, Experiment]:
    """A config file with model `m`, corpus `c` and method `lift`, and its experiment.

    Its results lie in folder/results/tiny, for a command that runs in the folder. A folder with a model without a
    tokenizer is copied, and given an empty one.
    """
    base = model
    if isinstance(model, Path):
        base = folder / "model"
        shutil.copytree(model, base, dirs_exist_ok=True)
        (base / "tokenizer_config.json").touch()
    config = {
        "experiment": "tiny",
        "seeds": [0],
        "models": {"m": {"base": str(base), "family": "llada"}},
        "corpora": {"c": {"source": "mini-traces", "size": 60, "held_out": 6}},
        "statistics": {"corpus": "c", "levels": [0.5]},
        "training": TRAINING,
        "methods": {"lift": {"objective": "lift"}},
        "decoders": {"greedy": {"gen_length": 32, "block_length": 16, "steps": 4}},
        "benchmarks": {"mini-gsm": {"decoder": "greedy", "size": 4}},
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(config | changes, sort_keys=False))
    experiment = Experiment.read(path)
    experiment.layout = type(experiment.layout)(folder / experiment.layout.folder)
    return path, experiment
