"""What an experiment can find, before it costs anything: claim by claim, and what smaller differences would take.

For each comparison of the claims: the difference that is found with a chance of 80%, and the seeds (on the same
problems) and problems (with the same seeds) that find two points and one, each with the hours of the whole experiment
as `lift plan` estimates them. How much problems and seeds vary is taken from the answers of a finished experiment.
"""

from pathlib import Path

import pandas as pd

from lift import tidy
from lift.errors import InputError
from lift.plan import power
from lift.report import tables, text
from lift.scores import claims
from lift.scores.scores import read_problems

ROOT = Path(__file__).parent.parent.parent
CLAIMS, STAND_IN = ROOT / "config" / "claims.yaml", ROOT / "docs" / "study"
PROBLEMS = "problem_scores.parquet"


def add_arguments(parser) -> None:
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        help=f"folder with the {PROBLEMS} of a finished experiment, this or another; its own results if left out, and "
        "where there are none, those of the study that are kept in docs/",
    )
    parser.add_argument("--claims", type=Path, default=CLAIMS, help="the claims, a YAML file")
    parser.add_argument("--output", type=Path, help=".csv, .md and .tex: a path without its ending, or a folder")


def main(experiment, args) -> list[Path] | None:
    config, layout = experiment.config | {"threads": 1}, experiment.layout  # hours of a core
    source = args.source or (layout.folder if layout.problem_scores.is_file() else STAND_IN)
    if not (source / PROBLEMS).is_file():
        raise InputError(f"--from {source}: {PROBLEMS} is missing; name the folder of a finished experiment.")
    table = power.table(claims.read(args.claims), config, layout.folder, read_problems(source / PROBLEMS))
    if args.output:
        path = args.output / "power" if args.output.is_dir() else args.output
        costs = tidy.read(layout.costs) if source == layout.folder and layout.costs.is_file() else pd.DataFrame()
        tables.write(table, path, text.shown("power", table), text.made_with(costs))
        return layout.table_files("power") if path == layout.table("power") else None
    kind = "GPU-hours" if config["device"] == "cuda" else "CPU-hours"
    print(text.shown("power", table).to_markdown(index=False, disable_numparse=True))
    print(
        f"\nFound with a chance of {power.POWER:.0%}, at 95% for all comparisons together. h: {kind} of the whole\n"
        "experiment, by `lift plan`. none: not even a thousand seeds, or a thousand times the\n"
        "problems of every benchmark: the other limits it. A guide: so few seeds know little of how far seeds spread.\n"
        f"-: unknown. Variances as in {source / PROBLEMS}."
    )
    return None
