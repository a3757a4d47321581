"""Every row of a benchmark is checked for what its grader needs: when it is prepared, and before answers are judged."""

import json
import types
from types import SimpleNamespace

import pytest

from lift import registry
from lift.config.layout import Layout
from lift.data.benchmarks import humaneval, mbpp
from lift.data.problem_checks import check
from lift.errors import InputError
from lift.stages import prepare_benchmark
from tests.conftest import ROOT
from tests.stage_config import write_config

HUMANEVAL = {
    "task_id": "T/0",
    "prompt": 'import math\n\n\ndef add(a: int, b: int):\n    """Adds."""\n',
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
    "canonical_solution": "    return a + b\n",
}
MBPP = {
    "task_id": 11,
    "prompt": "Write a function to add.",
    "code": "def add(a, b):\n    return a + b",
    "test_list": ["assert add(1, 2) == 3"],
    "test_imports": [],
}
ROWS = {
    "gsm8k": {"question": "q", "answer": "so\n#### 1,200"},
    "math500": {"problem": "q", "answer": r"\frac{1}{2}"},
    "aime24": {"question": "q", "sol": ["073"]},
    "aime25": {"question": "q", "sol": 588},
    "countdown": {"input": "30,100,93", "output": "23"},
    "sudoku": {"Puzzle": "3102200002100320", "Solution": "3142243142131324"},
    "humaneval": HUMANEVAL,
    "mbpp": MBPP,
}
BAD_ROWS = [
    *(
        ("gsm8k", {"answer": text})
        for text in ["so\n#### none", "so\n####", "so\n#### \n", "18", "#### 1e5", "#### 1/0"]
    ),
    *(("gsm8k", {"answer": text}) for text in ["#### N/A", "#### twelve", "", None, ["#### 5"], {"a": 1}, True]),
    ("gsm8k", {"question": " "}),
    *(("math500", {"answer": value}) for value in ["", " ", "...", "{", None, ["1", "2"], {}, False]),
    *(("aime24", {"sol": value}) for value in [[], [""], "", [None], [[204]], None, ["."]]),
    ("aime25", {"sol": [{"answer": 5}]}),
    *(("countdown", {"input": value}) for value in ["", "3,,4", "3;4;5", "a,b", "3,-4", "1.5,2", [3, 4], None, ","]),
    *(("countdown", {"output": value}) for value in ["", "x", "2.5", [3], None]),
    *(
        ("sudoku", {"Puzzle": value})
        for value in ["3142243142131324", "5102200002100320", "0" * 17, "x", [], "1" + "0" * 15]
    ),
    *(("sudoku", {"Solution": value}) for value in ["3102243142131324", "314224314213132", "", 5, None]),
    ("humaneval", {"prompt": "def sub(a, b):\n"}),
    ("humaneval", {"prompt": "Write add."}),
    ("humaneval", {"entry_point": "sub"}),
    ("humaneval", {"entry_point": ""}),
    ("humaneval", {"entry_point": "add("}),
    ("humaneval", {"entry_point": None}),
    ("humaneval", {"prompt": "import (\n\ndef add(a, b):\n"}),
    ("humaneval", {"test": ""}),
    ("humaneval", {"test": "assert add(1, 2) == 3"}),
    ("humaneval", {"test": "def check(candidate):\n    assert candidate(1, 2) == \n"}),
    ("humaneval", {"test": "def check(candidate):\nassert candidate(1, 2) == 3\n"}),
    ("humaneval", {"test": "def check(candidate):\n    pass\n"}),
    ("humaneval", {"test": "def check(candidate):\n    candidate(1, 2)\n"}),
    ("humaneval", {"test": "def check(candidate):\n    assert True, candidate(1, 2)\n"}),
    ("humaneval", {"test": "def check(candidate):\n    assert (candidate(1, 2), 3)\n"}),
    ("humaneval", {"test": "def check(candidate):\n    assert 1 + 2 == 3\n"}),
    ("humaneval", {"test": "def check(candidate):\n    def test():\n        assert candidate(1, 2) == 3\n"}),
    ("humaneval", {"test": "def test(f):\n    assert f(1, 2) == 3\n\ndef check(candidate):\n    candidate(1, 2)\n"}),
    ("humaneval", {"test": f"def add(a, b):\n    return 3\n\n{HUMANEVAL['test']}"}),
    ("humaneval", {"test": "def check():\n    assert add(1, 2) == 3\n"}),
    ("humaneval", {"test": "def test(candidate):\n    assert candidate(1, 2) == 3\n"}),
    ("humaneval", {"test": ["assert add(1, 2) == 3"]}),
    ("humaneval", {"canonical_solution": ["x"]}),
    *(("mbpp", {"test_list": value}) for value in [[], "assert add(1, 2) == 3", None, [1], [None], {"a": "b"}, [[]]]),
    *(("mbpp", {"test_list": [value]}) for value in ["", "# none", "add(1, 2)", "print(add(1, 2))", "assert True"]),
    *(
        ("mbpp", {"test_list": [value]})
        for value in ["assert 1 == 1", "assert x == 5", "assert add(1, 2) ==", "return 5"]
    ),
    *(
        ("mbpp", {"test_list": [value]})
        for value in ["assert (add(1, 2) == 3, 'sum')", "assert add(1, 2) = 3", "a\x00"]
    ),
    ("mbpp", {"test_list": ["assert add(1, 2) == 3", "assert add(1, 2"]}),
    ("mbpp", {"test_list": ["assert [add(1, 2) == 3]"]}),
    ("mbpp", {"test_list": ["assert (add(a, 2) == 3 for a in range(3))"]}),
    ("mbpp", {"test_list": ["def test_add():\n    assert add(1, 2) == 3"]}),  # which pytest would run
    ("mbpp", {"test_list": ["class TestAdd:\n    def test_add(self):\n        assert add(1, 2) == 3"]}),
    ("mbpp", {"test_list": ["def add(a, b):\n    return a + b", "assert add(1, 2) == 3"]}),
    ("mbpp", {"test_list": ["assert sqrt(4) == 2"], "test_imports": ["from math import sqrt"]}),
    *(("mbpp", {"test_imports": value}) for value in ["import math", ["import"], [None], None, ["import math as"]]),
    ("mbpp", {"test_imports": ["from __future__ import annotations"]}),  # behind other imports
    ("mbpp", {"code": None}),
    ("mbpp", {"prompt": ""}),
]


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def prepare(tmp_path):
    """The stage `prepare-benchmark`: exit code, errors, and what was written."""

    def run(source, **settings):
        view = {"source": source, "settings": settings}
        experiment = SimpleNamespace(problems=lambda name: view, layout=Layout(tmp_path))
        output = experiment.layout.problems("b")
        try:
            prepare_benchmark.main(experiment, SimpleNamespace(benchmark="b"))
        except InputError as error:
            return 2, f"error: {error}\n", None
        return 0, "", [json.loads(line) for line in output.read_text().splitlines()]

    return run


