"""Keep the tables and figures of an experiment, such as in docs/: a copy, and in made_by.json what made them.

To be called when snakemake has nothing left to do, so that what is kept was made by the code as it stands. With --part,
the training log, answers and grades of one run on one benchmark are kept as well, for a test that computes them again.
"""

import json
import shutil
from pathlib import Path

from lift import provenance
from lift.config.experiment import Experiment
from lift.config.layout import Layout
from lift.errors import InputError
from lift.report.kept import header, made_by, part_files


def add_arguments(parser) -> None:
    parser.add_argument("--results", type=Path, required=True, help="folder of the experiment")
    parser.add_argument("--claims", type=Path, required=True, help="the claims, a YAML file")
    parser.add_argument("--reported", type=Path, required=True, help="published numbers, a CSV file")
    parser.add_argument("--part", help="MODEL/METHOD/seedK/DECODER/BENCHMARK whose log, answers and grades are kept")
    parser.add_argument("--output", type=Path, required=True, help="the folder to keep them in; what is there goes")


def main(args) -> None:
    commit = provenance.commit()  # before the kept files themselves are changes
    experiment = Experiment.read(Layout(args.results).config)
    part = {name: args.results / path for name, path in part_files(args.part).items()} if args.part else {}
    for path in part.values():
        if not path.is_file():
            raise InputError(f"--part {args.part}: {path} does not exist.")
    shutil.rmtree(args.output, ignore_errors=True)
    args.output.mkdir(parents=True)
    kept = [
        "scores.csv",
        "costs.csv",
        "comparisons.csv",
        "problem_scores.parquet",
        "tables/*.md",
        "figures/*.png",
        "figures/*.csv",
    ]
    for path in (path for pattern in kept for path in sorted(args.results.glob(pattern))):
        shutil.copyfile(path, args.output / path.name)
    for name, path in part.items():
        (args.output / "part").mkdir(exist_ok=True)
        shutil.copyfile(path, args.output / "part" / name)
    records = [json.loads(path.read_text()) for path in args.results.glob("*/*/*/seed*/run.json")]
    facts = {
        "commit": commit,
        "commits of the runs": sorted({record["commit"] for record in records}),
        "machine": sorted({record["machine"] for record in records}),
        "instructions": sorted({record["instructions"] for record in records if "instructions" in record}),
        "made by": made_by(experiment, args.claims, args.reported),
    }
    if args.part:
        facts["part"] = args.part
    (args.output / "made_by.json").write_text(json.dumps(facts, indent=2) + "\n")
    (args.output / "README.md").write_text(header(experiment.config["experiment"], facts))
