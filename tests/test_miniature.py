"""The miniature's language, problems and split. Every answer and trace is checked by a solver that reads the prompt."""

import itertools
import random
import re
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from scipy import stats

from lift import registry
from lift.benchmarks import describe, mini_sudoku
from lift.corpora import mini_traces
from lift.errors import InputError
from lift.grading import grade_rows
from lift.miniature import pretraining, problems
from lift.miniature.base import make_tokenizer
from lift.miniature.language import EOS, PHRASES, RESPONSE_LENGTH, VOCABULARY, phrase

CONFIG = yaml.safe_load((Path(__file__).parent.parent / "config" / "config.yaml").read_text())
CASES = [(task, level, False) for task in problems.TASKS for level in problems.task_module(task).LEVELS]
CASES += [(task, level, True) for task in problems.TASKS for level in registry.choices("benchmark", task)["levels"]]
CELLS = [(row, column) for row in "abcd" for column in "1234"]
UNITS = [  # rows, columns and boxes, as sets of positions
    [i for i in range(16) if unit(i) == k]
    for unit in (lambda i: i // 4, lambda i: i % 4, lambda i: i // 8 * 2 + i % 4 // 2)
    for k in range(4)
]


def make_grids():
    """All solution grids, by trying out all rows."""
    rows = ["".join(row) for row in itertools.permutations("1234")]
    bands = [a + b for a, b in itertools.product(rows, rows) if len({*a[:2], *b[:2]}) == len({*a[2:], *b[2:]}) == 4]
    grids = (a + b for a, b in itertools.product(bands, bands))
    return [grid for grid in grids if all(len({grid[i] for i in unit}) == 4 for unit in UNITS)]


GRIDS = make_grids()


# What a prompt asks and what the answer is, read from the prompt alone.


def read_story(prompt):
    """The first count, the changes and the count after each of them, of the person that is asked about."""
    hero = re.search(r"how many has (\w+) now \?$", prompt)[1]
    start, changes, counts = None, [], []
    for sentence in prompt.split(" . ")[:-1]:
        match sentence.split():
            case [name, "has", n, _]:
                if name == hero:
                    start = int(n)
                    counts.append(start)
                continue
            case ["finds", n]:
                change, after = ("finds", int(n)), counts[-1] + int(n)
            case ["loses", n]:
                change, after = ("loses", int(n)), counts[-1] - int(n)
            case ["buys", n, "bags", "of", m]:
                change, after = ("buys", int(n), int(m)), counts[-1] + int(n) * int(m)
            case ["doubles", "them"]:
                change, after = ("doubles",), 2 * counts[-1]
            case ["triples", "them"]:
                change, after = ("triples",), 3 * counts[-1]
            case ["shares", "them", "among", n]:
                change, after = ("shares", int(n)), Fraction(counts[-1], int(n))
            case _:
                raise AssertionError(sentence)
        changes.append(change)
        counts.append(after)
    return start, changes, counts[1:]


def evaluate(expression, **variables):
    return eval(re.sub(r"\d+", r"Fraction(\g<0>)", expression), {"Fraction": Fraction}, variables)


def asked(prompt):
    """What is asked, apart from wording: task and substance."""
    integers = [int(n) for n in re.findall(r"\d+", prompt)]
    match prompt.split()[0]:
        case "solve":
            return "mini-math", "equation", integers[-1], *re.findall(r"([-+*/]) (\d+)", prompt)
        case "f":
            return "mini-math", "function", integers[-1], *re.findall(r"([-+*/]) (\d+)", prompt)
        case "make":
            return "mini-countdown", integers[0], *sorted(integers[1:])
        case "fill":
            puzzle = prompt.removeprefix("fill grid ").split()
            (solution,) = [grid for grid in GRIDS if all(c in ("_", d) for c, d in zip(puzzle, grid, strict=True))]
            return "mini-sudoku", solution
        case "find":
            a, b, e, c, d, f = integers
            systems = [[(a, b, e), (c, d, f)], [(b, a, e), (d, c, f)]]
            return "mini-contest-a", *min(map(sorted, systems))
        case "start":
            return "mini-contest-b", *integers
        case _:
            start, changes, _ = read_story(prompt)
            return "mini-gsm", start, *changes


# One check a task: the answer is right, and the trace derives it from the prompt.


def equations(statement):
    """(a, sign, b, c) for every "a sign b = c" of a statement, each of which must hold."""
    found = [(int(a), s, int(b), int(c)) for a, s, b, c in re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", statement)]
    assert all(evaluate(f"{a} {sign} {b}") == c for a, sign, b, c in found)
    return found


def check_gsm(prompt, statements, answer):
    _, _, counts = read_story(prompt)
    assert int(answer) == counts[-1]
    assert [equations(statement)[-1][-1] for statement in statements] == counts


def check_math(prompt, statements, answer):
    if prompt.startswith("solve for x : "):
        left, right = prompt.removeprefix("solve for x : ").split(" = ")
        at = [evaluate(left, x=Fraction(x)) for x in (0, 1, 2)]
        assert at[2] - at[1] == at[1] - at[0] != 0, "the left side is linear, so that there is one solution"
        assert evaluate(left, x=Fraction(int(answer))) == int(right)
        given = int(right)
    else:
        pattern = r"f \( n \) = (.*) \. g \( n \) = (.*) \. compute g \( f \( (\d+) \) \)"
        f, g, n = re.fullmatch(pattern, prompt).groups()
        assert evaluate(g, n=evaluate(f, n=Fraction(int(n)))) == int(answer)
        given = int(n)
    steps = [equation for statement in statements for equation in equations(statement)]
    assert [given, *(step[-1] for step in steps)] == [*(step[0] for step in steps), int(answer)]


def check_countdown(prompt, statements, answer):
    target, *numbers = (int(n) for n in re.findall(r"\d+", prompt))
    assert evaluate(answer) == target
    assert Counter(int(n) for n in re.findall(r"\d+", answer)) == Counter(numbers)
    pool = Counter(numbers)
    for statement in statements:
        ((a, _, b, c),) = equations(statement)
        pool.subtract([a, b])
        assert min(pool.values()) >= 0
        pool[c] += 1
    assert list(pool.elements()) == [target]


def check_sudoku(prompt, statements, answer):
    """Also of parts of grids, in which `|` is a cell outside."""
    puzzle, filled = prompt.removeprefix("fill grid ").split(), answer.split()
    empty = [i for i, cell in enumerate(puzzle) if cell == "_"]
    assert [i for i in range(16) if puzzle[i] != filled[i]] == empty
    right = []
    for digits in itertools.product("1234", repeat=len(empty)) if "|" in puzzle else ():
        trial = puzzle.copy()
        for i, digit in zip(empty, digits, strict=True):
            trial[i] = digit
        units = [[trial[i] for i in unit if trial[i] != "|"] for unit in UNITS]
        if all(len(set(unit)) == len(unit) for unit in units):
            right.append(trial)
    if "|" not in puzzle:
        right = [list(asked(prompt)[1])]  # there is one solution, or `asked` fails
    assert right == [filled]
    words = " ".join(statements).replace(".", "").split()
    trace = dict(zip(words[::2], words[1::2], strict=True))
    assert len(words) == 2 * len(empty)
    assert trace == {"".join(CELLS[i]): filled[i] for i in empty}


def check_contest_a(prompt, statements, answer):
    a, b, e, c, d, f = (int(n) for n in re.findall(r"\d+", prompt))
    assert a * d != b * c, "there is one solution"
    x, y = (int(n) for n in answer.split(" , "))
    assert (a * x + b * y, c * x + d * y) == (e, f)
    assert [int(n) for n in re.findall(r"\d+", " ".join(statements))] == [a, x, b, y, e, c, x, d, y, f]


def check_contest_b(prompt, statements, answer):
    first, second, modulus, steps = (int(n) for n in re.findall(r"\d+", prompt))
    terms = [first, second]
    for _ in range(steps):
        terms.append((terms[-2] + terms[-1]) % modulus)
    assert answer == f"{terms[-2]} , {terms[-1]}"
    steps = re.findall(r"(\d+) \+ (\d+) = (\d+)", " ".join(statements))
    assert [tuple(map(int, step)) for step in steps] == list(zip(terms, terms[1:], terms[2:], strict=False))


CHECKS = {
    "mini-gsm": check_gsm,
    "mini-math": check_math,
    "mini-countdown": check_countdown,
    "mini-sudoku": check_sudoku,
    "mini-contest-a": check_contest_a,
    "mini-contest-b": check_contest_b,
}


def check_text(problem, response):
    """Every word is a token of its own, the response is as long as it is said to be, and it fits."""
    words = response.split()
    assert {*problem.prompt.split(), *words} <= set(VOCABULARY)
    assert len(words) - 1 == problems.response_length(problem) <= RESPONSE_LENGTH
    assert response.startswith("<reasoning> ")
    assert response.endswith(f" </reasoning> <answer> {problem.answer} </answer> {EOS}")


@pytest.mark.parametrize("task, level, test", CASES)
def test_problems_are_solved(task, level, test):
    rng = random.Random(f"{task}/{level}/{test}")
    for _ in range(30):
        problem = problems.draw(task, level, rng, test)
        CHECKS[task](problem.prompt, problem.statements, problem.answer)
        check_text(problem, problems.write_response(problem, rng))
        assert problems.on_test_side(task, problem) == test
        assert asked(problem.prompt)[0] == task


def test_parts_of_grids_are_solved_and_determine_no_grid():
    rng = random.Random(0)
    for _ in range(100):
        part = mini_sudoku.generate_part(rng)
        check_sudoku(part.prompt, part.statements, part.answer)
        check_text(part, problems.write_response(part, rng))
        cells = part.answer.split()
        assert cells.count("|") == 8
        assert sum(all(c in ("|", d) for c, d in zip(cells, grid, strict=True)) for grid in GRIDS) > 1
        assert not problems.on_test_side("mini-sudoku", part)


def test_tokenizer_gives_back_every_word():
    tokenizer = make_tokenizer()
    ids = tokenizer(" ".join(VOCABULARY), add_special_tokens=False).input_ids
    assert len(set(ids)) == len(VOCABULARY)
    assert tokenizer.convert_ids_to_tokens(ids) == list(VOCABULARY)


# The split.


@pytest.fixture(scope="module")
def trained_on():
    """What is asked in training: some thousand examples of pre-training, and the corpus of the config."""
    settings = {name: value for name, value in CONFIG["corpora"]["mini-traces"].items() if name != "held_out"}
    prompts = [pretraining.make_example(0, i)[0] for i in range(4000)]
    prompts += [row["prompt"] for row in mini_traces.examples(**settings)]
    found = defaultdict(set)
    for prompt in prompts:
        if "|" not in prompt:  # parts of grids have a test of their own
            key = asked(prompt)
            found[key[0]].add(key)
    return found


def config_problems(task):
    settings = CONFIG["benchmarks"][task]
    return problems.task_module(task).problems(size=settings["size"], levels=settings["levels"])


@pytest.mark.parametrize("task", problems.TASKS)
def test_no_test_problem_is_trained_on(trained_on, task):
    tested = [asked(row["prompt"]) for row in config_problems(task)]
    assert {key[0] for key in tested} == {task}
    assert len(trained_on[task]) > 50
    assert trained_on[task].isdisjoint(tested)


@pytest.mark.parametrize(
    "task, draws", [("mini-gsm", 3000), ("mini-countdown", 3000), ("mini-sudoku", 600), ("mini-contest-a", 3000)]
)
def test_side_depends_on_what_is_asked_and_not_on_wording(task, draws):
    module, rng = problems.task_module(task), random.Random(1)
    prompts, sides = defaultdict(set), defaultdict(set)
    for _ in range(draws):
        problem = module.generate(rng, module.LEVELS[0])
        key = asked(problem.prompt)
        prompts[key].add(problem.prompt)
        sides[key].add(problems.on_test_side(task, problem))
    assert sum(len(wordings) > 1 for wordings in prompts.values()) > 50
    assert all(len(side) == 1 for side in sides.values())
    share = sum(side == {True} for side in sides.values()) / len(sides)
    assert share == pytest.approx(229 / 288 if task == "mini-sudoku" else 0.1, abs=0.03)


@pytest.mark.parametrize("module", [pretraining, mini_traces])
def test_training_draws_from_the_training_side(monkeypatch, module):
    sides = []

    def draw(*args, test):
        sides.append(test)
        return problems.draw(*args, test=test)

    monkeypatch.setattr(module, "draw", draw)
    if module is pretraining:
        prompts = [pretraining.make_example(0, i)[0] for i in range(200)]
    else:
        prompts = [row["prompt"] for row in mini_traces.examples(size=200)]
    assert len(sides) == sum("|" not in prompt for prompt in prompts)
    assert not any(sides)


def test_grids_are_split():
    assert len(GRIDS) == 288
    assert sorted(mini_sudoku.all_grids()) == sorted(GRIDS)
    training = {grid for grid in GRIDS if not mini_sudoku.is_test(("mini-sudoku", grid))}
    assert len(training) == 59
    rng = random.Random(0)
    seen = {asked(problems.draw("mini-sudoku", mini_sudoku.LEVELS[0], rng, test=False).prompt)[1] for _ in range(600)}
    assert seen == training
    tested = {row["answer"].replace(" ", "") for row in config_problems("mini-sudoku")}
    assert tested <= set(GRIDS) - training


# The streams of examples.


def test_pretraining_examples_have_an_address():
    assert pretraining.make_example(0, 7) == pretraining.make_example(0, 7)
    assert len({pretraining.make_example(seed, i) for seed in (0, 1) for i in range(50)}) == 100


def test_corpus_is_reproducible_and_a_longer_one_goes_on():
    rows = mini_traces.examples(size=60, seed=3)
    assert rows == mini_traces.examples(size=90, seed=3)[:60]
    assert rows != mini_traces.examples(size=60, seed=4)
    for row in rows:
        assert EOS not in row["response"]
        assert row["response"].endswith(" </answer>")
        assert asked(row["prompt"])[0] == row["task"]


# The language.


def test_phrases_follow_zipfs_law():
    rng = random.Random(0)
    rank = {frozenset(words): k for k, words in enumerate(PHRASES)}
    counts = Counter(rank[frozenset(phrase(rng).split())] for _ in range(20_000))
    weights = [1 / (k + 1) for k in range(len(PHRASES))]
    expected = [20_000 * weight / sum(weights) for weight in weights]
    assert stats.chisquare([counts[k] for k in range(len(PHRASES))], expected).pvalue > 0.01


def test_words_of_a_phrase_stand_in_any_order():
    rng = random.Random(0)
    orders = Counter(text for text in (phrase(rng) for _ in range(20_000)) if set(text.split()) == set(PHRASES[0]))
    assert len(orders) == 6
    assert stats.chisquare(list(orders.values())).pvalue > 0.01


def test_two_words_of_a_phrase_tell_the_third():
    pairs = Counter(frozenset(pair) for words in PHRASES for pair in itertools.combinations(words, 2))
    assert len(pairs) == 3 * len(PHRASES)
    assert max(pairs.values()) == 1


# Benchmark files and guesses.


@pytest.mark.parametrize("task", problems.TASKS)
def test_a_level_that_a_task_has_not_is_an_error(task):
    with pytest.raises(InputError, match=rf"{task}: level 99"):
        problems.draw(task, 99, random.Random(0), test=True)


def test_more_problems_than_there_are_is_an_error(monkeypatch):
    few = [problems.draw("mini-gsm", 3, random.Random(i), test=True) for i in range(3)]
    monkeypatch.setattr(problems, "draw", lambda task, level, rng, test: rng.choice(few))
    assert len(problems.test_problems("mini-gsm", 3, [3], seed=0)) == 3
    with pytest.raises(InputError, match="size 4"):
        problems.test_problems("mini-gsm", 4, [3], seed=0)


@pytest.mark.parametrize("task", problems.TASKS)
def test_rows_of_a_benchmark(task):
    module = problems.task_module(task)
    rows = module.problems(size=12)
    assert [row["id"] for row in rows] == list(range(12))
    assert len({row["prompt"] for row in rows}) == 12
    assert rows == module.problems(size=12)
    assert rows != module.problems(size=12, seed=1)


@pytest.mark.parametrize("task", ["mini-gsm", "mini-math"])
def test_levels_take_turns(task):
    fixed = len(asked(problems.task_module(task).generate(random.Random(0), 3).prompt)) - 3
    rows = problems.task_module(task).problems(size=30, levels=[2, 4, 3])
    assert [len(asked(row["prompt"])) - fixed for row in rows] == [2, 4, 3] * 10


@pytest.mark.parametrize("task", problems.TASKS)
def test_guesses_are_well_formed(task):
    rows = problems.task_module(task).problems(size=30)
    by_id = {row["id"]: row for row in rows}
    answers = [
        {"id": row["id"], "sample": i, "text": f"<answer> {guess} </answer>", "ended": True}
        for row in rows
        for i, guess in enumerate(row["guesses"])
    ]
    assert len(answers) == 30 * 16
    assert not any(row["invalid"] for row in grade_rows(answers, by_id, describe(task, {})["grader"]))


@pytest.mark.parametrize("task", problems.TASKS)
def test_right_answers_are_graded_right(task):
    rows = problems.task_module(task).problems(size=30)
    answers = [{"id": row["id"], "sample": 0, "text": f"<answer> {row['answer']}", "ended": True} for row in rows]
    graded = grade_rows(answers, {row["id"]: row for row in rows}, describe(task, {})["grader"])
    assert all(row["correct"] and row.get("correct_cells") == row.get("empty_cells") for row in graded)


@pytest.mark.parametrize("task", ["mini-contest-a", "mini-contest-b"])
def test_sixteen_guesses_seldom_solve_a_contest_problem(task):
    module, rng, solved = problems.task_module(task), random.Random(0), []
    for _ in range(100):
        problem = problems.draw(task, module.LEVELS[-1], rng, test=True)
        hits = sum(module.guess(rng, problem) == problem.answer for _ in range(500))
        solved.append(1 - (1 - hits / 500) ** 16)
    assert 0 < sum(solved) / len(solved) < 0.05


def test_sudoku_guesses_keep_the_digits_of_the_puzzle():
    for row in mini_sudoku.problems(size=20):
        for guess in row["guesses"]:
            assert all(given in ("0", digit) for given, digit in zip(row["puzzle"], guess.split(), strict=True))


def test_sudoku_from_a_csv_file(tmp_path):
    solution, other = GRIDS[0], GRIDS[100]
    puzzles = ["0" + solution[1:], "00" + other[2:]]
    path = tmp_path / "puzzles.csv"  # a spreadsheet drops leading zeros
    path.write_text(f"Puzzle,Solution\n{int(puzzles[0])},{solution}\n{int(puzzles[1])},{other}\n")
    rows = mini_sudoku.problems(path=str(path))
    assert [row["puzzle"] for row in rows] == puzzles
    assert [row["answer"].replace(" ", "") for row in rows] == [solution, other]
    assert rows[0]["prompt"] == "fill grid _ " + " ".join(solution[1:])
    assert mini_sudoku.problems(path=str(path), size=1) == rows[:1]


@pytest.mark.parametrize(
    "puzzle, solution",
    [
        (GRIDS[0], GRIDS[0]),  # nothing to fill
        ("0" + GRIDS[0][2:], GRIDS[0] + "1"),
        ("5" + "0" * 15, GRIDS[0]),
        ("0" * 16, "0" + GRIDS[0][1:]),
        ("", GRIDS[0]),
        ("0" + GRIDS[0][1:], GRIDS[100]),  # a puzzle and the solution of another
        ("0" * 17, GRIDS[0]),
    ],
)
def test_a_line_that_is_no_puzzle_is_named(tmp_path, puzzle, solution):
    path = tmp_path / "puzzles.csv"
    path.write_text(f"Puzzle,Solution\n0{GRIDS[0][1:]},{GRIDS[0]}\n{puzzle},{solution}\n")
    with pytest.raises(InputError, match=r"puzzles\.csv, line 3"):
        mini_sudoku.problems(path=str(path))
