"""Keep the tables and figures of an experiment, such as in docs/: a copy, and made_by.json, what made them.

To be called when snakemake has nothing left to do, so that what is kept was made by the code as it stands.
"""

import json
import shutil
from pathlib import Path

import yaml

from lift import provenance
from lift.kept import made_by


def add_arguments(parser) -> None:
    parser.add_argument("--results", type=Path, required=True, help="folder of the experiment")
    parser.add_argument("--claims", type=Path, required=True, help="the claims, a YAML file")
    parser.add_argument("--reported", type=Path, required=True, help="published numbers, a CSV file")
    parser.add_argument("--output", type=Path, required=True, help="the folder to keep them in; what is there goes")


def main(args) -> None:
    commit = provenance.commit()  # before the kept files themselves are changes
    config = yaml.safe_load((args.results / "config.yaml").read_text())
    shutil.rmtree(args.output, ignore_errors=True)
    args.output.mkdir(parents=True)
    kept = ["scores.csv", "comparisons.csv", "tables/*.md", "figures/*.png", "figures/*.csv"]
    for path in (path for pattern in kept for path in sorted(args.results.glob(pattern))):
        shutil.copyfile(path, args.output / path.name)
    records = [json.loads(path.read_text()) for path in args.results.glob("*/*/*/seed*/run.json")]
    facts = {
        "commit": commit,
        "commits of the runs": sorted({record["commit"] for record in records}),
        "machine": sorted({record["machine"] for record in records}),
        "made by": made_by(config, args.claims, args.reported),
    }
    (args.output / "made_by.json").write_text(json.dumps(facts, indent=2) + "\n")
