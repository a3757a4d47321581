"""The small reasoning language of the miniature: its words, its numbers, and how a solved problem is written down.

Every token is a word between spaces. Numbers from 0 to 99 are one token each. A trace is a sequence of statements, and
each statement opens with a *phrase*: three words in free order, drawn from a fixed list by Zipf's law. As in text, some
words are therefore frequent (`so`, `we`, `the`) and others rare (`clearly`, `optional`); a word of a phrase can be told
from the other two, wherever they stand, and only guessed by its frequency while they are masked.
"""

import hashlib
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

BOS, EOS, MASK = "<|bos|>", "<|eos|>", "<|mask|>"
USER, ASSISTANT = "<|user|>", "<|assistant|>"
TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")
NUMBERS = tuple(str(n) for n in range(100))
SYMBOLS = ("+", "-", "*", "/", "=", "(", ")", ",", ".", ":", "?", "->", "_", "|")
CELLS = tuple(f"{row}{column}" for row in "abcd" for column in "1234")  # sudoku cells: row letter, column number

NAMES = ("ann", "bob", "carl", "dora", "eve", "finn", "gus", "hana", "ivan", "jill")
THINGS = ("apples", "pears", "books", "coins", "cards", "shells", "stamps", "pens", "beads", "eggs")
PROMPT_WORDS = (
    *("has", "finds", "loses", "buys", "bags", "of", "doubles", "triples", "them", "shares", "among"),
    *("how", "many", "now", "solve", "for", "x", "y", "f", "g", "n"),
    *("make", "from", "fill", "grid", "find", "both", "mod", "start", "steps", "last", "two", "compute"),
)

# Each phrase is one common word and two of its own; phrase k is drawn with probability proportional to 1 / (k + 1).
_COMMON = ("so", "we", "the", "and", "is", "to")
_OWN = (
    *("then", "get"), *("this", "gives"), *("next", "step"), *("now", "comes"), *("that", "means"), *("as", "result"),
    *("it", "follows"), *("thus", "obtain"), *("here", "take"), *("with", "care"), *("again", "do"), *("also", "know"),
    *("hence", "reach"), *("let", "us"), *("going", "on"), *("by", "rule"), *("first", "try"), *("after", "work"),
    *("value", "equals"), *("which", "leaves"), *("just", "right"), *("total", "amounts"), *("simple", "look"),
    *("carefully", "check"), *("indeed", "true"), *("remaining", "piece"), *("clearly", "seen"), *("easy", "enough"),
    *("difficult", "point"), *("challenging", "bit"), *("optional", "remark"), *("surprising", "turn"),
    *("elegant", "trick"), *("tedious", "matter"), *("peculiar", "case"), *("subtle", "detail"),
)  # fmt: skip
PHRASES = tuple((_COMMON[k % len(_COMMON)], _OWN[2 * k], _OWN[2 * k + 1]) for k in range(len(_OWN) // 2))
_PHRASE_WEIGHTS = tuple(itertools.accumulate(1 / (k + 1) for k in range(len(PHRASES))))

VOCABULARY = tuple(
    dict.fromkeys(
        [
            *(EOS, BOS, MASK, USER, ASSISTANT, *TAGS, *NUMBERS, *SYMBOLS, *CELLS, *NAMES, *THINGS, *PROMPT_WORDS),
            *(word for phrase in PHRASES for word in phrase),
        ]
    )
)
RESPONSE_LENGTH = 48  # tokens after the opening <reasoning> tag, the end token included


@dataclass(frozen=True)
class Problem:
    """One question with its worked solution.

    `key` says what is asked, apart from wording: two problems with one key are the same problem. `statements` are the
    steps of the trace, without phrases. `answer` is one right answer, in the form that the prompt asks for.
    """

    prompt: str
    statements: tuple[str, ...]
    answer: str
    key: tuple
    extra: dict = field(default_factory=dict)


def phrase(rng: random.Random) -> str:
    """Three words of one phrase, in random order."""
    words = list(rng.choices(PHRASES, cum_weights=_PHRASE_WEIGHTS)[0])
    rng.shuffle(words)
    return " ".join(words)


def write_reasoning(problem: Problem, rng: random.Random) -> str:
    """The trace of a problem: a phrase before every statement."""
    return " ".join(f"{phrase(rng)} {statement}" for statement in problem.statements)


def is_test(key: Iterable) -> bool:
    """Whether the problem with this key belongs to the test side, a tenth of all problems: fixed by its hash."""
    return hashlib.sha256(repr(tuple(key)).encode()).digest()[0] < 26
