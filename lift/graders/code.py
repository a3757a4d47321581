"""A Python function, judged by the published tests of HumanEval or MBPP."""

import ast
import builtins
import re
import textwrap

from lift import sandbox
from lift.graders import Grade, parse_python


def grade(text: str, problem: dict) -> Grade:
    """Right where the program passes all tests in lift/sandbox.py, within its limits.

    The program is the first code fence in the answer, else the answer, else the last code fence of the response;
    extracted is None where all are missing or blank. A problem with test_list (and test_imports) is MBPP's; one with
    entry_point and test is HumanEval's, and has the published prompt as code_prompt, or prompt. There the imports and
    helpers above the function in the prompt stand before the program. A program without the function is taken for its
    body and follows the prompt.

    The isolation is LIFT_SANDBOX in the environment (lift/sandbox.py), which raises InputError where it cannot be had.
    """
    program = _program(text)
    if program is None:
        return Grade(None, False)
    flush = textwrap.dedent(program).strip()  # it may stand behind `<answer> `, or be indented as a whole
    if "test_list" in problem:
        # Task 596 uses sys without an import.
        tests = "\n".join(["import math, sys", *problem["test_imports"], *problem["test_list"]])
        return Grade(program, sandbox.run(flush, tests, _called(problem["test_list"])).passed)
    name, prompt = problem["entry_point"], problem.get("code_prompt", problem["prompt"])
    above = prompt[: prompt.index(f"def {name}(")]
    if re.search(rf"^(?:async +)?def +{name}\b|^{name} *=", flush, re.MULTILINE):
        whole = f"{above}\n{flush}"
    else:
        whole = f"{prompt}\n{textwrap.indent(textwrap.dedent(program), '    ')}"
    tests = f"{above}\n{problem['test']}\ncheck({name})\n"
    return Grade(program, sandbox.run(whole, tests, [name]).passed)


def _program(text: str) -> str | None:
    before, tag, rest = text.partition("<answer>")
    answer = rest.partition("</answer>")[0]
    fences = re.findall(r"```[^`\n]*\n(.*?)(?:```|\Z)", answer if tag else before, re.DOTALL)
    program = fences[0 if tag else -1] if fences else answer
    return program.rstrip().lstrip("\n") or None


def _called(tests: list[str]) -> list[str]:
    """The functions that tests call: no builtins, unless there is nothing else (task 126 asks for a function `sum`)."""
    calls = [node.func for node in ast.walk(parse_python("\n".join(tests))) if isinstance(node, ast.Call)]
    names = {function.id for function in calls if isinstance(function, ast.Name)}
    return sorted(names - set(dir(builtins)) or names)
