"""What is accepted stays accepted: answers with their verdicts, data with their rows, configs, checkpoints, prompts."""

import importlib
import json
from collections import defaultdict

import pytest
import torch

from lift import models, tokenization
from tests.conftest import ROOT

ACCEPTED = ROOT / "tests/accepted"


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# Answers

ANSWERS = defaultdict(list)
for row in read_lines(ACCEPTED / "answers.jsonl"):
    ANSWERS[row["grader"], row["correct"]].append(row)


@pytest.mark.parametrize("grader, correct", list(ANSWERS))
def test_verdicts_on_answers(grader, correct, monkeypatch):
    """A right answer is right in every spelling, a wrong one wrong; `extracted` is given for answers of one form."""
    monkeypatch.setenv("LIFT_SANDBOX", "process")
    module = importlib.import_module(f"lift.graders.{grader}")
    changed = []
    for row in ANSWERS[grader, correct]:
        grade = module.grade(row["text"], row["problem"])
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
        ("tests/golden/tiny_llada", "llada"),
        ("tests/golden/tiny_dream", "Dream"),
        ("tests/rehearsal/models/llada", "llada"),
        ("tests/rehearsal/models/dream", "Dream"),
        ("lift/miniature/weights", "llada"),
    ],
)
def test_checkpoint_folders(folder, family, dtype):
    assert models.family_of(ROOT / folder) == family
    model = models.load(ROOT / folder, dtype=dtype)
    ids = torch.tensor([[1, 3, model.mask_id]])
    with torch.no_grad():
        logits = model.logits(ids, ids == model.mask_id)
    assert len(logits) == 1
    assert logits.isfinite().all()


@pytest.mark.parametrize("folder, family", [("llada", "llada"), ("dream", "Dream")])
def test_published_configs(folder, family):
    assert models.family_of(ROOT / "tests/published" / folder) == family


# Corpora and benchmark files

DATA = json.loads((ACCEPTED / "data.json").read_text())


@pytest.mark.parametrize("case", DATA, ids=lambda case: f"{case['source']}-{case['path']}")
def test_rows_of_data(case):
    """Texts stay as they are written; of a benchmark's answer the text counts, be it a number in the file."""
    module = importlib.import_module(f"lift.{case['source']}")
    read = module.examples if case["source"].startswith("corpora") else module.problems
    rows = read(path=str(ACCEPTED / "data" / case["path"]), **case["settings"])
    assert len(rows) == len(case["expected"])
    for row, expected in zip(rows, case["expected"], strict=True):
        found = {name: str(row[name]) if name == "answer" else row[name] for name in expected}
        assert found == expected
        assert row["question"].strip() in row["prompt"] if "question" in row else row["prompt"]
