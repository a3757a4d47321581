"""What would stop an experiment on this machine, found before any job runs."""

import http.client
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lift import registry
from lift.config import configuration
from lift.data import hub
from lift.data.benchmarks import describe
from lift.errors import InputError
from lift.machine import device
from lift.models import model_files
from lift.plan import planning
from lift.scores import claims, reported

CLAIMS, REPORTED = (planning.ROOT / "config" / name for name in ("claims.yaml", "reported.csv"))
_NO_ANSWER = "no answer"
_UNREACHABLE = "cannot be reached"  # in what lift.data.hub.check_reachable says where the network is at fault


def faults(
    config: dict,
    results: Path,
    *,
    models: bool = True,
    code: bool = True,
    gpus: int | None = None,
    seconds: float = 8.0,
) -> list[str]:
    """A sentence for each thing that would stop a resolved config, or may; empty where nothing is found.

    results: the folder of this experiment's results; what is there already is not asked for again. models, code:
    whether jobs with a model, and jobs that judge code, will run on this machine; otherwise its GPUs and memory, and
    the sandbox, are not looked at. gpus: how many GPUs its jobs may take together, None for what the largest job takes.
    seconds: how long the network may take to answer. Nothing is run but a one-line program in the sandbox, and nothing
    is fetched.
    """
    found, devices = results_faults(), most_devices(config)
    try:
        made = planning.plan(config, results, planning.Assumptions(gpus=gpus or devices))
    except InputError as error:
        made = None
        found.append(str(error))
    if models:
        found += device_faults(config["device"], made, devices)
        if config["device"] == "cuda" and gpus is not None and gpus < devices:
            found.append(
                f"training.devices: a run takes {devices} GPUs, but jobs may take {gpus} together; "
                f"say `--resources gpu={devices}`, or more."
            )
    if code:
        found += sandbox_faults(config)
    if made:  # a config.json that cannot be read is named already
        found += model_faults(config, results)
    found += source_faults(config, results, seconds)
    return found + (disk_faults(made, results) if made else [])


def results_faults() -> list[str]:
    """What is wrong in the files that only the last jobs read: claims and published numbers."""
    found = []
    for read, path in ((claims.read, CLAIMS), (reported.read, REPORTED)):
        try:
            read(path)
        except (InputError, OSError) as error:
            found.append(str(error))
    return found


def most_devices(config: dict) -> int:
    """Devices of the run that takes most."""
    return max(configuration.method_training(config, method)["devices"] for method in config["methods"])


def device_faults(kind: str, made: planning.Plan | None, devices: int = 1) -> list[str]:
    """Whether there are the GPUs that one job takes, if any are asked for, and memory for the largest job of a plan."""
    if kind == "cpu":
        return memory_faults(made, "memory", main_memory(), "this machine") if made else []
    cards = device.visible_gpus()
    if not cards:
        return ["device cuda: this machine has no NVIDIA GPU that can be used; set `device: cpu`, or use one that has."]
    if len(cards) < devices:
        return [f"training.devices: a run takes {devices} GPUs, but this machine has {len(cards)} that can be used."]
    if fault := torch_fault():
        return [fault]
    sizes = [size for card, size in gpu_memory().items() if card in cards]
    return memory_faults(made, "gpu_memory", min(sizes), "the smallest GPU") if made and sizes else []


def torch_fault() -> str | None:
    """Whether PyTorch can use the GPUs that the driver shows; asked in a process of its own, which sets up CUDA."""
    question = "import torch; print(torch.version.cuda, torch.cuda.is_available())"
    answer = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=False
    ).stdout.split()
    if answer and answer[-1] == "True":
        return None
    built = f"built for CUDA {answer[0]}" if answer and answer[0] != "None" else "built without CUDA"
    return (
        f"device cuda: the driver shows GPUs, but PyTorch here, {built}, cannot use them: install a newer driver, or a "
        "PyTorch for the driver that is there (https://pytorch.org/get-started/previous-versions)."
    )


def memory_faults(made: planning.Plan, quantity: str, size: int, owner: str) -> list[str]:
    """Whether the part of a plan that needs most fits in `size` bytes."""
    largest = max(made.parts, key=lambda part: getattr(part, quantity))
    needed = getattr(largest, quantity)
    if needed <= size:
        return []
    return [
        f"Memory: {largest.stage} ({largest.model}, {largest.what}) needs about {needed / 1e9:,.1f} GB by the plan, "
        f"{owner} has {size / 1e9:,.1f}; lower its batch size or max_length."
    ]


