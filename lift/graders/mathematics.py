r"""Mathematics (MATH500, AIME): the last \boxed{}, else <answer>, equivalent to the published answer by math-verify.

math-verify parses LaTeX and compares with SymPy, which can run for ever or fill the memory. Its own time limits are
signals: they work in the main thread only and do not stop a long computation in C. So each comparison is a process of
its own, forked from a worker that has loaded the library, and the kernel limits its processor time and memory. It is
processor time, not the clock, the worker's hash seed is fixed, and no comparison sees what an earlier one left behind:
a verdict does not depend on how busy the machine is or on the other answers.
"""

import atexit
import gc
import json
import os
import re
import resource
import signal
import subprocess
import sys
from functools import lru_cache

from lift.boxes import boxes, without_boxes
from lift.errors import InputError
from lift.graders import Grade, answer_text

SECONDS = 5  # of processor time a comparison; of a thousand published answers the slowest took 0.2
MEMORY = 2 << 30  # bytes of address space a comparison
LONGEST = 1000  # characters; the longest published answer has 77

_IDLE: dict[int, list[subprocess.Popen]] = {}  # workers by process: one that is forked must not share their pipes
_FORMULA = re.compile(r"(?<!\\)\$(.+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_SIGNS = str.maketrans(
    {
        "\N{DEGREE SIGN}": r"^\circ",
        "\N{SQUARE ROOT}": r"\sqrt ",
        "\N{MINUS SIGN}": "-",
        "\N{MULTIPLICATION SIGN}": r"\times ",
        "\N{DIVISION SIGN}": r"\div ",
        "\N{MIDDLE DOT}": r"\cdot ",
        "\N{INFINITY}": r"\infty ",
        "\N{LESS-THAN OR EQUAL TO}": r"\le ",
        "\N{GREATER-THAN OR EQUAL TO}": r"\ge ",
        "\N{UNION}": r"\cup ",
    }
)
_LEAD = re.compile(r"^\s*(?:[a-zA-Z]\s*\\in\b|\\approx)")
_THOUSANDS = re.compile(r"(?<=[0-9])(?:\\[,;:! ]|\s|~)+(?=[0-9]{3}(?![0-9]))")  # 58\,500
_SAMPLES = [
    (r"16 \sqrt{3}", r"\frac{\sqrt{10}}{2} + 1"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3, 2\pi)"),
    (r"\left[ \frac{\pi^2}{8}, \infty \right)", "(-1, 2]"),
    (r"(0, 9) \cup (9, 36)", "(0, 36)"),
    ("y = 2x + 3", "y = 2x - 1"),
    ("(a+5)(b+2)", "ab + 3a"),
    (r"\begin{pmatrix} -2 \\ 1/5 \end{pmatrix}", r"\begin{pmatrix} 2 \\ 5 \end{pmatrix}"),
    ("6 - 5i", "2 + 3i"),
    (r"3 \pm \sqrt{2}, -1", "1, 2"),
    (r"\cot x", r"\tan(x) + 8^{-2}"),
    (r"\text{east}", r"\text{the west}"),
    ("5.4", r"6\%"),
]
_BASED = re.compile(r"([0-9]+)_\{?([0-9]+)\}?")
_SIDE_BY_SIDE = re.compile(r"-?[0-9]+(?:\s+[0-9]+|\s*\{[0-9]+\})")  # the library adds such numbers
_WHOLE = re.compile(r"-?[0-9]+")


def _read(text: str) -> str | None:
    """The last box that holds more than dots; else the last formula in <answer>, or all of it. None for neither."""
    found = [box for box in boxes(text) if box.strip(".")]
    if found:
        return found[-1]
    answer = without_boxes(answer_text(text) or "")
    formulas = _FORMULA.findall(answer)
    if formulas:
        answer = "".join(formulas[-1]).strip()
    return answer if answer.strip(".") else None


