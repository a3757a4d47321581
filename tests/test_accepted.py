"""What is accepted stays accepted: answers with their verdicts, data with their rows, configs, checkpoints, prompts."""

import functools
import json
from collections import defaultdict

import pytest
import torch
import yaml

from lift import registry
from lift.config import configuration
from lift.data import published_answers
from lift.models import checkpoint, tokenization
from tests.conftest import ROOT, TINY

ACCEPTED = ROOT / "tests/accepted"


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# Answers

ANSWERS = defaultdict(list)
for row in read_lines(ACCEPTED / "answers.jsonl"):
    ANSWERS[row["grader"], row["correct"]].append(row)


@pytest.mark.parametrize("grader, correct", list(ANSWERS))
def test_verdicts_on_answers(grader, correct):
    """A right answer is right in every spelling, a wrong one wrong; `extracted` is given for answers of one form."""
    judge = registry.module_of("grader", grader).grade
    if "isolation" in registry.settings("grader")[grader]:
        judge = functools.partial(judge, isolation="process")
    changed = []
    for row in ANSWERS[grader, correct]:
        grade = judge(row["text"], row["problem"])
        if grade.correct != correct or grade.extracted != row.get("extracted", grade.extracted):
            changed.append((row["problem"], row["text"], grade))
    assert changed == []


# Prompts and checkpoints

TOKEN_IDS = json.loads((ACCEPTED / "token_ids.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", list(TOKEN_IDS))
def test_token_ids_of_ordinary_texts(folder):
    """Texts without control tokens, in the chat template of each family and of the miniature."""
    tokenizer = tokenization.load_tokenizer(ROOT / folder)
    rows = TOKEN_IDS[folder]
    prompts = tokenization.encode_prompts(tokenizer, [row["prompt"] for row in rows])
    assert prompts == [row["input_ids"][: row["prompt_length"]] for row in rows]
    for row in rows:
        expected = {name: row[name] for name in ("input_ids", "prompt_length")}
        assert tokenization.encode_example(tokenizer, row["prompt"], row["response"]) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "folder, family",
    [
        *((f"tests/golden/tiny_{name}", family) for name, family in TINY.items()),
        ("tests/rehearsal/models/llada", "llada"),
        ("tests/rehearsal/models/dream", "Dream"),
        ("tests/rehearsal/models/qwen3", "a2d-qwen3"),
        ("tests/rehearsal/models/coder", "a2d-qwen2"),
        ("lift/miniature/weights", "llada"),
    ],
)
def test_checkpoint_folders(folder, family, dtype):
    assert checkpoint.family_of(ROOT / folder, family) == family
    model = checkpoint.load(ROOT / folder, dtype=dtype, family=family)
    ids = torch.tensor([[1, 3, model.mask_id]])
    with torch.no_grad():
        logits = model.logits(ids, ids == model.mask_id)
    assert len(logits) == 1
    assert logits.isfinite().all()


@pytest.mark.parametrize("folder, family", [("llada", "llada"), ("dream", "Dream")])
def test_published_configs(folder, family):
    assert checkpoint.family_of(ROOT / "tests/published" / folder) == family


# Corpora and benchmark files

DATA = json.loads((ACCEPTED / "data.json").read_text())


@pytest.mark.parametrize("case", DATA, ids=lambda case: f"{case['source']}-{case['path']}")
def test_rows_of_data(case):
    """Texts stay as they are written; of a benchmark's answer the text counts, be it a number in the file."""
    folder, _, name = case["source"].partition(".")
    module = registry.module_of({"corpora": "corpus", "benchmarks": "benchmark"}[folder], name)
    read = module.examples if folder == "corpora" else module.problems
    rows = read(path=str(ACCEPTED / "data" / case["path"]), **case["settings"])
    assert len(rows) == len(case["expected"])
    for row, expected in zip(rows, case["expected"], strict=True):
        found = {name: str(row[name]) if name == "answer" else row[name] for name in expected}
        assert found == expected
        assert row["question"].strip() in row["prompt"] if "question" in row else row["prompt"]


