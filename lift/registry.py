"""What can be named in a config, found by looking at the files, without importing torch.

An objective is a file in lift/objectives whose function `select` has the settings as keyword-only arguments with
literal defaults. Benchmarks, corpora and graders are files too.
"""

import ast
from functools import cache
from pathlib import Path

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
def objectives() -> dict[str, dict[str, object]]:
    """Objectives by name, each with its settings and their defaults."""
    return {name: _settings(_PACKAGE / "objectives" / f"{name}.py", "select") for name in _names("objectives")}


@cache
def benchmarks() -> list[str]:
    """Names of the benchmarks."""
    return [name.replace("_", "-") for name in _names("benchmarks")]


@cache
def corpora() -> list[str]:
    """Names of the corpora."""
    return [name.replace("_", "-") for name in _names("corpora")]