def _tidy(latex: str) -> str:
    """The same for the library: LaTeX for other signs, no full stop, no space in numbers, no "x in" before a set."""
    return _THOUSANDS.sub("", _LEAD.sub("", latex.translate(_SIGNS))).strip().rstrip(".,")


def _equivalent(gold: str, answer: str) -> bool:
    """Whether two LaTeX expressions are equivalent by the library; without a limit of time."""
    from math_verify import LatexExtractionConfig, parse, verify

    # only LaTeX: what the library's other targets find goes through SymPy's parse_expr, which runs it as Python
    config = [LatexExtractionConfig(boxed_match_priority=0)]
    expressions = [
        parse(rf"\boxed{{{latex}}}", config, fallback_mode="no_fallback", parsing_timeout=None)
        for latex in (gold, answer)
    ]
    decimals = len((re.search(r"\.([0-9]+)", gold) or ["", ""])[1])
    return verify(
        *expressions,
        float_rounding=max(6, decimals),  # else 0.0000673 is .0000672
        allow_set_relation_comp=True,  # x > 2 is (2, \infty)
        timeout_seconds=None,
    )


def _serve() -> None:
    """The worker: a line [gold, answer] in, a line 0 or 1 out; a comparison that is killed gives 0."""
    import logging

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grading process decides what an interrupt ends
    logging.disable(logging.CRITICAL)  # of the library's time limits that are off
    for gold, answer in _SAMPLES:  # fills the tables of the parser and of SymPy, for all that are forked
        _equivalent(gold, answer)
    gc.collect()
    gc.freeze()  # the collector would copy all memory into each fork
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the answers' channel
            os.dup2(1, 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            if sys.platform == "linux":  # elsewhere it is refused
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            equal = False
            try:
                equal = _equivalent(*json.loads(line))
            finally:
                os._exit(0 if equal else 1)
        _, status = os.waitpid(child, 0)
        print(int(status == 0), flush=True)


def _start() -> subprocess.Popen:
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "lift.graders.mathematics"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    atexit.register(worker.wait)
    atexit.register(worker.kill)  # runs first
    return worker


@lru_cache(maxsize=10_000)
def equivalent(gold: str, answer: str) -> bool:
    """Whether an answer is equivalent to the published one, both in LaTeX; False where that cannot be found in time.

    InputError where the worker cannot run at all, as without math-verify.
    """
    gold, answer = _tidy(gold), _tidy(answer)
    if gold == answer:
        return True
    if len(answer) > LONGEST or _SIDE_BY_SIDE.fullmatch(answer):
        return False
    if _WHOLE.fullmatch(gold) and _WHOLE.fullmatch(answer):
        return int(gold) == int(answer)
    base_of_gold, base_of_answer = _BASED.fullmatch(gold), _BASED.fullmatch(answer)
    if base_of_answer and (not base_of_gold or base_of_gold.groups() != base_of_answer.groups()):
        return False  # the library reads over the base
    idle = _IDLE.setdefault(os.getpid(), [])
    try:
        worker = idle.pop()
    except IndexError:  # none, or another thread was first
        worker = _start()
    try:
        worker.stdin.write(json.dumps([gold, answer]).encode() + b"\n")
        reply = worker.stdout.readline()
    except BrokenPipeError:
        reply = b""
    except BaseException:  # interrupted: its reply must not be taken for the next one's
        worker.kill()
        raise
    if not reply:
        raise InputError("The process that compares mathematical answers has ended; its message stands above.")
    idle.append(worker)
    return reply.strip() == b"1"


def grade(text: str, problem: dict) -> Grade:
    """Right where the answer is equivalent to problem["answer"], which is LaTeX, like "\\frac{1}{2}", or "073".

    extracted is None where neither place holds more than dots. A comparison that needs more than SECONDS of processor
    time, or more than MEMORY, counts as wrong.
    """
    answer = _read(text)
    return Grade(answer, answer is not None and equivalent(str(problem["answer"]), answer))


if __name__ == "__main__":
    _serve()