# Configs

CONFIGS = yaml.safe_load((ACCEPTED / "configs.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def at(config: dict, keys: list[str]) -> object:
    return functools.reduce(dict.__getitem__, keys, config)


def contains(resolved: object, given: object) -> bool:
    """Whether every value that is given stands in the resolved config, of the same type."""
    if isinstance(given, dict):
        return all(key in resolved and contains(resolved[key], value) for key, value in given.items())
    return type(resolved) is type(given) and resolved == given


@pytest.mark.parametrize("name", list(CONFIGS))
def test_configs(name, monkeypatch):
    """Every value is kept as it is given, and the resolved config is accepted again."""
    monkeypatch.chdir(ROOT)  # files are named from there
    case = CONFIGS[name]
    config = yaml.safe_load((ROOT / case["of"]).read_text())
    for keys, value in case.get("change", {}).items():
        *above, key = keys.split(".")
        at(config, above)[key] = value
    for key in case.get("remove", []):
        del config[key]
    resolved = configuration.resolve(config, SCHEMA)
    assert contains(resolved, config)
    for keys, value in case.get("expect", {}).items():
        assert at(resolved, keys.split(".")) == value
    assert configuration.resolve(resolved, SCHEMA) == resolved


# Ground truths in files of answers

GRID = "1234341221434321"
CHECK = "def check(candidate):\n    assert candidate(1) == 1\n"


@pytest.mark.parametrize(
    "benchmark, question, truth, expected",
    [
        ("gsm8k", "q", 18, {"answer": "18"}),
        ("gsm8k", "q", 18.0, {"answer": "18.0"}),
        ("gsm8k", "q", 2.5, {"answer": "2.5"}),
        ("gsm8k", "q", 1e16, {"answer": "10000000000000000"}),
        ("gsm8k", "q", "1,200", {"answer": "1,200"}),
        ("gsm8k", "q", " -3 ", {"answer": " -3 "}),
        ("gsm8k", "q", "$5", {"answer": "$5"}),
        ("math500", "q", "\\frac{1}{2}", {"answer": "\\frac{1}{2}"}),
        ("math500", "q", 12, {"answer": "12"}),
        ("math500", "q", ["16 \\sqrt{3}", "x"], {"answer": "16 \\sqrt{3}"}),
        ("aime24", "q", ["073"], {"answer": "073"}),
        ("aime25", "q", 588, {"answer": "588"}),
        ("countdown", "q", [[3, 4, 5], 35], {"numbers": [3, 4, 5], "target": 35}),
        ("countdown", "q", [[1, 2], -1], {"numbers": [1, 2], "target": -1}),
        ("sudoku", "Solve:\n0234341221434320\n", GRID, {"puzzle": "0234341221434320", "answer": GRID}),
        ("sudoku", "0000341221434320", int(GRID), {"puzzle": "0000341221434320", "answer": GRID}),
        ("sudoku", "0234341221434320", "1234 3412\n2143 4321", {"puzzle": "0234341221434320", "answer": GRID}),
        (
            "humaneval",
            "q",
            {"prompt": "def same(x):\n", "entry_point": "same", "test": CHECK},
            {"prompt": "def same(x):\n", "entry_point": "same", "test": CHECK},
        ),
        (
            "mbpp",
            "q",
            {"test_list": ["assert f(1) == 1"], "test_imports": ["import math"], "task_id": 2},
            {"test_list": ["assert f(1) == 1"], "test_imports": ["import math"]},
        ),
        (
            "mbpp",
            "q",
            {"test_list": ["assert f(1) == (\n    1\n)", "assert not f(0), 'none'"], "test_imports": []},
            {"test_list": ["assert f(1) == (\n    1\n)", "assert not f(0), 'none'"], "test_imports": []},
        ),
    ],
)
def test_ground_truths(benchmark, question, truth, expected):
    assert expected.items() <= published_answers.problem(benchmark, question, truth).items()
