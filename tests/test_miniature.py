"""The miniature's language, problems and split. Every answer and trace is checked by a solver that reads the prompt."""

import itertools
import random
import re
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from lift import registry
from lift.data.benchmarks import describe
from lift.errors import InputError
from lift.grade.judge import grade_rows
from lift.miniature import drills, language, pretraining
from lift.miniature.base import make_tokenizer
from lift.miniature.benchmarks import mini_sudoku
from lift.miniature.corpora import mini_traces
from lift.miniature.language import EOS, OPENINGS, REMARKS, RESPONSE_LENGTH, VOCABULARY, calculate
from lift.miniature.task import Task
from lift.miniature.tasks import TASKS

CONFIG = yaml.safe_load((Path(__file__).parent.parent / "config" / "config.yaml").read_text())
LEVELS = {name: task.lower + task.upper for name, task in TASKS.items()}
CASES = [(task, level, True) for task in TASKS for level in LEVELS[task]]
CASES += [(task, level, False) for task in TASKS for level in registry.choices("benchmark", task)["levels"]]
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
            case ["doubles" | "triples" as times, "them"]:
                change, after = (times,), {"doubles": 2, "triples": 3}[times] * counts[-1]
            case ["shares", "them", "among", n]:
                change, after = ("shares", int(n)), Fraction(counts[-1], int(n))
            case _:
                raise AssertionError(sentence)
        changes.append(change)
        counts.append(after)
    return start, changes, counts[1:]


def read_equations(prompt):
    """a, b, e, c, d, f of a x + b = e and c x + d y = f."""
    pattern = r"find x and y : (?:(\d+) \* )?x \+ (\d+) = (\d+) \. (?:(\d+) \* )?x \+ (?:(\d+) \* )?y = (\d+)"
    return tuple(int(n or 1) for n in re.fullmatch(pattern, prompt).groups())


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
            return "mini-sudoku", solution, "".join(puzzle)
        case "find":
            return "mini-contest-a", *read_equations(prompt)
        case "start":
            return "mini-contest-b", *integers
        case _:
            start, changes, _ = read_story(prompt)
            return "mini-gsm", start, *changes


# One check a task: the answer is right, and the trace derives it from the prompt.


def equations(statement):
    """(a, sign, b, c) of the "a sign b = c" that is a statement, which must hold."""
    a, sign, b, _, c = statement.split()
    assert evaluate(f"{a} {sign} {b}") == int(c)
    return [(int(a), sign, int(b), int(c))]


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
    a, b, e, c, d, f = read_equations(prompt)
    assert a * d != 0, "there is one solution"
    x, y = (int(n) for n in answer.split(" , "))
    assert (a * x + b, c * x + d * y) == (e, f)
    steps = [(e, "-", b, a * x), (a * x, "/", a, x), (c, "*", x, c * x), (f, "-", c * x, d * y), (d * y, "/", d, y)]
    idle = [(a * x, "/", 1, x), (1, "*", x, x), (y, "/", 1, y)]  # with a coefficient of one there is nothing to do
    assert [equation for statement in statements for equation in equations(statement)] == [
        step for i, step in enumerate(steps) if not (i in (1, 2, 4) and step in idle)
    ]


def check_contest_b(prompt, statements, answer):
    first, second, modulus, steps = (int(n) for n in re.findall(r"\d+", prompt))
    terms = [first, second]
    assert len(statements) == steps
    for _ in range(steps):
        terms.append((terms[-2] + terms[-1]) % modulus)
    assert answer == f"{terms[-2]} , {terms[-1]}"
    steps = [re.fullmatch(r"(\d+) \+ (\d+) = (\d+)", statement).groups() for statement in statements]
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
    assert len(words) - 1 == language.response_length(problem) <= RESPONSE_LENGTH
    assert response.startswith("<reasoning> ")
    assert response.endswith(f" </reasoning> <answer> {problem.answer} </answer> {EOS}")


def steps_of(problem):
    return [statement.step for statement in problem.statements]


@pytest.mark.parametrize("task, level, training", CASES)
def test_problems_are_solved(task, level, training):
    rng = random.Random(f"{task}/{level}/{training}")
    for _ in range(30):
        problem = TASKS[task].draw(level, rng, training=training)
        CHECKS[task](problem.prompt, steps_of(problem), problem.answer)
        check_text(problem, language.write_response(problem))
        assert TASKS[task].is_held_out(problem) != training
        assert asked(problem.prompt)[0] == task


