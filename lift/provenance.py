"""Where a result comes from: hashes of code and files, versions, hardware."""

import ast
import hashlib
import json
import os
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

_PACKAGE = Path(__file__).parent
_IMPORTS = (ast.Import, ast.ImportFrom)
_LIBRARIES = ("torch", "transformers", "peft", "accelerate", "datasets", "numpy")


def _module_file(module: str) -> Path | None:
    path = _PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The modules of this package that an import statement names."""
    names = {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        names = {node.module, *(f"{node.module}.{name}" for name in names)} if node.module else set()
    return {name for name in names if name.split(".")[0] == "lift" and _module_file(name)}


def _without_words(node: object) -> object:
    """A syntax tree as plain values, the same in every Python, without docstrings and imports from this package."""
    if isinstance(node, list):
        return [_without_words(part) for part in node if not (isinstance(part, _IMPORTS) and _imported(part))]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None}
    documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    if documented and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    values = {name: _without_words(value) for name, value in fields.items()}
    return [type(node).__name__, {name: value for name, value in values.items() if value != []}]


@cache
def _read(module: str) -> tuple[str, set[str]]:
    """What in a module may change a result, and which modules of this package it imports.

    Layout, comments and docstrings do not: a stage does not run again because a module moved or was explained better.
    """
    tree = ast.parse(_module_file(module).read_text())
    imports = [_imported(node) for node in ast.walk(tree) if isinstance(node, _IMPORTS)]
    return str(_without_words(tree)), set().union(*imports)


def fingerprint(*modules: str) -> str:
    """A hash of the code of some modules and of all that they import from this package, directly or not."""
    found, queue = {}, list(modules)
    while queue:
        module = queue.pop()
        if module not in found:
            found[module], imports = _read(module)
            queue += imports
    return value_hash(sorted({*found.values()} - {str(["Module", {}])}))  # no empty ones


def file_hash(*paths: Path) -> str:
    """A hash of the content of some files, in order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(bytes.fromhex(hub_checksum(path) or checksum(path)))
    return digest.hexdigest()[:16]


def read_checksum(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(path: Path) -> str:
    """The same, read once by a process, and again where the file has changed since."""
    facts = path.stat()
    return _checksum(path, facts.st_size, facts.st_mtime_ns)


@cache
def _checksum(path: Path, size: int, modified: int) -> str:
    return read_checksum(path)


def hub_checksum(path: Path) -> str | None:
    """The SHA-256 of a weight file in the hub's cache, which names it so; None for any other file."""
    while path.is_symlink():
        path = Path(os.path.normpath(path.parent / os.readlink(path)))
        repository = path.parent.parent.name.startswith(("models--", "datasets--"))
        if repository and path.parent.name == "blobs" and re.fullmatch("[0-9a-f]{64}", path.name):
            return path.name
    return None


def value_hash(value: object) -> str:
    """A hash of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def commit() -> str:
    """The commit of the code, with "+changes" where files differ from it; "unknown" outside a checkout."""
    run = ["git", "-C", str(_PACKAGE.parent)]
    try:
        head = subprocess.run([*run, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        status = subprocess.run([*run, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+changes" if status.strip() else "")


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def processor() -> str:
    """The CPU's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _seen_by_torch() -> dict:
    """If torch is loaded: the CPU's widest instructions that its kernels use, which shape rounding; the GPU used."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    facts = {"instructions": torch.backends.cpu.get_cpu_capability()}
    if torch.cuda.is_initialized():
        facts |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda, "driver": _driver()}
        facts["peak_gpu_memory_bytes"] = torch.cuda.max_memory_allocated()
    return facts


def _driver() -> str:
    """The version of NVIDIA's driver, "unknown" where it does not tell."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def record(**facts: object) -> dict:
    """A run record: what is common to all, and the given facts."""
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _LIBRARIES},
        "machine": f"{platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} cores",
        "peak_memory_bytes": peak_memory(),
        **_seen_by_torch(),
        **facts,
    }


def leave(folder: Path, key: str, part: int, parts: int) -> None:
    """Leave the record of one of a job's processes as KEY.I-of-N.json, for `with_left`; key: of what it works on."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{key}.{part + 1}-of-{parts}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record()))
    partial.replace(path)


def with_left(own: dict, left: Iterable[Path]) -> dict:
    """A job's record, with what its processes left: the most memory, and every GPU with its versions."""
    records = [own, *(json.loads(path.read_text()) for path in left)]
    for fact in ("peak_memory_bytes", "peak_gpu_memory_bytes", "gpu", "cuda", "driver"):
        if found := [one[fact] for one in records if fact in one]:
            own = own | {fact: max(found) if fact.startswith("peak") else " and ".join(sorted(set(found)))}
    return own