@pytest.mark.parametrize("benchmark", ROWS)
def test_good_rows_are_prepared(benchmark, tmp_path, prepare):
    path = write(tmp_path / "a.jsonl", ROWS[benchmark], ROWS[benchmark])
    code, _, problems = prepare(benchmark, path=str(path), rows=0)
    assert code == 0
    assert [problem["id"] for problem in problems] == [0, 1]


@pytest.mark.parametrize("benchmark, change", BAD_ROWS)
def test_bad_rows_are_refused_with_file_and_row(benchmark, change, tmp_path, prepare):
    path = write(tmp_path / "a.jsonl", ROWS[benchmark], ROWS[benchmark] | change)
    code, errors, problems = prepare(benchmark, path=str(path), rows=0)
    assert (code, problems) == (2, None)
    assert errors.startswith(f"error: {path}, line 2 (row 1): ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"test": "def check(f):\n    for a in range(3):\n        assert f(a, 0) == a, 'wrong'\n"},
        {"test": "def near(a, b):\n    assert abs(a - b) < 1\n\ndef check(candidate):\n    near(candidate(1, 2), 3)\n"},
        {"test": "METADATA = {}\n\n\ndef check(candidate):\n    if candidate(1, 2) != 3:\n        raise ValueError\n"},
        {"test": "import unittest\ndef check(candidate):\n    unittest.TestCase().assertEqual(candidate(1, 2), 3)\n"},
        {"test": "def check(candidate):\n    assert add(1, 2) == 3\n"},
        {"test": "def check(candidate):\n    def near(a, b):\n        assert a == b\n    near(candidate(1, 2), 3)\n"},
        {"test": "def tests(f):\n    assert f(1, 2) == 3\n\ndef check(candidate):\n    tests(candidate)\n"},
        {"prompt": "def helper(x):\n    return x\n\ndef add(a, b):\n    # adds\n"},
        {"prompt": 'def add(a, b):\n  """Adds \\d."""\n'},
    ],
)
def test_other_tests_of_humaneval_are_let_in(change, tmp_path):
    path = write(tmp_path / "a.jsonl", HUMANEVAL | change)
    assert len(humaneval.problems(path=str(path), rows=1)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"test_list": ["assert len([1]) == 1"]},  # a task may ask for a function named like a builtin
        {"test_list": ["result = add(1, 2)", "assert result == 3"]},
        {"test_list": ["for a in range(3):", "    assert add(a, 0) == a"]},
        {"test_list": ["assert set(add(1, 2)) is ()"]},
        {"test_list": ["assert re.match('\\d', add(1, 2))"], "test_imports": ["import re"]},
        {"test_list": ["try:\n    add(1)\nexcept TypeError:\n    pass\nelse:\n    raise AssertionError"]},
        {"test_list": ["assert Stack().top() == 3"]},
        {"test_list": ["def test_add():\n    assert add(1, 2) == 3", "test_add()"]},
        {"test_list": ["class T:\n    def test(self):\n        assert add(1, 2) == 3", "T().test()"]},
        {"test_list": ["assert sqrt(add(2, 2)) == 2"], "test_imports": ["from math import sqrt"]},
        {"test_list": ["assert (lambda x: add(x, 2))(1) == 3"]},
        {"test_list": ["import unittest", "with unittest.TestCase().assertRaises(TypeError):\n    add(1)"]},
        {"task_id": "11"},
    ],
)
def test_other_tests_of_mbpp_are_let_in(change, tmp_path, recwarn):
    path = write(tmp_path / "a.jsonl", MBPP | change)
    assert mbpp.problems(path=str(path), rows=1)[0]["task_id"] == 11
    assert list(recwarn) == []