def main_memory() -> int:
    """Bytes of this machine's main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def gpu_memory() -> dict[str, int]:
    """Bytes of memory of the NVIDIA GPUs, by id; empty where the driver does not tell."""
    query = ["nvidia-smi", "--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
        return {card.strip(): int(mebibytes) << 20 for card, mebibytes in (line.split(",") for line in lines)}
    except (OSError, subprocess.CalledProcessError, ValueError):
        return {}


def sandbox_faults(config: dict) -> list[str]:
    """Whether code answers could run, if a benchmark asks for them."""
    entries = config["benchmarks"].values()
    graders = {describe(entry["source"], configuration.benchmark_settings(entry))["grader"] for entry in entries}
    if not any("isolation" in registry.graders().get(grader, {}) for grader in graders):
        return []
    from lift.grade import sandbox  # other experiments do without

    try:
        sandbox.check(config["sandbox"])
    except InputError as error:
        return [str(error)]
    return []


def model_faults(config: dict, results: Path) -> list[str]:
    """Whether local model folders hold all that a run reads, and what is linked from the hub's cache is there."""
    found = []
    for name, entry in config["models"].items():
        folder = results / "models" / name
        try:
            if configuration.hub_model(entry):
                for path in folder.glob("*"):
                    if path.is_symlink() and not path.exists():
                        raise InputError(f"{path} links to a file that is gone: remove {folder}, it is made again.")
            elif entry["base"] not in configuration.OWN_BASES:
                model_files.check_whole(Path(entry["base"]))
        except InputError as error:
            found.append(str(error))
    return found


def sources(config: dict, results: Path) -> list[tuple[str, str, str]]:
    """What must still be fetched, each once: (kind, name, revision), where kind is model, dataset or url."""
    needed = [
        ("model", entry["base"], entry["revision"])
        for name, entry in config["models"].items()
        if configuration.hub_model(entry) and not (results / "models" / name).exists()
    ]
    for folder, settings_of in (
        ("corpora", configuration.corpus_settings),
        ("benchmarks", configuration.benchmark_settings),
    ):
        for name, entry in config[folder].items():
            settings = settings_of(entry)
            path = settings.get("path", "")
            if (results / folder / f"{name}.jsonl").exists() or not path or Path(path).exists():
                continue
            if path.startswith(("http://", "https://")):
                needed.append(("url", path, ""))
            elif hub.is_hub_id(path):
                needed.append(("dataset", path, settings.get("revision", "main")))
    return list(dict.fromkeys(needed))


def source_faults(config: dict, results: Path, seconds: float) -> list[str]:
    """Whether what must be fetched can be. All that is out of reach is named in one sentence."""
    needed = sources(config, results)
    if not needed:
        return []
    import huggingface_hub  # noqa: F401 (once, before the threads do)

    questions = [
        (lambda url=name: url_fault(url, seconds))
        if kind == "url"
        else (lambda kind=kind, name=name, revision=revision: hub.check_reachable(name, revision, kind, seconds))
        for kind, name, revision in needed
    ]
    answers = ask_all(questions, seconds)
    unreachable = [
        f"the {kind} {name}" if kind != "url" else name
        for (kind, name, _), answer in zip(needed, answers, strict=True)
        if answer is not None and (answer == _NO_ANSWER or _UNREACHABLE in answer)
    ]
    others = [
        answer for answer in answers if answer is not None and answer != _NO_ANSWER and _UNREACHABLE not in answer
    ]
    if unreachable:
        others.append(
            f"Neither here nor in reach: {', '.join(unreachable)}. Run once with a network, or name local folders or "
            "files in the config."
        )
    return others


def ask_all(questions: list[Callable[[], str | None]], seconds: float) -> list[str | None]:
    """The answers to some questions, asked at the same time; _NO_ANSWER to those that have none after `seconds`."""
    answers: list[str | None] = [_NO_ANSWER] * len(questions)

    def ask(place: int) -> None:
        answers[place] = questions[place]()

    # daemons, since looking up a name cannot be called off and must not keep the process
    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in range(len(questions))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return list(answers)


def url_fault(url: str, seconds: float) -> str | None:
    """What stands in the way of fetching a URL, in a sentence; None where nothing does."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:  # the datasets library then fetches nothing
        return f"{url} {_UNREACHABLE}: HF_HUB_OFFLINE is set."
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        # some servers refuse to be asked this way
        return None if error.code in (405, 501) else f"{url} cannot be fetched: the server answers {error.code}."
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{url} {_UNREACHABLE} ({type(error).__name__})."


def disk_faults(made: planning.Plan, results: Path) -> list[str]:
    """Whether what a plan says is still to come fits on the disks of the results and of the hub's cache."""
    needs = {results: planning.to_come(made, "results")}
    from_hub = planning.to_come(made, "hub")
    if from_hub:
        from huggingface_hub import constants

        needs[Path(constants.HF_HUB_CACHE)] = from_hub
    disks: dict[int, list[Path]] = {}
    for folder in needs:
        disks.setdefault(existing(folder).stat().st_dev, []).append(folder)
    found = []
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
