"""Compare every method with some references over the same problems: comparisons.csv.

Differences of scores, each with its 95% interval over problems and seeds, how what varies from seed to seed was
estimated, the p-value, the p-value corrected for all comparisons with one reference of one model and answer length, and
better or worse where the corrected one is below 0.05. docs/uncertainty.md has the model.
"""

from pathlib import Path

from lift.scores.comparisons import compare
from lift.scores.scores import read_problems


def add_arguments(parser) -> None:
    parser.add_argument("--problems", type=Path, required=True, help="problem_scores.parquet")
    parser.add_argument("--references", nargs="+", required=True, help="methods that the others are compared with")
    parser.add_argument("--leave-out", nargs="*", default=[], help="methods that are not compared")
    parser.add_argument("--output", type=Path, required=True, help="the .csv file")


def main(args) -> None:
    table = compare(read_problems(args.problems), args.references, args.leave_out)
    table.to_csv(args.output, index=False, float_format="%.6f")
