"""Graders: what counts as an answer, what counts as right, and that no text can make them fail."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift.grade.graders import Grade, answer_text, expression, grid, number, pair
from lift.grade.judge import grade_rows

TARGET = {"target": 24, "numbers": [4, 6, 1]}
SOLUTION = "1234341221434321"
GRID = {"answer": " ".join(SOLUTION), "puzzle": "0234341221434300"}
PROBLEMS = {
    expression: TARGET,
    grid: GRID,
    number: {"answer": "24"},
    pair: {"answer": "3 , 14"},
}


def judge(grader, answer: str, problem: dict) -> Grade:
    """The verdict on a response whose <answer> is `answer`."""
    return grader.grade(f"so it is . </reasoning> <answer>{answer}</answer>", problem)


# An expression


@pytest.mark.parametrize(
    "answer",
    ["4 * 6 * 1", "6*4/1", "( 4 * 6 ) / 1", "  1 * ( 6 * 4 )  ", "((4))*((6*1))", "6 / ( 1 / 4 )", "6 * (4 * 1)\n"],
)
def test_expression_right(answer):
    assert judge(expression, answer, TARGET) == Grade(answer.strip(), True)


@pytest.mark.parametrize(
    "answer",
    [
        "4 + 6 + 1",  # another value
        "4 * 6",  # a number is left out
        "4 * 6 * 1 * 1",  # a number is used twice
        "4 + 4 * 6 - 4 * 1",
        "12 * 2 * 1",  # numbers that are not given
        "46 - 22",
        "24",
        "4 / ( 6 - 6 )",  # division by zero
        "1 / 0",
        "( 4 * 6 * 1 ) / ( 1 - 1 )",
    ],
)
def test_expression_wrong(answer):
    assert judge(expression, answer, TARGET) == Grade(answer, False)


def test_expression_is_exact():
    """In floating point these give 0.9999... and 1."""
    assert judge(expression, "1 / 49 * 49", {"target": 1, "numbers": [1, 49, 49]}).correct
    assert not judge(expression, "1 + 1 / 10000000000000000000", {"target": 1, "numbers": [1, 1, 10**19]}).correct


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   ",
        "twenty four",
        "4 * 6 * 1 = 24",
        "24 = 4 * 6 * 1",
        "4 * 6 * 1 .",
        "4 * 6 * 1 # that is right",
        "the answer is 4 * 6 * 1",
        "4 * 6 * 1 4",
        "( 4 * 6 * 1",
        "4 * * 6",
        "4 ** 1 * 6",
        "4 // 1 * 6",
        "25 % 4 * 6",
        "28 ^ 4",
        "4 * 6 * True",
        "4 * 6 * 1.0",
        "4 * 6 * 1j",
        "4 * 6 * '1'",
        "[ 4 * 6 * 1 ]",
        "4 * 6 * 1 ,",
        "4 * 6 * 1 if 1 else 0",
        "4 * 6 * 1; 1",
        "x",
        "4 * 6 * x",
        "( x := 4 * 6 * 1 )",
        "lambda : 4 * 6 * 1",
        "max(4 * 6 * 1, 0)",
        "4 * 6 * 1\x00",
        "\ud800",
        "9**9**9",
        "9**9**9**9**9**9",
        "9" * 5000,
        "(" * 5000 + "1" + ")" * 5000,
        "- " * 100_000 + "1",
        "1" + " + 1" * 20_000,
        "[" * 5000,
        "(" * 100,
    ],
)
def test_expression_invalid(answer):
    assert judge(expression, answer, TARGET) == Grade(None, False)


@pytest.mark.parametrize(
    "answer",
    [
        "__import__('os').mkdir('made')",
        "__import__('pathlib').Path('made').mkdir() or 4 * 6 * 1",
        "[open('made', 'w') for _ in (1,)][0]",
        "exec(\"open('made', 'w')\")",
        "f\"{open('made', 'w')}\"",
        "().__class__.__base__.__subclasses__()",
    ],
)
def test_expression_runs_nothing(answer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert judge(expression, answer, TARGET) == Grade(None, False)
    assert list(tmp_path.iterdir()) == []


# One number, two numbers


@pytest.mark.parametrize(
    "answer, extracted, correct",
    [
        ("24", "24", True),
        (" 24\n", "24", True),
        ("024", "024", True),
        ("25", "25", False),
        ("-24", "-24", False),
        ("2 4", None, False),
        ("24 apples", None, False),
        ("x = 24", None, False),
        ("24 .", None, False),
        ("24.0", None, False),
        ("24 24", None, False),
        ("--24", None, False),
        ("twenty", None, False),
        ("", None, False),
    ],
)
def test_number(answer, extracted, correct):
    assert judge(number, answer, {"answer": "24"}) == Grade(extracted, correct)


def test_number_may_be_negative():
    assert judge(number, " -7 ", {"answer": "-7"}) == Grade("-7", True)


@pytest.mark.parametrize(
    "answer, extracted, correct",
    [
        ("3 , 14", "3 , 14", True),
        ("3,14", "3 , 14", True),
        ("  03 ,14 ", "3 , 14", True),
        ("14 , 3", "14 , 3", False),  # wrong order
        ("3 , 15", "3 , 15", False),
        ("31 , 4", "31 , 4", False),
        ("3 14", None, False),
        ("3 ,", None, False),
        ("3", None, False),
        ("3 , 14 , 1", None, False),
        ("( 3 , 14 )", None, False),
        ("x = 3 , y = 14", None, False),
        ("3 , 14 .", None, False),
        ("-3 , 14", None, False),
        ("", None, False),
    ],
)
def test_pair(answer, extracted, correct):
    assert judge(pair, answer, {"answer": "3 , 14"}) == Grade(extracted, correct)


@pytest.mark.parametrize(
    "grader, answer", [(number, "9" * 5000), (pair, f"3 , {'9' * 5000}"), (pair, f"{'9' * 5000} , 14")]
)
def test_endless_digits_are_wrong_and_no_failure(grader, answer):
    """A model that repeats a digit to the end of its room: Python refuses to read such a number."""
    assert not judge(grader, answer, PROBLEMS[grader]).correct


# A grid


@pytest.mark.parametrize("answer", [SOLUTION, " ".join(SOLUTION), "1234\n3412\n2143\n4321\n"])
def test_grid_right(answer):
    assert judge(grid, answer, GRID) == Grade(SOLUTION, True, (3, 3))


@pytest.mark.parametrize(
    "filled, cells",
    [
        ("234341221434321", None),  # 15 digits
        (SOLUTION + "1", None),  # 17 digits
        ("0234341221434321", None),
        ("5234341221434321", None),
        ("1234341221434321.", None),
        ("1 2 3 4 | 3 4 1 2 | 2 1 4 3 | 4 3 2 1", None),
        ("", None),
        ("2234341221434321", 2),  # one of the three empty cells is wrong
        ("2234341221434312", 0),
        ("1134341221434321", 3),  # a given cell is overwritten: the grid is wrong, no empty cell is
    ],
)
def test_grid_wrong(filled, cells):
    expected = Grade(None, False, (0, 3)) if cells is None else Grade(filled, False, (cells, 3))
    assert judge(grid, filled, GRID) == expected


# Any text


@pytest.mark.parametrize("grader", list(PROBLEMS), ids=lambda grader: grader.__name__.rpartition(".")[2])
@settings(deadline=None, max_examples=60)
@given(answer=st.one_of(st.text(), st.text("0123456789+-*/() ,.\n")), tag=st.booleans())
def test_any_text_gets_a_verdict(grader, answer, tag):
    grade = judge(grader, answer, PROBLEMS[grader]) if tag else grader.grade(answer, PROBLEMS[grader])
    assert isinstance(grade.correct, bool)
    assert grade.extracted is not None or not grade.correct
    assert (grade.cells is not None) == (grader is grid)
    assert grade.cells is None or 0 <= grade.cells[0] <= grade.cells[1] == 3


@pytest.mark.parametrize(
    "grader, answer", [(expression, "4 * 6 * 1"), (grid, SOLUTION), (number, "24"), (pair, "3 , 14")]
)
def test_only_the_answer_counts(grader, answer):
    """Not the reasoning, and nothing after the answer."""
    assert judge(grader, answer, PROBLEMS[grader]).correct
    assert not grader.grade(answer, PROBLEMS[grader]).correct
    assert not grader.grade(f"{answer} </reasoning> <answer> 7 </answer> {answer}", PROBLEMS[grader]).correct


# From the text of a response to a row


@pytest.mark.parametrize(
    "text, expected",
    [
        ("so we 1 + 1 = 2 . </reasoning> <answer> 2 </answer>", "2"),
        ("<answer>2</answer>", "2"),
        ("<answer> 2", "2"),  # no end tag
        ("<answer> 2 </answer> 3", "2"),
        ("<answer> 2 </answer> <answer> 3 </answer>", "2"),
        ("<answer> 1 , 2 </answer>", "1 , 2"),
        ("<answer>\n2\n</answer>", "2"),
        ("<answer> </answer>", ""),
        ("<answer>", ""),
        ("2", None),
        ("2 </answer>", None),
        ("", None),
    ],
)
def test_answer_text(text, expected):
    assert answer_text(text) == expected


def test_rows():
    problems = {3: {"id": 3, **PROBLEMS[number]}, 5: {"id": 5, "answer": "7"}}
    answers = [
        {"id": 3, "sample": 0, "text": "<answer> 24 </answer>", "ended": True},
        {"id": 3, "sample": 1, "text": "<answer> 7 </answer>", "ended": True},
        {"id": 5, "sample": 0, "text": "<answer> 7", "ended": False},
        {"id": 5, "sample": 1, "text": "7", "ended": False},
        {"id": 5, "sample": 2, "text": "<answer> seven </answer>", "ended": True},
    ]
    rows = grade_rows(answers, problems, "number")
    names = ("id", "sample", "extracted", "correct", "invalid", "truncated")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (3, 0, "24", 1, 0, 0),
        (3, 1, "7", 0, 0, 0),
        (5, 0, "7", 1, 0, 1),
        (5, 1, None, 0, 1, 1),
        (5, 2, None, 0, 1, 0),
    ]


def test_rows_of_a_grid_count_its_cells():
    answers = [
        {"id": 0, "sample": 0, "text": "<answer> 2234341221434321", "ended": True},
        {"id": 0, "sample": 1, "text": "no grid", "ended": True},
    ]
    rows = grade_rows(answers, {0: GRID}, "grid")
    assert [(row["correct_cells"], row["empty_cells"]) for row in rows] == [(2, 3), (0, 3)]
    assert [(row["correct"], row["invalid"]) for row in rows] == [(0, 0), (0, 1)]
