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
from decimal import Decimal
from functools import lru_cache

from lift.errors import InputError
from lift.grade.boxes import boxes, last_boxes, without_boxes
from lift.grade.graders import Grade, answer_text
from lift.grade.spelling import join_thousands, plain

SECONDS = 5  # of processor time a comparison; of a thousand published answers the slowest took 0.2
MEMORY = 2 << 30  # bytes of address space a comparison
LONGEST = 1000  # characters; the longest published answer has 77

_IDLE: dict[int, list[subprocess.Popen]] = {}  # workers by process: one that is forked must not share their pipes
_FORMULA = re.compile(r"(?<!\\)\$(.+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_LEAD = re.compile(
    r"^\s*(?:(?:\\therefore|\\implies|\\Rightarrow|\\to)(?![a-zA-Z])\s*|[a-zA-Z]\s*\\in\b|\\(?:approx|simeq)|\\sim|="
    r"|\\text\{[^{}]*(?:[:=]|\b(?:is|are|equals))\s*\}\s*:?|(?:the )?(?:final )?answer(?: is)?\s*[:=]?(?![a-z])"
    r"|\\text\{\s*(?:Rs|USD|US)\.?\s*\}|(?:Rs|USD|US)\b\.?)+",
    re.IGNORECASE,
)
_BUILDER = re.compile(r"\\\{\s*[a-z]\s*(?:\\mid(?![a-zA-Z])|[|:])(.*)\\\}")  # the condition of a set
_MODULUS = re.compile(
    r"\s*(?:\\[pb]?mod|\(?\s*\\text\{\s*\(?\s*mod(?:ulo)?|\(?\s*(?<![a-zA-Z\\])mod(?:ulo)?)(?![a-zA-Z])"
    r"[\s{(\\}]*[0-9]+[\s)}]*$"
)
_AND_IN_TEXT = re.compile(r"\s*,?\s*\\text\{[\s,]*(?:and|or)\s*([0-9]*)\s*\}\s*")
_ASIDE = re.compile(r"(?<=\S)\s*\\text\{\s*\([^{}]*\)\s*\}$")  # 5\text{ (since x > 0)}
_AND = re.compile(r"\s*,?\s*(?:(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])|;)\s*")
_PERCENT = re.compile(r"\s*(?:\\?%|\\text\{\s*(?:percent|pct)\.?\s*\}|(?<![a-zA-Z\\])percent\b)")
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE = re.compile(
    rf"([0-9]+(?:\.[0-9]+)?)\s*(?:\\text\{{\s*)?({'|'.join(_SCALES)})\b\s*([^{{}}]*\}}|)", re.IGNORECASE
)
_WORDS = re.compile(r"\\text\{([^{}]*)\}")
_TEXTS = re.compile(r"[^\\0-9]*\\text\{[^{}]*[a-zA-Z]{2}[^{}]*\}[\s.!]*")
# of a unit: words, or a letter behind a number, that may have a power
_SHORT = "cm|mm|km|dm|nm|kg|mg|lb|oz|ft|in|yd|mi|hr|ml|mL|cc|sq|cu|pt|qt"  # 5xy is no length
_WORD = (
    rf"(?:\\text\{{[^{{}}0-9]*(?:\^\{{?-?[0-9]\}}?)?[^{{}}0-9]*\}}"
    rf"|(?<![a-zA-Z\\])(?:[a-zA-Z]{{3,}}|{_SHORT}|(?<=[\s/.{{-])[mgshL])(?![a-zA-Z])"
    r"|\^\s*\\circ\s*[CFK]?(?![a-zA-Z]))"
)
_UNIT = re.compile(
    rf"(?:(?<=[0-9}}).!])|(?<=\\pi))\s*(?:{_WORD}|\\frac\{{\s*{_WORD}\s*\}}\{{\s*{_WORD}(?:\^\{{?[0-9]\}}?)?\s*\}})"
    rf"(?:(?:\s|[-/.]|\\cdot\b)*(?:{_WORD}|\^\{{?-?[0-9]\}}?))*\s*\.?(?=\s*(?:,|$))"
)
_POWER = re.compile(r"\^\{?([0-9])")
_NO_UNITS = re.compile(
    r"\b(?:or|and|to|not|no|than|base|plus|minus|times|over|dozen|if|for|pm|am|squared|cubed|factorial|half|halves"
    r"|thirds|fifths|tenths|hundredths|thousandths|tens|score|mille|kilo|mega|negative|below|zero|pi|mod)\b",
    re.IGNORECASE,
)
_VARIABLES = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z]+")
_LETTER = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z](?![a-zA-Z])")
_FUNCTIONS = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")
_DIGITS = re.compile(r"(?<![0-9.:\w])0+(?=[0-9])(?![0-9A-Za-z]*_)")
_NAMES = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_BASES = {name: str(i) for i, name in enumerate(re.findall("[a-z]+", _NAMES), 2)}
_BASES |= {"binary": "2", "octal": "8", "decimal": "10"}
_BASED = re.compile(
    r"\(?([0-9][0-9A-F]*|[A-F][0-9A-F]*[0-9])\)?\s*(?:_\{?\s*\(?|(?:\\text\{|\()\s*\(?\s*(?=base))\s*(?:\\text\{)?\s*"
    rf"(?:base)?[\s\-_]*\}}?\s*([0-9]+|{'|'.join(_BASES)})\s*[)}}\s]*"
)
_CHOICE = re.compile(r"\(?([A-Z])\)?[\s.:]*")
_CHOSEN = re.compile(r"\(([A-Z])\)(?!.*\([A-Z]\)).*", re.DOTALL)  # (C) 42
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