def test_parts_of_grids_are_solved_and_determine_no_grid():
    rng = random.Random(0)
    for _ in range(100):
        part = mini_sudoku.generate_part(rng)
        check_sudoku(part.prompt, steps_of(part), part.answer)
        check_text(part, language.write_response(part))
        cells = part.answer.split()
        assert cells.count("|") == 8
        assert sum(all(c in ("|", d) for c, d in zip(cells, grid, strict=True)) for grid in GRIDS) > 1
        assert not TASKS["mini-sudoku"].is_held_out(part)


def is_drill(prompt):
    return prompt.startswith(("compute", "mod"))


def test_drills_ask_for_steps_by_themselves_and_answer_the_last():
    rng, counts = random.Random(0), set()
    for _ in range(200):
        drill = drills.generate(rng)
        check_text(drill, language.write_response(drill))
        assert is_drill(drill.prompt)
        modulus = re.match(r"mod (\d+) ", drill.prompt)
        asked_for = drill.prompt.partition("compute ")[2].split(" . ")
        results = [evaluate(step) % int(modulus[1]) if modulus else evaluate(step) for step in asked_for]
        assert steps_of(drill) == [f"{step} = {result}" for step, result in zip(asked_for, results, strict=True)]
        assert drill.answer == str(results[-1])
        counts.add(len(results))
    assert counts == set(range(3, 8))


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
    prompts = [pretraining.make_example(0, i, 0.2)[0] for i in range(4000)]
    prompts += [row["prompt"] for row in mini_traces.examples(**settings)]
    found = defaultdict(set)
    for prompt in prompts:
        if "|" not in prompt and not is_drill(prompt):  # parts of grids and drills have tests of their own
            key = asked(prompt)
            found[key[0]].add(key)
    return found


def config_problems(task, part="test"):
    """The problems of a part at the config's levels, about as many as the config asks for."""
    settings = CONFIG["benchmarks"][task]
    size = settings["size"] if part == "test" else 30
    return registry.module_of("benchmark", task).problems(size=size, levels=settings["levels"], part=part)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("part", ["test", "validation"])
def test_no_held_out_problem_is_trained_on(trained_on, task, part):
    tested = [asked(row["prompt"]) for row in config_problems(task, part)]
    assert {key[0] for key in tested} == {task}
    assert len(trained_on[task]) > 50
    assert trained_on[task].isdisjoint(tested)
    if task == "mini-sudoku":  # not even another puzzle of the same grid
        assert {key[1] for key in trained_on[task]}.isdisjoint(key[1] for key in tested)


@pytest.mark.parametrize("task", TASKS)
def test_no_validation_problem_is_tested_on(task):
    tested, chosen_on = (
        {(key[0], key[1]) if task == "mini-sudoku" else key for key in map(asked, prompts)}
        for prompts in ([row["prompt"] for row in config_problems(task, part)] for part in ("test", "validation"))
    )
    assert tested.isdisjoint(chosen_on)


def test_a_quarter_of_what_is_held_out_is_for_validation():
    rng = random.Random(0)
    sides = [language.is_validation(TASKS["mini-math"].draw(4, rng, training=False)) for _ in range(2000)]
    assert sum(sides) / len(sides) == pytest.approx(0.25, abs=0.04)


def test_sequences_that_start_alike_are_on_one_side():
    rng, sides = random.Random(0), defaultdict(set)
    for _ in range(4000):
        problem = TASKS["mini-contest-b"].generate(rng, rng.choice((1, 3, 5)))
        sides[asked(problem.prompt)[:-1]].add(TASKS["mini-contest-b"].is_held_out(problem))
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize("task, draws", [("mini-gsm", 3000), ("mini-countdown", 3000), ("mini-sudoku", 1000)])
def test_side_depends_on_what_is_asked_and_not_on_wording(task, draws):
    rng = random.Random(1)
    prompts, sides = defaultdict(set), defaultdict(set)
    for _ in range(draws):
        problem = TASKS[task].generate(rng, TASKS[task].lower[-1])
        key = asked(problem.prompt)[: 2 if task == "mini-sudoku" else None]
        prompts[key].add(problem.prompt)
        sides[key].add(TASKS[task].is_held_out(problem))
    assert sum(len(wordings) > 1 for wordings in prompts.values()) > 50
    assert all(len(side) == 1 for side in sides.values())
    share = sum(side == {True} for side in sides.values()) / len(sides)
    assert share == pytest.approx(229 / 288 if task == "mini-sudoku" else 0.1, abs=0.03)


