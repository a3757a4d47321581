"""Graders of the published benchmarks: what is read from a response, what counts as right, and the grade command."""

import csv
import gzip
import json
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import lift.__main__
from lift.data import published_answers
from lift.errors import InputError
from lift.grade.boxes import boxes, without_boxes
from lift.grade.graders import Grade, countdown, gsm8k, mathematics, sudoku
from lift.grade.graders.expression import evaluate
from lift.grade.judge import grade_rows

DATA = Path(__file__).parent / "data"
PUBLISHED = DATA / "published_answers"
SLOW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
QUICK = settings(deadline=None, max_examples=150)
COMMANDS = [r"\boxed{", "}", r"\frac{1}{2}", r"\text{", r"\sqrt", r"\left(", r"\right)", r"\begin{pmatrix}", r"\\", "{"]
SIGNS = [*"&$%^_-x=,< \n\\", "12", "0.5", "1,000", "...", "</", "\N{MINUS SIGN}"]
FRAGMENTS = [*COMMANDS, *SIGNS, "<answer>", "</answer>", "```", "1234341221434321", "\ud800", "\x00"]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))


def lines(name: str) -> list[dict]:
    return [json.loads(line) for line in (PUBLISHED / name).read_text().splitlines()]


def boxed(content: str, answer: str = "") -> str:
    return f"so.\n</reasoning>\n<answer>\n{answer}\\boxed{{{content}}}\n</answer>"


# Boxes


@pytest.mark.parametrize(
    "text, expected",
    [
        (r"\boxed{18}", ["18"]),
        ("\\boxed{\n18\n}", ["18"]),
        (r"\boxed {18} and \boxed{}", ["18", ""]),
        (r"\boxed{\frac{1}{2}} \fbox{3}", [r"\frac{1}{2}", "3"]),
        (r"\boxed{\{1, 2\}}", [r"\{1, 2\}"]),
        (r"\boxed{\left\{ 1 \right.}", [r"\left\{ 1 \right."]),  # an escaped brace opens nothing
        (r"\boxed{x = \boxed{3}}", [r"x = \boxed{3}", "3"]),
        (r"\boxed{360\text{ hours} hours." "\n</answer> }", [r"360\text{ hours}"]),  # the last brace in the line
        ("\\boxed{34", []),
        ("\\boxed{120\n</answer}", []),
        ("\\boxed{36>\n}", ["36>"]),
        ("boxed{4} $4$ \\boxed", ["4"]),
        ("", []),
    ],
)
def test_boxes(text, expected):
    assert boxes(text) == expected


@pytest.mark.parametrize(
    "answer, expected",
    [
        ("5", "5"),
        (r"\boxed{}101", "101"),
        (r"\boxed{...}", ""),
        (r"\boxed{48 + 29>", "48 + 29"),
        (r"It is \boxed{2000", "2000"),
    ],
)
def test_without_boxes(answer, expected):
    assert without_boxes(answer) == expected


# GSM8K

NUMBER_FORMS = [
    "{n}",
    "{n:,}",
    "{n}.0",
    "{n:,}.00",
    " {n} ",
    "\n{n}\n",
    "\\${n:,}",
    "${n}$",
    "{n}\\%",
    "{n} apples",
    "{n}\\text{{ apples}}",
    "{n} \\text{{ square feet}} for 3 days",
    "\\text{{{n}}}",
    "\\textbf{{{n:,}}}",
    "{{{n}}}",
    "x = {n}",
    "\\frac{{{n}}}{{1}}",
    "{n}/1",
    "{n}.",
]
NUMBERS = st.one_of(st.integers(-3000, 3000), st.integers(-(10**9), 10**9))


def thousands(n: int) -> list[str]:
    return [f"{n:,}".replace(",", comma) for comma in (r"\,", "{,}", r",\!")]


@QUICK
@given(gold=NUMBERS, other=NUMBERS, form=st.sampled_from(NUMBER_FORMS), written=st.booleans(), tag=st.booleans())
def test_gsm8k_is_right_where_the_numbers_are_equal(gold, other, form, written, tag):
    problem = {"answer": f"{gold:,}" if written else f"{gold}.0"}
    text = boxed if tag else lambda content: f"1 + 1 = 2.\n<answer>{content}</answer> 7"
    if not tag:
        form = form.replace("for 3 days", "").replace("\\frac", "").replace("{{1}}", "")  # there the last number counts
    assert gsm8k.grade(text(form.format(n=gold)), problem).correct
    assert gsm8k.grade(text(form.format(n=other)), problem).correct == (other == gold)


@QUICK
@given(gold=NUMBERS, other=NUMBERS, choice=st.integers(0, 2))
def test_gsm8k_reads_latex_thousands(gold, other, choice):
    problem = {"answer": str(gold)}
    assert gsm8k.grade(boxed(thousands(gold)[choice]), problem) == Grade(str(gold), True)
    assert gsm8k.grade(boxed(thousands(other)[choice]), problem).correct == (gold == other)


@QUICK
@given(first=NUMBERS, second=NUMBERS, empty=st.sampled_from(["", "...", ".", "x", "\\text{no number}", "\\ldots"]))
def test_gsm8k_takes_the_first_box_with_a_number(first, second, empty):
    assume(first != second)
    text = rf"\boxed{{{empty}}} then \boxed{{{first}}} or \boxed{{{second}}} <answer>{second}</answer>"
    assert gsm8k.grade(text, {"answer": str(first)}).correct
    assert not gsm8k.grade(text, {"answer": str(second)}).correct
    text = rf"\boxed{{{empty}}} <answer>{first} less is {second}</answer> {first}"
    assert gsm8k.grade(text, {"answer": str(second)}).correct


