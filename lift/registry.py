"""What can be named in a config, found by looking at the files, without importing torch.

An objective is a file in lift/objectives whose function `select` has the settings as keyword-only arguments with
literal defaults. A benchmark is a file in lift/benchmarks with such a function `problems`, a corpus one in lift/corpora
with `examples`; those of the miniature lie below lift/miniature.
"""

import ast
import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from lift.errors import InputError

_PACKAGE = Path(__file__).parent


def _names(folder: str) -> list[str]:
    return sorted(p.stem for p in (_PACKAGE / folder).glob("*.py") if p.stem != "__init__")


def _settings(path: Path, function: str) -> dict[str, object]:
    """The keyword-only arguments of a function, with their defaults."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            names = [argument.arg for argument in node.args.kwonlyargs]
            return dict(zip(names, map(ast.literal_eval, node.args.kw_defaults), strict=True))
    raise ValueError(f"{path} defines no function {function}.")


@cache
def choices(kind: str, name: str) -> dict[str, list]:
    """The allowed values of an objective's, benchmark's or corpus's settings that are annotated as Literal."""
    folder, function = {
        "objective": ("objectives", "select"),
        "benchmark": ("benchmarks", "problems"),
        "corpus": ("corpora", "examples"),
    }[kind]
    tree = ast.parse((_PACKAGE / folder / f"{name.replace('-', '_')}.py").read_text())
    node = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    return {
        argument.arg: [constant.value for constant in ast.walk(part) if isinstance(constant, ast.Constant)]
        for argument in node.args.kwonlyargs
        if argument.annotation
        for part in ast.walk(argument.annotation)
        if isinstance(part, ast.Subscript) and ast.unparse(part.value) == "Literal"
    }


def module_of(folder: str, name: str) -> ModuleType:
    """The module of a corpus or benchmark. Raises InputError, with those that are known, where there is none."""
    path = f"lift.{folder}.{name.replace('-', '_')}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        known = ", ".join(one.replace("_", "-") for one in _names(folder))
        raise InputError(f"--source: there is no {name!r} in lift/{folder}; known are {known}.") from None


@cache
def objectives() -> dict[str, dict[str, object]]:
    """Objectives by name, each with its settings and their defaults."""
    return {name: _settings(_PACKAGE / "objectives" / f"{name}.py", "select") for name in _names("objectives")}


@cache
def benchmarks() -> dict[str, dict[str, object]]:
    """Benchmarks by name, each with its settings and their defaults."""
    return _sources("benchmarks", "problems")


@cache
def corpora() -> dict[str, dict[str, object]]:
    """Corpora by name, each with its settings and their defaults."""
    return _sources("corpora", "examples")


def _sources(folder: str, function: str) -> dict[str, dict[str, object]]:
    files = {name.replace("_", "-"): _PACKAGE / folder / f"{name}.py" for name in _names(folder)}
    return {name: _settings(path, function) for name, path in files.items()}
