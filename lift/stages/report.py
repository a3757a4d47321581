"""One page with an experiment's tables, claims, figures and answers: a single HTML file that needs no network.

Every number of the main table leads to the answers behind it, two methods side by side. What has not been made, such
as claims.csv, is said on the page. Links to complete files are relative: keep the page beside them.
"""

import json
from pathlib import Path

from lift.errors import InputError
from lift.report.page import page


def add_arguments(parser) -> None:
    parser.add_argument("--results", type=Path, required=True, help="folder of the experiment")
    parser.add_argument("--metrics", type=json.loads, required=True, help="by benchmark, its own metric; as JSON")
    parser.add_argument("--decoders", type=json.loads, required=True, help="by benchmark, their names; as JSON")
    parser.add_argument("--methods", nargs="+", required=True, help="in the order of the rows")
    parser.add_argument("--reference", required=True, help="the method that the others are compared with")
    parser.add_argument(
        "--budget-mb", type=float, default=8, help="megabytes of answers in the page, beyond its figures (8)"
    )
    parser.add_argument("--output", type=Path, required=True, help="the page, an .html file")


def main(args) -> None:
    if not args.results.is_dir():
        raise InputError(f"{args.results} is no folder: --results takes the folder of an experiment.")
    content = page.gather(
        args.results,
        args.metrics,
        args.decoders,
        args.methods,
        args.reference,
        int(args.budget_mb * 1e6),
        page.root_of(args.results, args.output),
    )
    args.output.parent.mkdir(parents=True, exist_ok=True)
    # half a surrogate pair, which a broken tokenizer may leave, has no bytes
    args.output.write_text(page.render(content), encoding="utf-8", errors="replace", newline="\n")
