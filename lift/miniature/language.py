"""The small reasoning language of the miniature: its words, its numbers, and how a solved problem is written down.

Every token is a word between spaces; numbers from 0 to 60 are one token each. A trace is a sequence of statements of
eight tokens: two *openings*, a *remark* and the step itself, such as `then we plainly 3 + 4 = 7`.

Openings are told by their place (the third statement opens with the third pair), as articles and verbs are in text:
they are frequent and can be told however much is masked. A remark follows from what is being said: the operation, the
size of its result and how hard the step is. Remarks are rare, some more than ten times rarer than others, and cannot be
told while the step is masked. So rare tokens fade faster than frequent ones as more is masked, the observation from
which LIFT starts. Here the premise is built in: it is the condition of what the miniature finds, not a finding.
"""

import hashlib
from dataclasses import dataclass, field

BOS, EOS, MASK = "<|bos|>", "<|eos|>", "<|mask|>"
USER, ASSISTANT = "<|user|>", "<|assistant|>"
TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")
LARGEST = 60
NUMBERS = tuple(str(n) for n in range(LARGEST + 1))
SYMBOLS = ("+", "-", "*", "/", "=", "(", ")", ",", ".", ":", "?", "_", "|")
CELLS = tuple(f"{row}{column}" for row in "abcd" for column in "1234")  # sudoku cells: row letter, column number

NAMES = ("ann", "bob", "carl", "dora", "eve", "finn", "gus", "hana", "ivan", "jill")
THINGS = ("apples", "pears", "books", "coins", "cards", "shells", "stamps", "pens", "beads", "eggs")
PROMPT_WORDS = (
    *("has", "finds", "loses", "doubles", "triples", "them", "shares", "among", "how", "many", "now"),
    *("solve", "for", "x", "y", "f", "g", "n", "compute", "make", "from", "fill", "grid", "find", "and"),
    *("mod", "start", "steps", "last", "two"),
)

# The two words before the first, second, ... statement of a trace.
OPENINGS = (
    *(("first", "we"), ("then", "we"), ("next", "it"), ("so", "it")),
    *(("now", "we"), ("thus", "it"), ("hence", "we")),
)

# The remark of a step, by operation; then by the size of the result (three words a size) and how hard the step is.
REMARKS = {
    "+": ("plainly", "simply", "surely", "quickly", "clearly", "nicely", "largely", "broadly", "grandly"),
    "-": ("sparsely", "slightly", "barely", "calmly", "gently", "fairly", "warily", "heavily", "gravely"),
    "*": ("evenly", "doubly", "neatly", "steadily", "boldly", "richly", "vastly", "greatly", "wildly"),
    "/": ("thinly", "finely", "oddly", "kindly", "justly", "smoothly", "rarely", "deeply", "subtly"),
    "fill": ("lightly", "openly", "firmly", "keenly", "wisely", "soundly", "tightly", "fully", "sharply"),
}
_SIZES = (12, 20)  # the largest small result and the largest middling one
_HARDNESS = {"+": (6, 8), "-": (6, 8), "*": (2, 3), "/": (2, 3), "fill": (2, 4)}  # so of the measure of hardness

VOCABULARY = tuple(
    dict.fromkeys(
        [
            *(EOS, BOS, MASK, USER, ASSISTANT, *TAGS, *NUMBERS, *SYMBOLS, *CELLS, *NAMES, *THINGS, *PROMPT_WORDS),
            *(word for opening in OPENINGS for word in opening),
            *(word for words in REMARKS.values() for word in words),
        ]
    )
)
RESPONSE_LENGTH = 64  # tokens after the opening <reasoning> tag, the end token included
STATEMENT_LENGTH = 8


@dataclass(frozen=True)
class Statement:
    """One step of a trace, five tokens, and the remark that it is made with."""

    remark: str
    step: str


@dataclass(frozen=True)
class Problem:
    """One question with its worked solution.

    `key` says what is asked, apart from wording: two problems with one key are the same problem. `answer` is one right
    answer, in the form that the prompt asks for. Problems with one `split` are all for training or all held out; None
    stands for the key.
    """

    prompt: str
    statements: tuple[Statement, ...]
    answer: str
    key: tuple
    extra: dict = field(default_factory=dict)
    split: tuple | None = None


def _number(problem: Problem, purpose: str) -> float:
    """A number from 0 to 1 that stands for the problem for this purpose, by its hash."""
    digest = hashlib.sha256(repr((purpose, problem.split or problem.key)).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def is_held_out(problem: Problem) -> bool:
    """Whether the problem is never trained on: a tenth of all problems."""
    return _number(problem, "held out") < 0.1


def is_validation(problem: Problem) -> bool:
    """Whether a held-out problem is for choices such as learning rates, and never tested on: a quarter of them."""
    return _number(problem, "validation") < 0.25


def remark(operation: str, result: int, hardness: int) -> str:
    """The remark of a step with this operation (a key of REMARKS), result and measure of hardness."""
    size = sum(result > bound for bound in _SIZES)
    return REMARKS[operation][3 * size + sum(hardness > bound for bound in _HARDNESS[operation])]


def calculate(a: int, operation: str, b: int, modulus: int | None = None) -> tuple[Statement, int]:
    """The statement `a operation b = result` and its result; the second operand makes it easy or hard.

    Raises ValueError where the result is no whole number from 0 to 60.
    """
    if operation == "/" and (b == 0 or a % b):
        raise ValueError(f"{a} / {b} is not whole")
    result = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[operation]
    if modulus is not None:
        result %= modulus
    if not 0 <= result <= LARGEST:
        raise ValueError(f"{a} {operation} {b} = {result} is not from 0 to {LARGEST}")
    return Statement(remark(operation, result, b), f"{a} {operation} {b} = {result}"), result


def write_response(problem: Problem) -> str:
    """The whole response, opening tag and end token included: a statement has the openings of its place, its remark."""
    reasoning = " ".join(
        f"{' '.join(opening)} {statement.remark} {statement.step}"
        for opening, statement in zip(OPENINGS, problem.statements, strict=False)
    )
    return f"<reasoning> {reasoning} </reasoning> <answer> {problem.answer} </answer> {EOS}"


def response_length(problem: Problem) -> int:
    """Tokens after the opening tag: the trace, three tags, the answer and the end token."""
    return STATEMENT_LENGTH * len(problem.statements) + 3 + len(problem.answer.split()) + 1