@pytest.mark.parametrize(
    "text, extracted",
    [
        (r"\boxed{86, 42}", "86"),
        (r"\boxed{9,10}", "9"),
        (r"\boxed{1,20}", "1"),
        (r"\boxed{1040,000}", "1040000"),
        (r"\boxed{.5}", ".5"),
        (r"\boxed{0.75\%}", "0.75"),
        (r"\boxed{\$-5}", "-5"),
        (r"\boxed{-\$5}", "-5"),
        ("\\boxed{\N{MINUS SIGN}5}", "-5"),
        (r"\boxed{\frac{2}{3}}", "2/3"),
        (r"\boxed{2/3}", "2/3"),
        (r"\boxed{2\frac{1}{3} cups}", "7/3"),
        (r"\boxed{2 1/3}", "7/3"),
        (r"\boxed{-\dfrac{6}{2}}", "-6/2"),
        (r"\boxed{1/0}", "1/0"),
        (r"\boxed{2:00 pm}", "2"),
        (r"\boxed{...}", None),
        (r"<answer>\boxed{}101</answer>", "101"),
        ("<answer>\n\\boxed{36>", "36"),
        ("<answer>\nboxed{27}\n</answer>", "27"),
        ("<answer>20-16 = 4</answer>", "4"),
        ("<answer>20-16</answer>", "16"),
        ("<answer>$400</answer>", "400"),
        ("<answer>none</answer> 5", None),
        ("The answer is 5.", None),
        ("\\boxed{34", None),
        ("", None),
    ],
)
def test_gsm8k_reads(text, extracted):
    assert gsm8k.grade(text, {"answer": "1000003"}) == Grade(extracted, False)


@pytest.mark.parametrize(
    "answer, gold",
    [
        (r"\frac{2}{3}", "2"),
        ("2/3", "2"),
        (r"2\frac{1}{2}", "2"),
        ("1/0", "1"),
        ("9" * 5000, "9"),
        ("1,20", "120"),
        ("18.5", "18"),
    ],
)
def test_gsm8k_is_not_fooled(answer, gold):
    assert not gsm8k.grade(boxed(answer), {"answer": gold}).correct


# Mathematics


@pytest.mark.parametrize(
    "gold, answer",
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{1}{2}", "1/2"),
        (r"\frac 34", r"\dfrac{3}{4}"),
        (r"\frac43", r"1\frac13"),
        (r"137 \frac{1}{2}", "137.5"),
        (r"11\sqrt2", r"11 \sqrt{2}"),
        (r"11\sqrt2", "11\N{SQUARE ROOT}2"),
        (r"\frac{\sqrt{3}}{3}", r"\sqrt{3}/3"),
        (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt 3}"),
        ("18+2\\pi", "2(9+\N{GREEK SMALL LETTER PI})"),
        (r"10,\!080", "10,080"),
        (r"10,\!080", r"10\,080"),
        (r"10,\!080", r"7! \times 2!"),
        ("58,500", "58500"),
        (r"\$18.90", "18.9"),
        (r"5.4 \text{ cents}", "5.40"),
        (r"36^\circ", "36"),
        (r"36^\circ", "36\N{DEGREE SIGN}."),
        (r"864 \mbox{ inches}^2", "864"),
        ("12", "12 cm"),
        ("10", r"10\%"),
        ("3, 5, 7", "7, 5, 3"),
        (r"3 \pm 2 \sqrt{2}", r"3 - 2\sqrt{2}, 3 + 2\sqrt{2}"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"),
        ("(2,\\infty)", "x > 2"),
        (r"x \in [-2,7]", "[-2, 7]"),
        (r"x \in [-2,7]", r"-2 \le x \le 7"),
        (r"(-\infty, 2) \cup (3, \infty)", r"(3,\infty)\cup(-\infty,2)"),
        ("x=5", "5"),
        ("5", "x = 5"),
        ("31", "8 + 8 + 15 = 31 units"),
        ("y = 2x + 3", "y = 3 + 2x"),
        ("5x - 7y + 11z + 4 = 0", "10x - 14y + 22z + 8 = 0"),
        ("(a+5)(b+2)", "ab + 2a + 5b + 10"),
        ("6 - 5i", "-5i + 6"),
        (r"\cot x", r"\frac{\cos x}{\sin x}"),
        (r"\begin{pmatrix} 1/5 \\ -18/5 \end{pmatrix}", r"\begin{bmatrix} 0.2 \\ -3.6 \end{bmatrix}"),
        ("2516_8", "2516_{8}"),
        ("2516_8", "2516"),
        (r"\text{Evelyn}", "Evelyn"),
        (r"\text{(C)}", r"\textbf{C}"),
        ("073", "73"),
        (r"336^\circ", "336"),
        ("0", "-0"),
        (".0000672", r"6.72 \times 10^{-5}"),
        ("18", r"\approx 18"),
    ],
)
def test_mathematics_right(gold, answer):
    assert mathematics.grade(boxed(answer), {"answer": gold}) == Grade(answer, True)


