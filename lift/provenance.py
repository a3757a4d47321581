"""Where a result comes from: hashes of code and files, versions, hardware."""

import ast
import hashlib
import io
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tokenize
from functools import cache
from importlib import metadata
from pathlib import Path

_PACKAGE = Path(__file__).parent
_LIBRARIES = ("torch", "transformers", "peft", "accelerate", "datasets", "numpy")


def _module_file(module: str) -> Path | None:
    path = _PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_module_file(module).read_text())


def _imported(node: ast.AST) -> set[str]:
    """The modules of this package that an import statement names; empty for any other node."""
    names = set()
    if isinstance(node, ast.Import):
        names = {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "lift" and _module_file(name)}


@cache
def _content(module: str) -> str:
    """A module's source without what changes no result: comments, docstrings and imports from this package.

    So a stage does not run again because a module moved or was explained better.
    """
    text, tree, cut = _module_file(module).read_text(), _tree(module), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            cut.append(node.body[0])
        elif _imported(node):
            cut.append(node)
    spans = [((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)) for node in cut]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    spans += [(token.start, token.end) for token in tokens if token.type == tokenize.COMMENT]
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    docstrings = {node.value for node in cut if isinstance(node, ast.Expr)}
    inside = {line for node in texts if node not in docstrings for line in range(node.lineno, node.end_lineno)}
    lines = text.splitlines()
    for (first, start), (last, end) in sorted(spans, reverse=True):
        joined = (lines[first - 1][:start] + lines[last - 1][end:]).rstrip()
        lines[first - 1 : last] = [joined, *[""] * (last - first)]
    return "\n".join(line for number, line in enumerate(lines) if line.strip() or number in inside)


def fingerprint(*modules: str) -> str:
    """A hash of the code of some modules and of all that they import from this package, directly or not."""
    found, queue = set(), list(modules)
    while queue:
        module = queue.pop()
        if module not in found:
            found.add(module)
            for node in ast.walk(_tree(module)):
                queue += _imported(node)
    digest = hashlib.sha256()
    for content in sorted({_content(module) for module in found} - {""}):
        digest.update(content.encode() + b"\0")
    return digest.hexdigest()[:16]


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


def gpu() -> dict:
    """The GPU that this process has used and its most memory, if it has used one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    return {"gpu": torch.cuda.get_device_name(), "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated()}


def processor() -> str:
    """The CPU's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def instructions() -> dict:
    """The widest instructions of the CPU that torch's kernels use here, if torch is loaded: they shape rounding."""
    torch = sys.modules.get("torch")
    return {"instructions": torch.backends.cpu.get_cpu_capability()} if torch else {}


def record(**facts: object) -> dict:
    """A run record: what is common to all, and the given facts."""
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _LIBRARIES},
        "machine": f"{platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} cores",
        **instructions(),
        "peak_memory_bytes": peak_memory(),
        **gpu(),
        **facts,
    }
