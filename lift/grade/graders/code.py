"""A Python function, judged by the published tests of HumanEval or MBPP."""

import ast
import builtins
import re
import textwrap
from typing import NamedTuple

from lift.grade import sandbox
from lift.grade.graders import Grade, parse_python

# of a code block, indented or not: ``` and what follows in its line, but not code as in ```python def f(): ...
_FENCE = re.compile(
    r"(?:`{3,}|^[ \t]*~{3,})(?:[ \t]*[\w+#.-]*(?=[ \t]+(?:def|from|import|class|return)\b)|[^`\n]*(?:\n|\Z))?",
    re.MULTILINE,
)


def grade(text: str, problem: dict, *, isolation: str = "bubblewrap") -> Grade:
    """Right where the program passes all tests in lift.grade.sandbox, within its limits.

    The program stands in the answer or, where the tag is missing, in the code fences of the response; a fence may lack
    its other end. Of several fences it is the one that defines what is asked for, with those whose definitions it uses;
    else the first that is Python, of a response the last. extracted is None where all are missing or blank. A problem
    with test_list (and test_imports) is MBPP's; one with entry_point and test is HumanEval's, and has the published
    prompt as code_prompt, or prompt. There the imports and helpers above the function in the prompt stand before the
    program. A program without the function is taken for its body and follows the prompt.

    isolation: of the sandbox, which raises InputError where it cannot be had.
    """
    names = _called(problem["test_list"]) if "test_list" in problem else [problem["entry_point"]]
    program = _program(text, names)
    if program is None:
        return Grade(None, False)
    flush = textwrap.dedent(program).strip()  # it may stand behind `<answer> `, or be indented as a whole
    if "test_list" in problem:
        # Task 596 uses sys without an import.
        tests = "\n".join(["import math, sys", *problem["test_imports"], *problem["test_list"]])
        return Grade(program, sandbox.run(flush, tests, names, isolation=isolation).passed)
    name, prompt = problem["entry_point"], problem.get("code_prompt", problem["prompt"])
    above = prompt[: prompt.index(f"def {name}(")]
    if _defines(flush, names):
        whole = _below(above, flush)
    else:
        whole = f"{prompt}\n{textwrap.indent(textwrap.dedent(program), '    ')}"
    tests = f"{above}\n{problem['test']}\ncheck({name})\n"
    return Grade(program, sandbox.run(whole, tests, names, isolation=isolation).passed)


def _program(text: str, names: list[str]) -> str | None:
    before, tag, rest = text.partition("<answer>")
    answer = rest.partition("</answer>")[0]
    if tag and (whole := _names(answer)) and set(names) <= whole.defined:
        return answer.rstrip().lstrip("\n")  # a fence in it is part of a string
    parts = _FENCE.split(answer if tag else before)
    # what is outside of fences counts in an answer only: it may have a single fence, before or behind the program
    blocks = [*parts[1::2], *parts[::2]] if tag else parts[1::2][::-1]
    blocks = [block for block in blocks if block.strip()]
    if not blocks:
        return None
    defining = [block for block in blocks if _defines(block, names)]
    chosen = next(filter(_names, defining), defining[0] if defining else None)  # Python before other languages
    if chosen is None:
        chosen = next(filter(_names, blocks), blocks[0])
    else:
        chosen = _with_helpers(chosen, [block for block in blocks if block is not chosen])
    return chosen.rstrip().lstrip("\n")


def _defines(program: str, names: list[str]) -> bool:
    flush = textwrap.dedent(program)
    return all(
        re.search(rf"^(?:async +)?def +{name}\b|^class +{name}\b|^{name} *(?::[^=\n]*)?=(?!=)", flush, re.MULTILINE)
        for name in names
    )


def _with_helpers(program: str, blocks: list[str]) -> str:
    """The program below those blocks that define what it uses and nothing that it defines itself."""
    while found := _names(program):
        named = [(block, names) for block in blocks if (names := _names(block)) and names.defined & found.used]
        helper = next((block for block, names in named if not names.defined & found.defined), None)
        if helper is None:  # as it is where all are in the program already
            break
        program = _below(textwrap.dedent(helper).strip(), textwrap.dedent(program).strip())
    return program


def _below(lines: str, program: str) -> str:
    """A program below some lines, but its imports from __future__, which must stay first, above them."""
    tree = _tree(program)
    future = [n for n in (tree.body if tree else []) if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    rows = program.split("\n")
    end = future[-1].end_lineno if future else 0
    return "\n".join([*rows[:end], lines, *rows[end:]])


class _Names(NamedTuple):
    used: set[str]
    defined: set[str]


def _names(program: str) -> _Names | None:
    """The names that a program uses, and those that it defines at its top; None where it is no Python."""
    tree = _tree(program)
    if tree is None:
        return None
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    defined = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return _Names(used, defined)


def _tree(program: str) -> ast.Module | None:
    """The syntax tree of a program; None where it is no Python."""
    try:
        return parse_python(textwrap.dedent(program).strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _called(tests: list[str]) -> list[str]:
    """The functions that tests call: no builtins, unless there is nothing else (task 126 asks for a function `sum`)."""
    calls = [node.func for node in ast.walk(parse_python("\n".join(tests))) if isinstance(node, ast.Call)]
    names = {function.id for function in calls if isinstance(function, ast.Name)}
    return sorted(names - set(dir(builtins)) or names)