@pytest.mark.parametrize("module", [pretraining, mini_traces])
def test_training_draws_nothing_held_out(monkeypatch, module):
    sides = []

    draw = Task.draw

    def seen(*args, training):
        sides.append(training)
        return draw(*args, training=training)

    monkeypatch.setattr(Task, "draw", seen)
    if module is pretraining:
        prompts = [pretraining.make_example(0, i, 0.2)[0] for i in range(200)]
    else:
        prompts = [row["prompt"] for row in mini_traces.examples(size=200)]
    assert len(sides) == sum("|" not in prompt and not is_drill(prompt) for prompt in prompts)
    assert all(sides)


def test_grids_are_split():
    assert len(GRIDS) == 288
    assert sorted(mini_sudoku.all_grids()) == sorted(GRIDS)
    training = {grid for grid in GRIDS if not TASKS["mini-sudoku"].is_held_out(mini_sudoku.pose("0" * 16, grid))}
    assert len(training) == 59
    rng = random.Random(0)
    seen = {asked(TASKS["mini-sudoku"].draw(1, rng, training=True).prompt)[1] for _ in range(600)}
    assert seen == training
    tested = {row["answer"].replace(" ", "") for row in config_problems("mini-sudoku")}
    assert tested <= set(GRIDS) - training


# The streams of examples.


def test_pretraining_examples_have_an_address():
    assert pretraining.make_example(0, 7, 0.1) == pretraining.make_example(0, 7, 0.1)
    assert len({pretraining.make_example(seed, i, 0.1) for seed in (0, 1) for i in range(50)}) > 95


@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_upper_levels_have_their_share_of_pretraining(monkeypatch, share):
    drawn = []

    draw = Task.draw

    def seen(task, level, rng, training):
        drawn.append((task.name, level))
        return draw(task, level, rng, training=training)

    monkeypatch.setattr(Task, "draw", seen)
    for i in range(3000):
        pretraining.make_example(0, i, share)
    levels = Counter(level for task, level in drawn if TASKS[task].upper)
    assert sum(n for level, n in levels.items() if level >= 3) / levels.total() == pytest.approx(share, abs=0.04)
    assert set(levels) == ({1, 2} if share < 1 else set()) | ({3, 4, 5} if share else set())
    assert {level for task, level in drawn if task == "mini-countdown"} == {2, 3}


def test_corpus_is_reproducible_and_a_longer_one_goes_on():
    rows = mini_traces.examples(size=60, seed=3)
    assert rows == mini_traces.examples(size=90, seed=3)[:60]
    assert rows != mini_traces.examples(size=60, seed=4)
    for row in rows:
        assert EOS not in row["response"]
        assert row["response"].endswith(" </answer>")
        assert asked(row["prompt"])[0] == row["task"]


# The language.