@pytest.mark.parametrize(
    "gold, answer",
    [
        (r"\frac{1}{2}", r"\frac{2}{1}"),
        (r"\frac{1}{3}", "0.333"),
        (r"\sqrt{51}", "7.14"),
        (r"\pi", "3.14"),
        (".0000672", "0.0000673"),
        ("40", "4{10}"),
        ("14", "4{10}"),  # math-verify adds them
        ("9", "1 8"),
        ("18", "1 8"),
        ("3, 5, 7", "3, 5"),
        ("3, 5, 7", "3, 5, 8"),
        ("1,-2", "1"),
        ("(2,4)", "(4,2)"),
        ("(2,4)", "4, 2"),
        ("(2,4)", "[2,4]"),
        ("(3,4]", "(3,4)"),
        (r"3 \pm 2 \sqrt{2}", r"3 + 2\sqrt{2}"),
        ("x=5", "y=5"),
        ("2k", "2n"),
        ("p - q", "q - p"),
        ("y = 2x + 3", "y = 2x - 3"),
        ("6 - 5i", "6 + 5i"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 2 \\ 1 \end{pmatrix}"),
        ("2516_8", "2516_9"),
        ("31", "31_8"),
        (r"\text{east}", "seat"),
        (r"\text{(C)}", r"\text{(B)}"),
        ("073", "730"),
        ("204", "1204"),
        ("204", r"\text{no solution}"),
        ("204", r"\frac{1}{"),
        ("204", "-204"),
    ],
)
def test_mathematics_wrong(gold, answer):
    assert not mathematics.grade(boxed(answer), {"answer": gold}).correct


FRACTION_FORMS = [
    r"\frac{{{a}}}{{{b}}}",
    r"\dfrac{{{a}}}{{{b}}}",
    "{a}/{b}",
    r"\left(\frac{{{a}}}{{{b}}}\right)",
    r"x = \frac{{{a}}}{{{b}}}",
    r"\frac{{-{a}}}{{-{b}}}",
    r"{{{{\frac{{{a}}}{{{b}}}}}}}",
    "\n\\frac{{{a}}}{{{b}}}.\n",
]
SMALL = st.integers(1, 30)


@SLOW
@given(a=SMALL, b=SMALL, factor=st.integers(1, 5), c=SMALL, d=SMALL, form=st.sampled_from(FRACTION_FORMS))
def test_mathematics_compares_fractions(a, b, factor, c, d, form):
    problem = {"answer": rf"\frac{{{a}}}{{{b}}}"}
    assert mathematics.grade(boxed(form.format(a=a * factor, b=b * factor)), problem).correct
    assert mathematics.grade(boxed(form.format(a=c, b=d)), problem).correct == (Fraction(a, b) == Fraction(c, d))


@SLOW
@given(numbers=st.lists(st.integers(-50, 50), min_size=2, max_size=4, unique=True), data=st.data())
def test_mathematics_knows_what_has_an_order(numbers, data):
    other = data.draw(st.permutations(numbers))
    plain, permuted = (", ".join(map(str, part)) for part in (numbers, other))
    assert mathematics.grade(boxed(permuted), {"answer": plain}).correct
    assert mathematics.grade(boxed(f"({permuted})"), {"answer": f"({plain})"}).correct == (numbers == other)


@QUICK
@given(first=st.integers(0, 999), last=st.integers(0, 999), empty=st.sampled_from(["", "...", " "]))
def test_mathematics_takes_the_last_box_that_is_filled(first, last, empty):
    text = rf"\boxed{{{first}}} so \boxed{{{last:03}}} <answer>\boxed{{{empty}}}</answer>"
    grade = mathematics.grade(text, {"answer": str(last)})
    assert (grade.extracted, grade.correct) == (f"{last:03}", True)
    assert mathematics.grade(text, {"answer": f"{first:03}"}).correct == (first == last)


@pytest.mark.parametrize(
    "text, extracted",
    [
        ("<answer>7</answer>", "7"),
        ("<answer>\n\\frac{1}{4}\n</answer>", r"\frac{1}{4}"),
        ("<answer>It is $x$, so $\\frac{1}{4}$.</answer>", r"\frac{1}{4}"),
        ("<answer>\\(5\\) or \\[6\\]", "6"),
        ("<answer>\\boxed{2000\n</answer>", "2000"),
        ("<answer>\\boxed{...}</answer>", None),
        ("<answer></answer> 7", None),
        ("\\boxed{23>", None),
        ("it is 7", None),
        ("", None),
    ],
)
def test_mathematics_reads(text, extracted):
    assert mathematics.grade(text, {"answer": "1000003"}) == Grade(extracted, False)


def test_an_endless_comparison_is_wrong_and_harms_no_other():
    started = time.monotonic()
    assert not mathematics.equivalent("73", "9^{9^{9^{9}}}")
    assert time.monotonic() - started > 0.5 * mathematics.SECONDS  # it was cut off, not refused
    assert mathematics.equivalent(r"\frac{1}{2}", r"\frac{4}{8}")


def test_verdicts_depend_on_neither_thread_nor_order():
    rows = lines("math500.jsonl")

    def verdicts(rows: list[dict]) -> list[bool]:
        mathematics.equivalent.cache_clear()
        return [mathematics.grade(row["generation"], {"answer": row["ground_truth"]}).correct for row in rows]

    found = []
    thread = threading.Thread(target=lambda: found.extend(verdicts(rows[::-1])))
    thread.start()
    thread.join()
    assert found[::-1] == verdicts(rows)
    assert set(found) == {True, False}


def test_mathematics_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mathematics, "_IDLE", {})  # a worker that starts here
    for call in ("__import__('os').mkdir('made')", "open('made', 'w')"):
        for answer in (call, rf"\text{{{call}}}", f"0 + {call}"):
            assert not mathematics.grade(boxed(answer), {"answer": "7"}).correct
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_cannot_run_is_said(monkeypatch):
    monkeypatch.setattr(mathematics, "_IDLE", {})
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputError, match="has ended"):
        mathematics.equivalent("1", "x + 987")


