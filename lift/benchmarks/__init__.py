"""Benchmarks, one file each: where the problems come from, what the prompt is, and which grader judges.

A benchmark defines `problems(*, <settings>) -> list[dict]` (id, prompt, answer, what its grader needs, and guesses: 16
random well-formed answers, whose score is the floor), GRADER, a file in lift/graders, and METRIC: accuracy,
cell_accuracy or pass@k.
"""

import importlib


def describe(source: str) -> dict[str, str]:
    """The grader and the metric of a benchmark."""
    module = importlib.import_module("lift.benchmarks." + source.replace("-", "_"))
    return {"grader": module.GRADER, "metric": module.METRIC}
