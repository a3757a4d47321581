"""What is accepted stays accepted: answers with their verdicts, data with their rows, configs, checkpoints, prompts."""

import importlib
import json
from collections import defaultdict

import pytest

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