TRUTHS = {
    "gsm8k": ["none", "1e5", "", True, [18], {}, "18 apples", float("nan")],
    "math500": ["", " ", [], [None], {}, True, float("nan"), float("inf"), "..."],
    "aime24": ["", [], [[]], False],
    "countdown": [[[], 3], [[1, "2"], 3], [[1, 2], "3"], [[1, -2], 3], [[1.5], 3], [[True], 1], [[1, 2]], 5, "x"],
    "sudoku": ["3102243142131324", "", 5, None, "1" * 16],
    "humaneval": [HUMANEVAL | change for benchmark, change in BAD_ROWS if benchmark == "humaneval"][:-1],
    "mbpp": [MBPP | change for benchmark, change in BAD_ROWS if benchmark == "mbpp"][:-2],
}


@pytest.mark.parametrize(
    "benchmark, truth", [(name, truth) for name, truths in TRUTHS.items() for truth in truths if truth is not None]
)
def test_bad_ground_truths_are_refused_with_file_and_line(benchmark, truth, tmp_path, lift_command):
    answer = {"question": "Solve 3102200002100320", "generation": "x"}
    path = write(tmp_path / "a.jsonl", answer | {"ground_truth": None}, answer | {"ground_truth": truth})
    code, _, errors = lift_command(
        "grade", "--benchmark", benchmark, "--generations", path, "--output", tmp_path / "out.csv"
    )
    assert code == 2
    assert errors.startswith(f"error: {path}, line 2: the field 'ground_truth' cannot be used: ")
    assert errors.count("\n") == 1


