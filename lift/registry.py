"""What can be named in a config, found by looking at the files, without importing torch.

An objective is a file in lift/finetune/objectives whose function `select` has the settings as keyword-only arguments
with literal defaults. A benchmark is a file in lift/data/benchmarks with such a function `problems`, a corpus one in
lift/data/corpora with `examples`, a grader one in lift/grade/graders with `grade`; lift/miniature has benchmarks and
corpora of its own.
"""

import ast
import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from lift.errors import InputError

_PACKAGE = Path(__file__).parent
_KINDS = {  # the folders, and the function whose keyword-only arguments are the settings
    "objective": (("finetune/objectives",), "select"),
    "corpus": (("data/corpora", "miniature/corpora"), "examples"),
    "benchmark": (("data/benchmarks", "miniature/benchmarks"), "problems"),
    "grader": (("grade/graders",), "grade"),
}


def _files(kind: str) -> dict[str, Path]:
    """The files of a kind by their names: of corpora and benchmarks with dashes, of others as the file has it."""
    folders = [_PACKAGE / folder for folder in _KINDS[kind][0]]
    paths = sorted(path for folder in folders for path in folder.glob("*.py") if path.stem != "__init__")
    dashes = kind in ("corpus", "benchmark")
    return {path.stem.replace("_", "-") if dashes else path.stem: path for path in paths}


def _function(path: Path, name: str) -> ast.FunctionDef:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise ValueError(f"{path} defines no function {name}.")


@cache
def settings(kind: str) -> dict[str, dict[str, object]]:
    """What there is of a kind (objective, corpus, benchmark, grader), by name, each with its settings and defaults."""
    found = {}
    for name, path in _files(kind).items():
        arguments = _function(path, _KINDS[kind][1]).args
        names = [argument.arg for argument in arguments.kwonlyargs]
        found[name] = dict(zip(names, map(ast.literal_eval, arguments.kw_defaults), strict=True))
    return found


@cache
def choices(kind: str, name: str) -> dict[str, list]:
    """The allowed values of an objective's, benchmark's or corpus's settings that are annotated as Literal."""
    return {
        argument.arg: [constant.value for constant in ast.walk(part) if isinstance(constant, ast.Constant)]
        for argument in _function(_files(kind)[name], _KINDS[kind][1]).args.kwonlyargs
        if argument.annotation
        for part in ast.walk(argument.annotation)
        if isinstance(part, ast.Subscript) and ast.unparse(part.value) == "Literal"
    }


def module_name(kind: str, name: str) -> str:
    """Where a thing of a kind is defined. Raises InputError, with those that are known, where there is none."""
    files = _files(kind)
    path = files.get(name) or files.get(name.replace("_", "-"))
    if path is None:
        raise InputError(f"there is no {kind} {name!r}; known are {', '.join(files)}.")
    return ".".join(path.relative_to(_PACKAGE.parent).with_suffix("").parts)


def module_of(kind: str, name: str) -> ModuleType:
    """The module that `module_name` names."""
    return importlib.import_module(module_name(kind, name))
