"""What would stop an experiment on this machine, found before any job runs."""

import shutil
from pathlib import Path

from lift import registry
from lift.config import configuration
from lift.config.layout import Layout
from lift.data import reachable
from lift.data.benchmarks import describe
from lift.errors import InputError
from lift.machine import device
from lift.models import model_files, quantisation
from lift.plan import planning
from lift.scores import claims, reported

REMEDIES = {  # where memory is short
    "statistics": "lower statistics.batch_size or training.max_length, or set the model's quantisation: nf4",
    "finetune": "set training.activation_checkpointing: true or the model's quantisation: nf4, or lower "
    "training.micro_batch_size or max_length",
    "decode": "lower the batch_size of its decoders, or set the model's quantisation: nf4",
}
CLAIMS, REPORTED = (Path(__file__).parents[2] / "config" / name for name in ("claims.yaml", "reported.csv"))


def faults(
    config: dict, results: Path, *, models: bool = True, code: bool = True, gpus: int | None = None, seconds: float = 8
) -> list[str]:
    """A sentence for each thing that would stop a resolved config, or may; empty where nothing is found.

    results: the folder of this experiment's results; what is there already is not asked for again. models, code:
    whether jobs with a model, and jobs that judge code, will run on this machine; otherwise its GPUs and memory, and
    the sandbox, are not looked at. gpus: how many GPUs its jobs may take together, None for what the largest job takes.
    seconds: how long the network may take to answer. Nothing is run but a one-line program in the sandbox, and nothing
    is fetched.
    """
    found, at, made = [], Layout(results), None
    devices = max(configuration.method_training(config, method)["devices"] for method in config["methods"])
    for read, path in ((claims.read, CLAIMS), (reported.read, REPORTED)):  # which only the last jobs read
        try:
            read(path)
        except (InputError, OSError) as error:
            found.append(str(error))
    try:
        made = planning.plan(config, results, planning.Assumptions(gpus=gpus or devices))
    except InputError as error:
        found.append(str(error))
    if models:
        found += device_faults(config["device"], made, devices)
        found += quantisation.faults(*(entry["quantisation"] for entry in config["models"].values()))
        if config["device"] == "cuda" and gpus is not None and gpus < devices:
            found.append(
                f"training.devices: a run takes {devices} GPUs, but jobs may take {gpus} together; "
                f"say `--resources gpu={devices}`, or more."
            )
    if code:
        found += sandbox_faults(config)
    if made:  # a config.json that cannot be read is named already
        found += model_faults(config, at)
    found += reachable.source_faults(sources(config, at), seconds)
    return found + (disk_faults(made, results) if made else [])


def device_faults(kind: str, made: planning.Plan | None, devices: int = 1) -> list[str]:
    """Whether there are the GPUs that one job takes, if any are asked for, and memory for the largest job of a plan."""
    if kind == "cpu":
        return memory_faults(made, "memory", device.main_memory(), "this machine") if made else []
    if fault := device.shortage(devices) or device.torch_fault():
        return [fault]
    sizes = [size for card, size in device.memory().items() if card in device.visible_gpus()]
    return memory_faults(made, "gpu_memory", min(sizes), "the smallest GPU") if made and sizes else []


def memory_faults(made: planning.Plan, quantity: str, size: int, owner: str) -> list[str]:
    """Of each stage, the part of a plan that needs most, where that does not fit in `size` bytes."""
    found = []
    for stage in dict.fromkeys(part.stage for part in made.parts):
        largest = max((part for part in made.parts if part.stage == stage), key=lambda part: getattr(part, quantity))
        needed = getattr(largest, quantity)
        if needed > size:
            found.append(
                f"Memory: {stage} ({largest.model}, {largest.what}) needs about {needed / 1e9:,.1f} GB by the plan, "
                f"{owner} has {size / 1e9:,.1f}; {REMEDIES.get(stage, 'use a smaller model')}."
            )
    return found


def sandbox_faults(config: dict) -> list[str]:
    """Whether code answers could run, if a benchmark asks for them."""
    entries = config["benchmarks"].values()
    graders = {describe(entry["source"], configuration.benchmark_settings(entry))["grader"] for entry in entries}
    if not any("isolation" in registry.settings("grader").get(grader, {}) for grader in graders):
        return []
    from lift.grade import sandbox  # other experiments do without

    try:
        sandbox.check(config["sandbox"])
    except InputError as error:
        return [str(error)]
    return []


def model_faults(config: dict, at: Layout) -> list[str]:
    """Whether local model folders hold all that a run reads, and what is linked from the hub's cache is there."""
    found = []
    for name, entry in config["models"].items():
        if configuration.hub_model(entry):
            gone = [path for path in at.model(name).glob("*") if path.is_symlink() and not path.exists()]
            found += [
                f"{path} links to a file that is gone: remove {path.parent}, it is made again." for path in gone[:1]
            ]
        elif entry["base"] not in configuration.OWN_BASES:
            try:
                model_files.check_whole(Path(entry["base"]))
            except InputError as error:
                found.append(str(error))
    return found


def sources(config: dict, at: Layout) -> list[tuple[str, str, str]]:
    """What must still be fetched, each once: (kind, name, revision), where kind is model, dataset or url."""
    models = [(entry, at.model(name)) for name, entry in config["models"].items() if configuration.hub_model(entry)]
    found = [("model", entry["base"], entry["revision"]) for entry, folder in models if not folder.exists()]
    data = [(at.corpus(name), configuration.corpus_settings(entry)) for name, entry in config["corpora"].items()]
    data += [(at.problems(n), configuration.benchmark_settings(entry)) for n, entry in config["benchmarks"].items()]
    for path, settings in data:
        if not path.exists():
            found += reachable.to_fetch(settings.get("path", ""), settings.get("revision", "main"))
    return list(dict.fromkeys(found))


def disk_faults(made: planning.Plan, results: Path) -> list[str]:
    """Whether what a plan says is still to come fits on the disks of the results and of the hub's cache."""
    needs, found, disks = {results: made.to_come("results")}, [], {}
    if from_hub := made.to_come("hub"):
        from huggingface_hub import constants

        needs[Path(constants.HF_HUB_CACHE)] = from_hub
    for folder in needs:
        disks.setdefault(existing(folder).stat().st_dev, []).append(folder)
    for folders in disks.values():
        needed, free = sum(needs[folder] for folder in folders), shutil.disk_usage(existing(folders[0])).free
        if needed > free:
            where = " and ".join(map(str, folders))
            found.append(
                f"Disk: about {needed / 1e9:,.1f} GB are still to come in {where}, {free / 1e9:,.1f} are free."
            )
    return found


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())