# Countdown


def problem_of(expression: str) -> dict | None:
    """The numbers and the value of an expression, None where it is no whole number."""
    value, used = evaluate(expression)
    if value is None or value.denominator != 1:
        return None
    return {"numbers": list(used.elements()), "target": int(value)}


@st.composite
def expressions(draw) -> str:
    """Three or four numbers, with operators and parentheses."""
    parts = [str(n) for n in draw(st.lists(st.integers(1, 99), min_size=3, max_size=4))]
    while len(parts) > 1:
        i = draw(st.integers(0, len(parts) - 2))
        operator = draw(st.sampled_from("+-*/"))
        parts[i : i + 2] = [f"({parts[i]} {operator} {parts[i + 1]})"]
    return parts[0]


def in_latex(expression: str, operators: dict[str, str]) -> str:
    for plain, latex in operators.items():
        expression = expression.replace(plain, latex)
    return expression


LATEX = [
    {"*": r"\times", "/": r"\div"},
    {"*": r"\cdot", "/": r"\div"},
    {"*": "\N{MULTIPLICATION SIGN}", "/": "\N{DIVISION SIGN}", "-": "\N{MINUS SIGN}"},
    {"(": r"\left(", ")": r"\right)", "*": r" \times "},
    {" ": ""},
    {" ": r"\, "},
    {" ": "\n"},
    {"(": "{(", ")": ")}"},
    {"(": "[", ")": "]"},
]


@QUICK
@given(
    expression=expressions(),
    latex=st.sampled_from(LATEX),
    form=st.sampled_from(["{}", "{} = 5", "${}$", "{}.", "\\({}\\)"]),
)
def test_countdown_reads_latex(expression, latex, form):
    problem = problem_of(expression)
    assume(problem)
    written = form.format(in_latex(expression, latex))
    assert countdown.grade(boxed(written), problem).correct
    assert countdown.grade(f"<answer>{written}</answer>", problem).correct
    assert not countdown.grade(boxed(written), problem | {"target": problem["target"] + 1}).correct


@QUICK
@given(expression=expressions(), data=st.data())
def test_countdown_wants_each_number_once(expression, data):
    problem = problem_of(expression)
    assume(problem)
    numbers, target = problem["numbers"], problem["target"]
    shuffled = data.draw(st.permutations(numbers))
    changed = data.draw(st.sampled_from([numbers[1:], [*numbers, numbers[0]], [numbers[0] + 1, *numbers[1:]]]))
    assert countdown.grade(boxed(expression), problem | {"numbers": shuffled}).correct
    assert not countdown.grade(boxed(expression), problem | {"numbers": changed}).correct
    assert not countdown.grade(boxed(f"{expression} * 1"), problem).correct  # a number more
    assert not countdown.grade(
        boxed(f"{target} = {expression}"), {"numbers": [*numbers, 1000], "target": target}
    ).correct


@QUICK
@given(a=st.integers(1, 99), b=st.integers(1, 99), c=st.integers(1, 99))
def test_countdown_reads_fractions_and_signs(a, b, c):
    quotient = {"numbers": [a * c, c, b], "target": a + b}
    assert countdown.grade(boxed(rf"\frac{{{a * c}}}{{{c}}} + {b}"), quotient).correct
    assert countdown.grade(boxed(rf"{b} + \dfrac{{{a * c}}}{{{c}}}"), quotient).correct
    nested = {"numbers": [a * c, c, b, b], "target": a}
    assert countdown.grade(boxed(rf"\frac{{\frac{{{a * c} \times {b}}}{{{c}}}}}{{{b}}}"), nested).correct
    assert countdown.grade(boxed(f"-{a} + {b} * {c}"), {"numbers": [a, b, c], "target": b * c - a}).correct
    assert not countdown.grade(boxed(f"-{a} + {b} * {c}"), {"numbers": [a, b, c], "target": a + b * c}).correct
    assert not countdown.grade(boxed(f"-{a} + {b} * {c}"), {"numbers": [a, b, c, 0], "target": b * c - a}).correct


@QUICK
@given(first=expressions(), last=expressions())
def test_countdown_takes_the_last_box(first, last):
    right, wrong = problem_of(last), problem_of(first)
    assume(right and wrong)
    assume(right["target"] != wrong["target"] or sorted(right["numbers"]) != sorted(wrong["numbers"]))
    text = rf"\boxed{{{first}}} <answer>{first}</answer> \boxed{{{last}}}"
    assert countdown.grade(text, right).correct
    assert not countdown.grade(text, wrong).correct


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "...",
        "4 ** 6",
        "46",
        "4 6 1 *",
        "max(4, 6)",
        "4 * x",
        "4 * 6 * 1.0",
        "4 // 1 * 6",
        "9**9**9",
        "(" * 4000,
        "1+" * 9999,
    ],
)
def test_countdown_without_an_expression_is_wrong(answer):
    grade = countdown.grade(boxed(answer), {"numbers": [4, 6, 1], "target": 24})
    assert not grade.correct
    assert grade.extracted == (answer if answer == "46" else None)


