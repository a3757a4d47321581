"""Files of answers to the published benchmarks, a line an answer: question, generation, ground_truth.

This is how d1 publishes its answers (dllm-reasoning/d1, eval/eval_baselines). The ground truth is, by benchmark:

    gsm8k                    a number
    math500, aime24, aime25  LaTeX, or a list of it whose first entry counts
    countdown                [[number, ...], target]
    sudoku                   the solution, 16 digits; the puzzle is the run of 16 digits in the question
    humaneval                {"prompt", "entry_point", "test"}
    mbpp                     {"test_list", "test_imports"}

Where it is null, the benchmark's own rows can give it, by question.
"""

import io
import json
import math
import re
from decimal import Decimal
from pathlib import Path

from lift import registry
from lift.data import sources
from lift.data.problem_checks import check
from lift.errors import InputError

END_TOKENS = ("<|eot_id|>", "<|endoftext|>", "<|im_end|>")
_END = re.compile("|".join(map(re.escape, END_TOKENS)))


def response(generation: str) -> tuple[str, bool]:
    """The text up to the first end token, and whether there is one."""
    text, *rest = _END.split(generation, maxsplit=1)
    return text, bool(rest)


def read_answers(path: Path) -> list[dict]:
    """The answers of a .jsonl file, also as .gz, each with its place as "line", from 0; empty lines are left out.

    InputError where the file cannot be read, or a line is no JSON or lacks a field.
    """
    answers = []
    for number, line in enumerate(io.StringIO(sources.read_text(path), newline=None)):
        if not line.strip():
            continue
        place = f"{path}, line {number + 1}"
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place} is no JSON: {getattr(error, 'msg', error)}.") from None
        if not isinstance(answer, dict):
            raise InputError(f"{place} is no JSON object.")
        for field, kind in (("question", str), ("generation", str), ("ground_truth", object)):
            if field not in answer:
                raise InputError(f"{place}: there is no field {field!r}; it has {', '.join(answer) or 'none'}.")
            if not isinstance(answer[field], kind):
                raise InputError(f"{place}: the field {field!r} must be a text.")
        answers.append(answer | {"line": number})
    return answers


def problem(benchmark: str, question: str, truth: object) -> dict:
    """What the benchmark's grader needs, from a question and its ground truth. ValueError where that is malformed."""
    found = _PROBLEMS[benchmark](question, truth)
    check(GRADERS[benchmark], found)
    return found


def own_problems(benchmark: str, path: str) -> dict[str, dict]:
    """The problems of a benchmark's own file, or hub data set, by question, as its grader needs them."""
    source = registry.module_of("benchmark", benchmark)
    every = {"sudoku": {"puzzles": "all"}, "mbpp": {"tasks": "all"}}.get(benchmark, {})
    problems = source.problems(path=path, rows=0, **every)
    # a question of code is published without the words around it
    return {(p.get("code_prompt") or p.get("task") or p["question"]).strip(): p for p in problems}


def _number(_question: str, truth: object) -> dict:
    answer = format(Decimal(str(truth)), "f") if isinstance(truth, float) else str(truth)
    if not re.fullmatch(r"\s*\$?\s*-?[0-9][0-9,]*(\.[0-9]*)?\s*", answer):
        raise ValueError(f"it must be a number, not {truth!r}")
    return {"answer": answer}


def _latex(_question: str, truth: object) -> dict:
    answer = truth[0] if isinstance(truth, list) and truth else truth
    number = type(answer) in (int, float) and math.isfinite(answer)
    if not number and not (isinstance(answer, str) and answer.strip()):
        raise ValueError(f"it must be LaTeX, not {truth!r}")
    return {"answer": str(answer)}


def _countdown(_question: str, truth: object) -> dict:
    match truth:
        case [list(numbers), int(target)]:
            return {"numbers": numbers, "target": target}
    raise ValueError(f"it must be [[number, ...], target], not {truth!r}")


def _sudoku(question: str, truth: object) -> dict:
    puzzle = re.search(r"(?<![0-9])[0-4]{16}(?![0-9])", question)
    solution = re.sub(r"\s", "", str(truth))
    if not puzzle:
        raise ValueError(f"it must be 16 digits from 1 to 4, and the question must hold the puzzle, not {truth!r}")
    return {"puzzle": puzzle[0], "answer": solution}


def _code(truth: object, *fields: str) -> dict:
    if not isinstance(truth, dict):
        raise ValueError(f"it must be an object with {', '.join(fields)}, not {truth!r}")
    return {field: truth.get(field) for field in fields}  # which the grader's check looks at


_PROBLEMS = {
    "gsm8k": _number,
    "math500": _latex,
    "countdown": _countdown,
    "sudoku": _sudoku,
    "aime24": _latex,
    "aime25": _latex,
    "humaneval": lambda _question, truth: _code(truth, "prompt", "entry_point", "test"),
    "mbpp": lambda _question, truth: _code(truth, "test_list", "test_imports"),
}
GRADERS = {benchmark: registry.module_of("benchmark", benchmark).GRADER for benchmark in _PROBLEMS}
