"""Compare every method with some references over the same problems: comparisons.csv.

Differences of scores, each with its 95% interval over problems and seeds, how what varies from seed to seed was
estimated, the p-value, the p-value corrected for all comparisons with one reference of one model and answer length, and
better or worse where the corrected one is below 0.05. docs/uncertainty.md has the model.
"""

from pathlib import Path

from lift.scores.comparisons import compare
from lift.scores.scores import read_problems


def main(experiment, args) -> list[Path]:
    problems, references = read_problems(experiment.layout.problem_scores), experiment.config["references"]
    table = compare(problems, references, leave_out=["guess"])
    table.to_csv(experiment.layout.comparisons, index=False, float_format="%.6f")
    return [experiment.layout.comparisons]