@pytest.mark.parametrize("answer", ["__import__('os').mkdir('made')", "[open('made', 'w')][0]", "().__class__"])
def test_countdown_runs_nothing(answer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert countdown.grade(boxed(answer), {"numbers": [1], "target": 1}) == Grade(None, False)
    assert list(tmp_path.iterdir()) == []


# Sudoku

SOLUTION = "1234341221434321"
LAYOUTS = [
    "<answer>\n{}\n</answer>",
    "<answer>{}",
    "<answer>\n```\n{}\n```\n</answer>",
    "<answer>the grid is\n```\n{}\n```\n</answer>",
    "<answer></answer>\n{}",
    "{}\n</answer>",
    "the puzzle is solved: {}.",
    "<answer>[{}]</answer>",
]
EMPTY = st.sets(st.integers(0, 15), min_size=1)


def puzzle_of(empty: set[int]) -> dict:
    return {"puzzle": "".join("0" if i in empty else digit for i, digit in enumerate(SOLUTION)), "answer": SOLUTION}


def changed(cell: int) -> str:
    """The solution with another digit in a cell."""
    return f"{SOLUTION[:cell]}{int(SOLUTION[cell]) % 4 + 1}{SOLUTION[cell + 1 :]}"


@QUICK
@given(empty=EMPTY, cell=st.integers(0, 15), layout=st.sampled_from(LAYOUTS))
def test_sudoku_counts_the_empty_cells(empty, cell, layout):
    problem, size = puzzle_of(empty), len(empty)
    assert sudoku.grade(layout.format(SOLUTION), problem) == Grade(SOLUTION, True, (size, size), True)
    wrong = changed(cell)
    assert sudoku.grade(layout.format(wrong), problem) == Grade(wrong, False, (size - (cell in empty), size), False)


@QUICK
@given(empty=EMPTY, length=st.integers(0, 15), more=st.text("01234", min_size=1, max_size=5))
def test_sudoku_of_another_length_counts_as_in_the_release_but_is_invalid(empty, length, more):
    problem, size = puzzle_of(empty), len(empty)
    short, long = f"<answer>{SOLUTION[:length]}</answer>", f"<answer>{SOLUTION}{more}</answer>"
    assert sudoku.grade(short, problem) == Grade(None, False, (len([i for i in empty if i < length]), size), False)
    assert sudoku.grade(long, problem) == Grade(None, False, (size, size), False)


@pytest.mark.parametrize("layout", ["{} {} {} {}", "{}\n{}\n{}\n{}\n", "{}\n\n{}\n\n{}\n\n{}", "{} | {} | {} | {}"])
def test_sudoku_reads_rows(layout):
    grid = layout.format(*(SOLUTION[i : i + 4] for i in (0, 4, 8, 12)))
    assert sudoku.grade(f"<answer>{grid}</answer>", puzzle_of({0, 5})) == Grade(SOLUTION, True, (2, 2), True)


def test_sudoku_reads_in_the_order_of_the_release():
    other, third, fourth = "4321214334121234", "1111111111111111", "2222222222222222"
    problem = puzzle_of({0})
    whole = f"{third}\n<answer>{other}\n```\n{SOLUTION}\n```</answer>{fourth}"
    assert sudoku.grade(whole, problem).extracted == SOLUTION
    assert sudoku.grade(whole.replace("```", ""), problem).extracted is None  # the answer holds both grids
    assert sudoku.grade(f"{third}\n<answer>{other}</answer>{fourth}", problem).extracted == other
    assert sudoku.grade(f"{third}\n<answer> </answer>{fourth}", problem).extracted == fourth
    assert sudoku.grade(f"{fourth}, {third}</answer>", problem).extracted == third
    assert sudoku.grade(f"x {fourth}, {third}", problem).extracted == fourth
    assert sudoku.grade(f"x{fourth}", problem).extracted is None  # not alone


def test_sudoku_knows_another_solution():
    """Of 4x4 puzzles some have several; another one than the published is valid, though not correct."""
    other = "1234341243212143"
    problem = {"puzzle": "1234341200000000", "answer": SOLUTION}
    assert sudoku.grade(f"<answer>{other}</answer>", problem) == Grade(other, False, (0, 8), True)
    assert not sudoku.grade(
        f"<answer>{other}</answer>", problem | {"puzzle": "1234341220000000"}
    ).valid  # a given is lost
    for wrong in ("1212343421214343", "1324241313242413", "1234234134124123"):  # rows, columns, boxes
        assert not sudoku.grade(f"<answer>{wrong}</answer>", puzzle_of(set(range(16)))).valid


def test_sudoku_calls_a_copied_puzzle_invalid():
    problem = puzzle_of({0, 1})
    assert sudoku.grade(f"<answer>{problem['puzzle']}</answer>", problem) == Grade(None, False, (0, 2), False)


# Any text


@pytest.mark.parametrize(
    "grader, problem",
    [
        (gsm8k, {"answer": "18"}),
        (countdown, {"numbers": [1, 2], "target": 3}),
        (sudoku, puzzle_of({0, 3, 9})),
    ],
    ids=["gsm8k", "countdown", "sudoku"],
)
@QUICK
@given(text=TEXTS, wrap=st.booleans())
def test_any_text_gets_a_verdict(grader, problem, text, wrap):
    grade = grader.grade(boxed(text) if wrap else text, problem)
    assert isinstance(grade.correct, bool)
    assert grade.extracted is not None or not grade.correct
    assert (grade.cells is None) == (grade.valid is None) == (grader is not sudoku)
    if grade.cells:
        assert 0 <= grade.cells[0] <= grade.cells[1] == 3
        assert grade.valid or not grade.correct


@SLOW
@given(text=TEXTS, wrap=st.booleans(), gold=st.sampled_from(["73", r"\frac{\pi}{6}", "(2,\\infty)", r"\text{east}"]))
def test_any_text_gets_a_verdict_of_mathematics(text, wrap, gold):
    grade = mathematics.grade(boxed(text) if wrap else text, {"answer": gold})
    assert isinstance(grade.correct, bool)
    assert grade.extracted is not None or not grade.correct


# The command


def run(monkeypatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["lift", "grade", *map(str, arguments)])
    return lift.__main__.main()


def grade(monkeypatch, folder: Path, benchmark: str, generations: Path, *more: object) -> list[dict]:
    output = folder / "new" / "out.csv"
    arguments = ("--benchmark", benchmark, "--generations", generations, "--output", output, *more)
    assert run(monkeypatch, *arguments) == 0
    with open(output, newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize("benchmark", ["gsm8k", "math500", "countdown"])
def test_published_answers_are_judged_as_read(benchmark, tmp_path, monkeypatch):
    """The disputed answers and some others; ours is the verdict of whoever read them (docs/agreement.md)."""
    problems = ("--problems", PUBLISHED / "gsm8k_problems.jsonl") if benchmark == "gsm8k" else ()
    rows = grade(monkeypatch, tmp_path, benchmark, PUBLISHED / f"{benchmark}.jsonl", *problems)
    expected = lines(f"{benchmark}.jsonl")
    assert [int(row["correct"]) for row in rows] == [row["right"] for row in expected]
    assert [row["line"] for row in rows] == [str(i) for i in range(len(expected))]
    assert {row["truncated"] for row in rows} == {"0"}
    assert any(row["right"] != row["release"] for row in expected)
    assert {row["right"] for row in expected if row["right"] == row["release"]} == {0, 1}


def test_published_sudoku_answers_have_the_cells_of_the_release(tmp_path, monkeypatch, capsys):
    rows = grade(monkeypatch, tmp_path, "sudoku", PUBLISHED / "sudoku.jsonl")
    expected = lines("sudoku.jsonl")
    assert [int(row["correct_cells"]) for row in rows] == [row["release"] for row in expected]
    assert [int(row["correct"]) for row in rows] == [row["solved"] for row in expected]
    assert [int(row["valid"]) for row in rows] == [row["valid"] for row in expected]
    assert {row["empty_cells"] for row in rows} == {"8"}
    assert [row["invalid"] == "0" for row in rows] == [bool(row["extracted"]) for row in rows]
    share = 100 * sum(row["release"] for row in expected) / (8 * len(expected))
    output = capsys.readouterr().out
    assert f"sudoku: {len(expected)} answers" in output
    assert f"cell accuracy: {share:.1f}% [" in output
    assert (
        f"puzzles solved as published: {100 * sum(row['solved'] for row in expected) / len(expected):.1f}% [" in output
    )
    assert "puzzles solved in any way" in output


def test_a_null_ground_truth_does_not_count_or_is_joined(tmp_path, monkeypatch, capsys):
    path = PUBLISHED / "gsm8k.jsonl"
    null = [i for i, row in enumerate(lines("gsm8k.jsonl")) if row["ground_truth"] is None]
    assert len(null) == 4
    rows = grade(monkeypatch, tmp_path, "gsm8k", path)
    assert [i for i, row in enumerate(rows) if row["correct"] == ""] == null
    assert {rows[i]["extracted"] + rows[i]["invalid"] for i in null} == {""}
    output = capsys.readouterr().out
    assert f"gsm8k: {len(rows) - 4} answers" in output
    assert "4 answers do not count" in output
    assert "--problems" in output
    joined = grade(monkeypatch, tmp_path, "gsm8k", path, "--problems", PUBLISHED / "gsm8k_problems.jsonl")
    assert [joined[i]["correct"] for i in null] == ["1"] * 4
    assert {joined[i]["extracted"] for i in null} == {"-10", "-3"}
    assert "do not count" not in capsys.readouterr().out
    one = write(tmp_path / "one.jsonl", (PUBLISHED / "gsm8k_problems.jsonl").read_text().splitlines()[0])
    grade(monkeypatch, tmp_path, "gsm8k", path, "--problems", one)
    assert "2 answers do not count" in capsys.readouterr().out


@pytest.mark.parametrize("token", ["<|eot_id|>", "<|endoftext|>", "<|im_end|>"])
def test_only_what_stands_before_the_end_token_is_judged(token, tmp_path, monkeypatch):
    row = {"question": "q", "ground_truth": 18}
    path = write(
        tmp_path / "a.jsonl",
        row | {"generation": rf"<answer>{token}\boxed{{18}}</answer>"},
        "",
        row | {"generation": r"\boxed{18}"},
        row | {"generation": rf"\boxed{{18}}{token}{token}\boxed{{19}}"},
    )
    rows = grade(monkeypatch, tmp_path, "gsm8k", path)
    names = ("line", "extracted", "correct", "invalid", "truncated")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("0", "", "0", "1", "0"),
        ("2", "18", "1", "0", "1"),
        ("3", "18", "1", "0", "0"),
    ]
    assert list(rows[0]) == list(names)


def test_a_compressed_file_gives_the_same(tmp_path, monkeypatch):
    path = PUBLISHED / "countdown.jsonl"
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert grade(monkeypatch, tmp_path, "countdown", packed) == grade(monkeypatch, tmp_path, "countdown", path)


def test_the_accuracy_has_its_interval(tmp_path, monkeypatch, capsys):
    row = {"question": "q", "ground_truth": "18"}
    right, wrong = row | {"generation": r"\boxed{18}"}, row | {"generation": "?"}
    grade(monkeypatch, tmp_path, "gsm8k", write(tmp_path / "a.jsonl", *[right] * 7, *[wrong] * 3))
    output = capsys.readouterr().out
    assert "accuracy: 70.0% [39.7, 89.2]" in output  # Wilson's
    assert "invalid: 30.0% [10.8, 60.3]" in output


@pytest.mark.parametrize(
    "benchmark, question, truth, right, wrong",
    [
        ("aime24", "q", "073", "73", "703"),
        ("aime25", "q", [r"336^\circ"], "336", "33"),
        ("math500", "q", r"\frac{1}{2}", "0.5", "0.2"),
        ("gsm8k", "q", "1,200", "1200", "12"),
        ("gsm8k", "q", 1200.0, "1,200", "1.2"),
        ("gsm8k", "q", 1e17, "100,000,000,000,000,000", "1"),
        ("countdown", "q", [[1, 2, 3], 7], "1 + 2 * 3", "1 + 2 + 3"),
        ("sudoku", "Solve this: 0034341221434321\n", SOLUTION, SOLUTION, "2134341221434321"),
    ],
)
def test_ground_truths_of_each_benchmark(benchmark, question, truth, right, wrong, tmp_path, monkeypatch):
    texts = [f"<answer>{answer}</answer>" if benchmark == "sudoku" else boxed(answer) for answer in (right, wrong)]
    answers = [{"question": question, "generation": text, "ground_truth": truth} for text in texts]
    rows = grade(monkeypatch, tmp_path, benchmark, write(tmp_path / "a.jsonl", *answers))
    assert [row["correct"] for row in rows] == ["1", "0"]


@pytest.mark.parametrize(
    "benchmark, problem, question, right",
    [
        ("gsm8k", {"question": "How many?", "answer": "It is 1,200.\n#### 1,200"}, "How many?\n", boxed("1200")),
        ("math500", {"problem": "Half?", "answer": r"\frac{1}{2}"}, "Half?", boxed("0.5")),
        ("aime24", {"question": "q", "sol": ["073"]}, "q", boxed("73")),
        ("countdown", {"input": "1,2,3", "output": "7"}, "Numbers: [1, 2, 3]\nTarget: 7", boxed("1 + 2 * 3")),
        (
            "sudoku",
            {"Puzzle": "0034341221434321", "Solution": SOLUTION},
            "Solve the following Sudoku puzzle: 0034341221434321\n",
            f"<answer>{SOLUTION}</answer>",
        ),
    ],
)
@pytest.mark.parametrize("kind", [".jsonl", ".json", ".jsonl.gz", ".csv"])
def test_ground_truths_are_joined_by_question(kind, benchmark, problem, question, right, tmp_path, monkeypatch):
    path = tmp_path / f"problems{kind}"
    if kind == ".csv":
        problem = {name: value[0] if isinstance(value, list) else value for name, value in problem.items()}
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(problem))
            writer.writeheader()
            writer.writerow(problem)
    else:
        text = json.dumps([problem]) if kind == ".json" else f"{json.dumps(problem)}\n"
        path.write_bytes(gzip.compress(text.encode()) if kind.endswith(".gz") else text.encode())
    answers = [{"question": q, "generation": right, "ground_truth": None} for q in (question, "another")]
    rows = grade(monkeypatch, tmp_path, benchmark, write(tmp_path / "a.jsonl", *answers), "--problems", path)
    assert [row["correct"] for row in rows] == ["1", ""]