def test_rows_that_give_the_ground_truth_are_checked_too(tmp_path, lift_command):
    answers = write(tmp_path / "a.jsonl", {"question": "q", "generation": "x", "ground_truth": None})
    problems = write(tmp_path / "p.jsonl", MBPP, MBPP | {"test_list": []})
    arguments = ("grade", "--benchmark", "mbpp", "--generations", answers, "--output", tmp_path / "out.csv")
    code, _, errors = lift_command(*arguments, "--problems", problems)
    assert code == 2
    assert errors.startswith(f"error: {problems}, line 2 (row 1): ")


@pytest.mark.parametrize("mark, end", [("\ufeff", "\n"), ("", "\r\n"), ("", "\r")])
def test_answers_with_other_line_ends_are_read(mark, end, tmp_path, lift_command):
    answer = {"question": "q", "generation": "\\boxed{5}\u2028<|eot_id|>", "ground_truth": "5"}
    path = tmp_path / "a.jsonl"
    path.write_bytes((mark + (json.dumps(answer, ensure_ascii=False) + end) * 2).encode())
    output = tmp_path / "out.csv"
    assert lift_command("grade", "--benchmark", "gsm8k", "--generations", path, "--output", output)[0] == 0
    assert [row.split(",")[2] for row in output.read_text().splitlines()[1:]] == ["1", "1"]


# A benchmark of the user's own


@pytest.fixture
def own(monkeypatch):
    """A benchmark `own` that gives these problems."""

    found = registry.module_of

    def add(grader, problems):
        module = types.ModuleType("own")
        module.GRADER, module.METRIC, module.problems = grader, "accuracy", lambda **_: problems
        monkeypatch.setattr(registry, "module_of", lambda kind, name: module if name == "own" else found(kind, name))

    return add


PROBLEM = {"id": 0, "prompt": "p", "answer": "5"}


@pytest.mark.parametrize(
    "grader, change",
    [
        ("gsm8k", {"answer": 5}),
        ("mathematics", {"answer": "x"}),
        ("number", {"answer": 5}),
        ("pair", {"answer": "1 , 2"}),
        ("expression", {"numbers": [1, 2], "target": 3}),
        ("grid", {"puzzle": "3102200002100320", "answer": " ".join("3142243142131324")}),
        ("code", {"test_list": MBPP["test_list"], "test_imports": []}),
        ("code", {"prompt": HUMANEVAL["prompt"], "entry_point": "add", "test": HUMANEVAL["test"]}),
        ("a_grader_of_my_own", {"answer": {"any": "thing"}}),
    ],
)
def test_a_benchmark_of_ones_own_is_prepared(grader, change, own, prepare):
    own(grader, [PROBLEM | change])
    assert prepare("own")[0] == 0