@pytest.fixture(scope="module")
def statements():
    """(place, openings, remark, step) of the statements of a corpus."""
    found = []
    for row in mini_traces.examples(size=1000):
        words = row["response"].removeprefix("<reasoning> ").split(" </reasoning>")[0].split()
        for place in range(len(words) // 8):
            first, second, remark, *step = words[8 * place : 8 * place + 8]
            found.append((place, (first, second), remark, step))
    return found


def test_openings_are_told_by_their_place(statements):
    assert all(OPENINGS[place] == openings for place, openings, _, _ in statements)


def test_a_remark_is_told_by_its_step_and_by_nothing_less(statements):
    by_step, by_sign = defaultdict(set), defaultdict(set)
    for _, _, remark, (_, sign, b, _, result) in statements:
        by_step[sign, b, result].add(remark)
        by_sign[sign].add(remark)
    assert all(len(remarks) == 1 for remarks in by_step.values())
    assert all(remarks <= set(REMARKS[sign]) for sign, remarks in by_sign.items())
    assert all(len(remarks) >= 5 for remarks in by_sign.values())


def test_remarks_are_rare_with_a_long_tail_and_openings_frequent(statements):
    remarks = Counter(remark for _, _, remark, _ in statements)
    openings = Counter(word for _, words, _, _ in statements for word in words)
    assert openings["we"] > 2 * max(remarks.values())
    counts = sorted(remarks.values(), reverse=True)
    assert len(counts) >= 30
    assert counts[0] > 3 * counts[len(counts) // 2] > 9 * counts[-1]


def test_every_operation_has_remarks_of_its_own():
    words = [word for remarks in REMARKS.values() for word in remarks]
    assert len(set(words)) == len(words) == 9 * len(REMARKS)


@pytest.mark.parametrize("step", [(3, "/", 2), (1, "-", 2), (31, "+", 30), (4, "/", 0)])
def test_a_step_to_no_number_of_the_language_is_an_error(step):
    with pytest.raises(ValueError, match=rf"{step[0]} {re.escape(step[1])} {step[2]}"):
        calculate(*step)


# Benchmark files and guesses.


@pytest.mark.parametrize("task", TASKS)
def test_a_level_that_a_task_has_not_is_an_error(task):
    with pytest.raises(InputError, match=rf"{task}: level 99"):
        TASKS[task].draw(99, random.Random(0), training=False)


def test_more_problems_than_there_are_is_an_error(monkeypatch):
    drawn = (TASKS["mini-gsm"].draw(3, random.Random(i), training=False) for i in itertools.count())
    few = list(itertools.islice((problem for problem in drawn if not language.is_validation(problem)), 3))
    monkeypatch.setattr(Task, "draw", lambda task, level, rng, training: rng.choice(few))
    assert len(TASKS["mini-gsm"].held_out(3, [3], "test", seed=0)) == 3
    with pytest.raises(InputError, match="size 4 is too large, 3 different test problems"):
        TASKS["mini-gsm"].held_out(4, [3], "test", seed=0)


@pytest.mark.parametrize("task", TASKS)
def test_rows_of_a_benchmark(task):
    module = registry.module_of("benchmark", task)
    rows = module.problems(size=12)
    assert [row["id"] for row in rows] == list(range(12))
    assert len({row["prompt"] for row in rows}) == 12
    assert rows == module.problems(size=12)
    assert rows != module.problems(size=12, seed=1)


@pytest.mark.parametrize("task", ["mini-gsm", "mini-math"])
def test_levels_take_turns(task):
    fixed = len(asked(TASKS[task].generate(random.Random(0), 3).prompt)) - 3
    rows = registry.module_of("benchmark", task).problems(size=30, levels=[2, 5, 3])
    assert [len(asked(row["prompt"])) - fixed for row in rows] == [2, 5, 3] * 10


@pytest.mark.parametrize("task", TASKS)
def test_guesses_are_well_formed(task):
    rows = registry.module_of("benchmark", task).problems(size=30)
    by_id = {row["id"]: row for row in rows}
    answers = [
        {"id": row["id"], "sample": i, "text": f"<answer> {guess} </answer>", "ended": True}
        for row in rows
        for i, guess in enumerate(row["guesses"])
    ]
    assert len(answers) == 30 * 16
    assert not any(row["invalid"] for row in grade_rows(answers, by_id, describe(task, {})["grader"]))


@pytest.mark.parametrize("task", TASKS)
def test_right_answers_are_graded_right(task):
    rows = registry.module_of("benchmark", task).problems(size=30)
    answers = [{"id": row["id"], "sample": 0, "text": f"<answer> {row['answer']}", "ended": True} for row in rows]
    graded = grade_rows(answers, {row["id"]: row for row in rows}, describe(task, {})["grader"])
    assert all(row["correct"] and row.get("correct_cells") == row.get("empty_cells") for row in graded)


@pytest.mark.parametrize("task", ["mini-contest-a", "mini-contest-b"])
def test_sixteen_guesses_seldom_solve_a_contest_problem(task):
    rng, solved = random.Random(0), []
    for _ in range(100):
        problem = TASKS[task].draw(5, rng, training=False)
        hits = sum(TASKS[task].guess(rng, problem) == problem.answer for _ in range(500))
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