@pytest.mark.parametrize("benchmark, file", [("humaneval", "humaneval.jsonl"), ("mbpp", "mbpp.json")])
def test_code_answers(benchmark, file, tmp_path, monkeypatch):
    text = (DATA / "code" / file).read_text()
    task = json.loads(text)[0] if file.endswith(".json") else json.loads(text.splitlines()[0])
    program = task["code"] if benchmark == "mbpp" else task["prompt"] + task["canonical_solution"]
    fields = ("test_list", "test_imports") if benchmark == "mbpp" else ("prompt", "entry_point", "test")
    truth = {field: task[field] for field in fields}
    answers = [
        {
            "question": task["prompt"],
            "generation": f"<answer>\n```python\n{code}\n```\n</answer>",
            "ground_truth": given,
        }
        for code, given in [(program, truth), (program, None), ("def f():\n    pass", truth)]
    ]
    path = write(tmp_path / "a.jsonl", *answers)
    rows = grade(monkeypatch, tmp_path, benchmark, path, "--problems", DATA / "code" / file, "--sandbox", "process")
    assert [row["correct"] for row in rows] == ["1", "1", "0"]


GOOD = {"question": "q", "generation": "g", "ground_truth": 3}


@pytest.mark.parametrize(
    "benchmark, content, words",
    [
        ("gsm8k", [GOOD, '{"question": "q"'], ["line 2", "no JSON"]),
        ("gsm8k", [GOOD, "[" * 100_000], ["line 2", "no JSON"]),
        ("gsm8k", ["[1]"], ["line 1", "no JSON object"]),
        ("gsm8k", [GOOD, {"question": "q", "generation": "g"}], ["line 2", "'ground_truth'"]),
        ("gsm8k", [{"question": "q", "ground_truth": 3}], ["line 1", "'generation'"]),
        ("gsm8k", [GOOD | {"generation": None}], ["line 1", "'generation'", "text"]),
        ("gsm8k", [GOOD | {"ground_truth": "three"}], ["line 1", "'ground_truth'", "three"]),
        ("gsm8k", [GOOD | {"ground_truth": True}], ["line 1", "'ground_truth'", "number"]),
        ("math500", [GOOD | {"ground_truth": " "}], ["line 1", "'ground_truth'", "LaTeX"]),
        ("countdown", [GOOD], ["line 1", "'ground_truth'", "target"]),
        ("countdown", [GOOD | {"ground_truth": [[1, "2"], 3]}], ["line 1", "'ground_truth'", "target"]),
        ("sudoku", [GOOD | {"ground_truth": SOLUTION}], ["line 1", "'ground_truth'", "puzzle"]),
        ("sudoku", [GOOD | {"question": SOLUTION, "ground_truth": SOLUTION}], ["line 1", "'ground_truth'", "puzzle"]),
        ("humaneval", [GOOD], ["line 1", "'ground_truth'", "entry_point"]),
        ("humaneval", [GOOD | {"ground_truth": {"prompt": "p", "test": "t"}}], ["line 1", "'entry_point'"]),
        ("mbpp", [GOOD | {"ground_truth": {"test_list": "t", "test_imports": []}}], ["line 1", "'test_list'", "list"]),
    ],
)
def test_bad_answers_are_named(benchmark, content, words, tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "a.jsonl", *content)
    code = run(monkeypatch, "--benchmark", benchmark, "--generations", path, "--output", tmp_path / "out.csv")
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert all(word in error for word in [str(path), *words])
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "name, content",
    [
        ("none.jsonl", None),
        ("a.jsonl", b"\xff\xfe\n"),
        ("a.jsonl.gz", b"no archive"),
        ("b.jsonl.gz", gzip.compress(b"{}", mtime=0)[:-9]),
    ],
)
def test_an_unreadable_file_is_named(name, content, tmp_path, monkeypatch, capsys):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    code = run(monkeypatch, "--benchmark", "gsm8k", "--generations", path, "--output", tmp_path / "out.csv")
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1)
    assert f"{path} cannot be read" in error