@pytest.mark.parametrize(
    "grader, change, words",
    [
        ("gsm8k", {"answer": "none"}, ["the answer must be a number"]),
        ("mathematics", {"answer": ""}, ["LaTeX"]),
        ("mathematics", {"answer": None}, ["no field 'answer'"]),
        ("number", {"answer": "5.5"}, ["whole number"]),
        ("number", {"answer": "x"}, ["whole number"]),
        ("pair", {"answer": "1,2"}, ["x , y"]),
        ("expression", {"numbers": [1, 2]}, ["'target'"]),
        ("countdown", {}, ["'numbers'"]),
        ("sudoku", {}, ["'puzzle'"]),
        ("grid", {"puzzle": "3102200002100320", "answer": "1 2"}, ["no puzzle"]),
        ("code", {}, ["'entry_point'"]),
        ("code", {"test_list": []}, ["'test_imports'"]),
        ("gsm8k", {"prompt": ""}, ["prompt"]),
        ("gsm8k", {"prompt": 5}, ["prompt"]),
        ("gsm8k", {"more": {1, 2}}, ["not JSON serializable"]),
        ("gsm8k", {"more": float("nan")}, ["JSON"]),
    ],
)
def test_a_benchmark_of_ones_own_is_checked_by_its_grader(grader, change, words, own, prepare):
    own(grader, [PROBLEM | change])
    code, errors, problems = prepare("own", path="my.csv")
    assert (code, problems) == (2, None)
    assert errors.startswith("error: benchmark own, my.csv, problem 0: ")
    assert [word for word in words if word not in errors] == []


def test_problems_need_ids_of_their_own(own, prepare):
    own("gsm8k", [PROBLEM, PROBLEM])
    assert "two problems have the same id" in prepare("own")[1]
    own("gsm8k", [{"id": 0, "prompt": "p"}])
    assert "problem 0: it lacks answer" in prepare("own")[1]
    own("gsm8k", [PROBLEM | {"id": [1]}])
    assert "problem 0: its id must be a number" in prepare("own")[1]
    own("gsm8k", [])
    assert "has no problems" in prepare("own")[1]


def test_a_column_that_a_benchmark_of_ones_own_misses_is_named(own, prepare, monkeypatch):
    own("gsm8k", [])
    monkeypatch.setattr(registry.module_of("benchmark", "own"), "problems", lambda **_: {}["result"])
    assert prepare("own", path="my.csv")[1] == "error: benchmark own, my.csv has no column 'result'.\n"
    assert prepare("own")[1] == "error: benchmark own has no column 'result'.\n"


def test_a_file_without_a_column_is_named(tmp_path, prepare):
    path = tmp_path / "a.csv"
    path.write_text("Puzzle,Answer\n3102200002100320,3142243142131324\n")
    for source in ("mini-sudoku", "sudoku"):
        code, errors, _ = prepare(source, path=str(path))
        assert code == 2
        assert f"{path}" in errors
    assert "there is no field 'Solution'; it has Puzzle, Answer" in prepare("mini-sudoku", path=str(path))[1]


def test_examples_need_a_prompt_and_a_response(tmp_path, lift_command, monkeypatch):
    module = types.ModuleType("own")
    monkeypatch.setattr(registry, "module_of", lambda kind, name: module)
    arguments = ("prepare-corpus", "--config", write_config(tmp_path)[0], "--corpus", "c")
    monkeypatch.chdir(tmp_path)
    for examples, words in [
        ([], "has no examples"),
        ([{"prompt": "p", "response": "r"}, {"prompt": "p"}], "example 1: it needs a prompt and a response"),
        ([{"prompt": "p", "response": 5}], "example 0: it needs"),
    ]:
        module.examples = lambda examples=examples, **_: examples
        code, _, errors = lift_command(*arguments)
        assert code == 2
        assert words in errors
    module.examples = lambda **_: [{"prompt": "p", "response": "r"}]
    assert lift_command(*arguments)[0] == 0


def test_the_kept_code_problems_are_let_in():
    """Those of the tests of the graders."""
    for problem in json.loads((ROOT / "tests/data/code/mbpp.json").read_text()):
        check("code", {"test_list": problem["test_list"], "test_imports": problem["test_imports"]})
    for line in (ROOT / "tests/data/code/humaneval.jsonl").read_text().splitlines():
        check("code", json.loads(line))
    with pytest.raises(InputError, match="no such file"):
        humaneval.problems(path="no.jsonl")
