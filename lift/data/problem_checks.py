"""What a problem must hold so that its grader can judge answers to it: looked at before an answer is made or judged.

The principle: the published answer, given as an answer, must be judged right; tests must parse and must test something.
Graders are looked up by name, not imported: a better grader must never make a benchmark be decoded again.
"""

import ast
import json
import re
import warnings

from lift import registry


def check(grader: str, problem: dict) -> None:
    """Raises ValueError, with the field and the reason, where a grader of lift/grade/graders cannot judge a problem.

    Of a grader that is not known here nothing is asked.
    """
    if grader in _CHECKS:
        _CHECKS[grader](grader, problem)


def as_line(problem: dict, grader: str, needed: set[str]) -> str:
    """A problem as JSON. ValueError or TypeError where it lacks what it, or its grader, needs."""
    if missing := needed - problem.keys():
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    if not isinstance(problem["id"], int | str):
        raise ValueError("its id must be a number or a text")
    if not isinstance(problem["prompt"], str) or not problem["prompt"].strip():
        raise ValueError("its prompt must be a text")
    check(grader, problem)
    return json.dumps(problem, allow_nan=False) + "\n"


def _answer(grader: str, problem: dict) -> None:
    answer, (written, kind) = str(_field(problem, "answer")), _ANSWERS[grader]
    grade = registry.module_of("grader", grader).grade
    try:
        right = grade(written.format(answer), problem | {"answer": answer}).correct
    except (ValueError, IndexError, OverflowError):
        right = False
    if not right or (grader == "gsm8k" and re.search(r"[0-9][eE][-+]?[0-9]", answer)):  # 1e5 would be read as 1
        raise ValueError(f"the answer must be {kind}, not {answer!r:.80}")


_ANSWERS = {  # how an answer is written, and what it must be
    "gsm8k": (r"<answer>\boxed{{{}}}</answer>", "a number in digits"),
    "mathematics": (r"<answer>\boxed{{{}}}</answer>", "a mathematical expression in LaTeX"),
    "number": ("<answer>{}</answer>", "a whole number"),
    "pair": ("<answer>{}</answer>", "two whole numbers, x , y"),
}


def _numbers(_grader: str, problem: dict) -> None:
    numbers, target = _field(problem, "numbers"), _field(problem, "target")
    listed = isinstance(numbers, list) and numbers and all(type(n) is int and n >= 0 for n in numbers)
    if not listed or type(target) is not int:
        raise ValueError(
            f"it must have whole numbers from 0 and a whole target, not {numbers!r:.80} and {target!r:.80}"
        )


def _grid(grader: str, problem: dict) -> None:
    puzzle, solution = _field(problem, "puzzle"), _field(problem, "answer")
    digits = re.sub(r"\s", "", str(solution)) if grader == "grid" else str(solution)
    well_formed = re.fullmatch("[0-4]{16}", str(puzzle)) and "0" in puzzle and re.fullmatch("[1-4]{16}", digits)
    if not well_formed or any(given not in ("0", digits[i]) for i, given in enumerate(puzzle)):
        raise ValueError(f"{puzzle!r:.80} and {solution!r:.80} are no puzzle of 16 digits and its solution")


def _code(_grader: str, problem: dict) -> None:
    if "test_list" in problem:
        tests, imports = _field(problem, "test_list", list), _field(problem, "test_imports", list)
        tree = _parsed(["import math, sys", *imports, *tests], "test_list")
        run = _run(tree)
        calls = {node.func.id for node in run if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        called = bool(calls - _own(tree))
    else:
        name, test = _field(problem, "entry_point", str), _field(problem, "test", str)
        prompt = _field(problem, "code_prompt" if "code_prompt" in problem else "prompt", str)
        above, function, _ = prompt.partition(f"def {name}(")
        if not name.isidentifier() or not function:
            raise ValueError(f"the prompt does not define the entry_point: it has no 'def {name}('")
        _parsed([above, test, f"check({name})"], "test")
        tree = _parsed([test, "check"], "test")
        checks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
        if not checks or not checks[-1].args.args:
            raise ValueError("the test has no 'def check(candidate)'")
        run = _run(tree)
        asked = {name, checks[-1].args.args[0].arg}
        called = name not in _own(tree) and any(isinstance(node, ast.Name) and node.id in asked for node in run)
    if not called:
        raise ValueError("the tests do not call what is asked for, so that they test nothing")
    if not any(map(_asserts, run)):
        raise ValueError("the tests assert nothing when they run, so that every answer would pass")


def _run(tree: ast.Module) -> list[ast.AST]:
    """The nodes of a module's own statements, and of the functions and classes that these name, directly or not."""
    defined = {node.name: node for node in ast.walk(tree) if isinstance(node, _DEFINITIONS)}
    found, queue = [], [*tree.body]
    while queue:
        node = queue.pop()
        if not isinstance(node, _DEFINITIONS):
            found.append(node)
            queue += ast.iter_child_nodes(node)
            if named := defined.pop(getattr(node, "id", None) or getattr(node, "attr", None), None):
                queue += named.body
    return found


def _own(tree: ast.Module) -> set[str]:
    """The names that a module defines or imports itself."""
    return {getattr(node, "asname", None) or getattr(node, "name", None) or "" for node in ast.walk(tree)}


def _asserts(node: ast.AST) -> bool:
    """Whether a node can fail: an assert of what is not true by its form, a raise, or a call like assertEqual."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, _TRUE)
    if isinstance(node, ast.Call):
        return bool(re.search("assert|fail|raises", ast.unparse(node.func), re.IGNORECASE))
    return isinstance(node, ast.Raise)


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TRUE = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Lambda, ast.GeneratorExp)


def _parsed(parts: list[str], field: str) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse("\n".join(parts))
            compile(tree, field, "exec", dont_inherit=True)  # finds a return outside a function, too; runs nothing
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", error)
        raise ValueError(f"the {field} is no Python that can be run: {reason}") from None
    return tree


def _field(problem: dict, field: str, kind: type = object) -> object:
    """A field that must be there. kind: str, or list for a list of texts."""
    value = problem.get(field)
    if value is None:
        raise ValueError(f"there is no field {field!r} in it")
    if not isinstance(value, kind) or (kind is list and not all(isinstance(text, str) for text in value)):
        raise ValueError(f"the field {field!r} must be a {'list of texts' if kind is list else 'text'}")
    return value


_CHECKS = dict.fromkeys(_ANSWERS, _answer) | {
    "countdown": _numbers,
    "expression": _numbers,
    "sudoku": _grid,
    "grid": _grid,
    "code": _code,
}