def test_an_unknown_benchmark_is_named_with_the_known_ones(tmp_path, monkeypatch, capsys):
    code = run(
        monkeypatch, "--benchmark", "gsm9k", "--generations", PUBLISHED / "gsm8k.jsonl", "--output", tmp_path / "o"
    )
    error = capsys.readouterr().err
    assert code == 2
    assert all(word in error for word in ["gsm9k", *published_answers.GRADERS])


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("p.jsonl", '{"problem": "q", "answer": "1"}\n', ["row 0", "'question'"]),
        ("p.jsonl", '{"question": "q", "answer": "1"}\n', ["row 0", "####"]),
        ("p.json", "{", ["cannot be read"]),
        ("p.txt", "", [".jsonl"]),
        ("none.json", None, ["no such file"]),
    ],
)
def test_bad_problems_are_named(name, content, words, tmp_path, monkeypatch, capsys):
    path, answers = tmp_path / name, write(tmp_path / "a.jsonl", GOOD)
    if content is not None:
        path.write_text(content)
    arguments = ("--benchmark", "gsm8k", "--generations", answers, "--output", tmp_path / "o.csv", "--problems", path)
    code = run(monkeypatch, *arguments)
    error = capsys.readouterr().err
    assert code == 2
    assert all(word in error for word in [str(path), *words])


def test_an_output_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    answers = write(tmp_path / "a.jsonl", GOOD)
    output = answers / "out.csv"
    assert run(monkeypatch, "--benchmark", "gsm8k", "--generations", answers, "--output", output) == 2
    assert f"{output} cannot be written" in capsys.readouterr().err


def test_a_carriage_return_in_an_answer_ends_no_row(tmp_path):
    answers = [{"id": i, "sample": 0, "text": "\\boxed{a\rb\r\nc}", "ended": True} for i in range(2)]
    rows = grade_rows(answers, {i: {"answer": "7"} for i in range(2)}, "mathematics")
    pd.DataFrame(rows).to_csv(tmp_path / "grades.csv", index=False)
    assert pd.read_csv(tmp_path / "grades.csv")["correct"].tolist() == [0, 0]