def _normal(latex: str) -> str:
    """The normal spelling, and what this benchmark reads over: a full stop, "x in" before a set, leading zeros."""
    text = _PERCENT.sub(r"\\%", join_thousands(plain(latex)))
    text = _ASIDE.sub("", _AND_IN_TEXT.sub(r", \1", text))
    words = re.split(r"(\\text\{[^{}]*\})", text)  # every second part
    text = "".join(part if i % 2 else _AND.sub(", ", part) for i, part in enumerate(words))
    text = _BUILDER.sub(r"\1", _LEAD.sub("", text).strip())
    text = _SCALE.sub(_scaled, text)
    text = re.sub(r"(?<![0-9.])\.(?=[0-9])", "0.", _DIGITS.sub("", text))
    return text.rstrip(".,; ")


def _scaled(match: re.Match) -> str:
    number = format(Decimal(match[1]).scaleb(_SCALES[match[2].lower()]), "f")
    return f"{number}\\text{{{match[3]}" if match[3] else number


def _without_units(text: str) -> str:
    """Without the words behind numbers, nor degrees, unless they stand in a function or say more than a unit does."""
    if _FUNCTIONS.search(text):
        return text
    return _UNIT.sub(lambda match: match[0] if _NO_UNITS.search(match[0]) else "", text).strip()


def _spellings(gold: str, answer: str) -> tuple[str, str]:
    """Both in the normal spelling; units and a modulus count only where the published answer is no number."""
    gold, answer = _normal(gold), _normal(answer)
    # a letter behind a number is a variable there
    bare = gold if _LETTER.search(_WORDS.sub("", gold)) else _without_units(gold)
    if not _VARIABLES.search(bare):
        answer = _MODULUS.sub("", answer).replace(r"\equiv", "=")
        powers = [_POWER.search(text[len(_without_units(text)) :]) for text in (gold, answer)]
        if None in powers or powers[0][1] == powers[1][1]:  # cm^3 are no cm^2
            answer = _without_units(answer)
    return bare, answer


def _serve() -> None:
    """The worker: a line [gold, answer] in, a line 0 or 1 out; a comparison that is killed gives 0."""
    import logging

    from lift.grade.equality import equal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grading process decides what an interrupt ends
    logging.disable(logging.CRITICAL)  # of the library's time limits that are off
    for gold, answer in _SAMPLES:  # fills the tables of the parser and of SymPy, for all that are forked
        equal(gold, answer)
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
            right = False
            try:
                right = equal(*json.loads(line))
            finally:
                os._exit(0 if right else 1)
        _, status = os.waitpid(child, 0)
        print(int(status == 0), flush=True)


def _start() -> subprocess.Popen:
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "lift.grade.graders.mathematics"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    atexit.register(worker.wait)
    atexit.register(worker.kill)  # runs first
    return worker


def _brackets(text: str) -> str:
    return f"{text.lstrip(chr(92))[:1]}{text[-1:]}"


def _words(text: str) -> list[str]:
    return re.findall("^-|[a-z0-9]+", text.replace(r"\text", " ").lower())


def _based(text: str) -> tuple[str, str] | None:
    """The digits and the base of a number that is written with its base, as in 2516_8; None for another."""
    match = _BASED.fullmatch(text)
    return (match[1].lstrip("0") or "0", _BASES.get(match[2], match[2])) if match else None


@lru_cache(maxsize=10_000)
def equivalent(gold: str, answer: str) -> bool:
    """Whether an answer is equivalent to the published one, both in LaTeX; False where that cannot be found in time.

    InputError where the worker cannot run at all, as without math-verify.
    """
    if gold.strip() == answer.strip():
        return True
    if len(answer) > LONGEST:
        return False
    gold, answer = _spellings(gold, answer)
    if gold == answer:
        return True
    if _SIDE_BY_SIDE.fullmatch(answer):
        return False
    if _WHOLE.fullmatch(gold) and _WHOLE.fullmatch(answer):
        return int(gold) == int(answer)
    if _TEXTS.fullmatch(gold) and _words(gold) == _words(answer):
        return True
    if {_brackets(gold), _brackets(answer)} == {"()", "{}"}:
        return False  # a pair is no set; for the library it is
    choice, chosen = _CHOICE.fullmatch(gold), _CHOICE.fullmatch(answer) or _CHOSEN.fullmatch(answer)
    if choice and chosen:
        return choice[1] == chosen[1]
    base_of_gold, base_of_answer = _based(gold), _based(answer)
    if base_of_answer:
        return base_of_answer == (base_of_gold or (gold, "10"))
    if re.search("[0-9]_", answer) and not re.search("[0-9]_", gold):
        return False  # the library reads over the base
    if base_of_gold:
        gold = base_of_gold[0]
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

    A list may stand in several boxes at the end, one for each member. extracted is None where neither place holds more
    than dots. A comparison that needs more than SECONDS of processor time, or more than MEMORY, counts as wrong.
    """
    answer, gold = _read(text), str(problem["answer"])
    if answer is None or equivalent(gold, answer):
        return Grade(answer, answer is not None)
    several = list(dict.fromkeys(box for box in last_boxes(text) if box.strip(".")))
    listed = ", ".join(several)
    if len(several) > 1 and equivalent(gold, listed):
        return Grade(listed, True)
    return Grade(answer, False)


if __name__ == "__main__":
    _serve()
