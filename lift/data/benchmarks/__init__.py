"""Benchmarks, one file each: where the problems come from, what the prompt is, and which grader judges.

A benchmark defines `problems(*, <settings>) -> list[dict]` (id, question, prompt, answer, what its grader needs),
GRADER, a file in lift/grade/graders, and METRIC, of lift.scores.problem_scores.METRICS. One with GUESSES also gives, in
each problem, guesses: random well-formed answers, whose score is the floor. One with PROMPT takes its user turn from
that file in lift/data/prompts, or from the user's own, which its setting `prompt` names. One may say
PROMPT_TOKENS, their rough mean, for the plan.
"""

from pathlib import Path

from lift import registry
from lift.data import prompts


def describe(source: str, settings: dict) -> dict[str, str]:
    """The grader, the metric and the prompt file ("" for none) of a benchmark, and whether it has guesses."""
    module = registry.module_of("benchmark", source)
    own = hasattr(module, "PROMPT")
    return {
        "grader": module.GRADER,
        "metric": module.METRIC,
        "prompt": str(prompts.prompt_file(module.PROMPT, settings.get("prompt", ""))) if own else "",
        "guesses": hasattr(module, "GUESSES"),
    }


def question_of(problem: dict) -> str:
    """What a problem asks, without the instruction around it."""
    return problem.get("question", problem["prompt"])


def data_file(settings: dict) -> Path | None:
    """The local file or folder that a benchmark or corpus is read from, if it is one."""
    path = settings.get("path")
    return Path(path) if path and Path(path).exists() else None
