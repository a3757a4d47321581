"""Say where a number in a table comes from: the chain of records behind a cell, checked on the way.

CELL is EXPERIMENT/TABLE/ROW.../COLUMN, for any .csv in RESULTS/EXPERIMENT/tables: what names the row, then the column,
which may be left out where it is what was measured, such as

    python -m lift explain miniature/main/mini/lift3/mini-gsm
    python -m lift explain miniature/main/lift3/average
    python -m lift explain miniature/pass_at_k/mini/sft/mini-contest-a/pass@4
    python -m lift explain miniature/statistics/rare/0.25/confidence
    python -m lift explain miniature/contamination/mini-gsm/shared

Parts of a row's name may be left out while one row is meant. EXPERIMENT alone lists the tables, EXPERIMENT/TABLE the
cells. Nothing is run and nothing is written; weights of 1 GB and more are not read. Ends with 1 if a check failed; that
answers are newer than their grades is seen by their times, so copy results with their times.
"""

import json
import sys
from pathlib import Path

from lift.report import explain, outline, records


def add_arguments(parser) -> None:
    parser.add_argument("cell", metavar="CELL", help="EXPERIMENT/TABLE/ROW.../COLUMN")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the experiments")
    parser.add_argument("--json", action="store_true", help="the chain as JSON")


def main(args) -> None:
    chain = explain.explain(args.results, args.cell)
    print(json.dumps(chain, indent=2) if args.json else outline.text(chain))
    if any(records.WARNING in found for found in chain.get("checks", {}).values()):
        sys.exit(1)
