"""One page with an experiment's tables, claims, figures and answers: a single HTML file that needs no network.

Every number of the main table leads to the answers behind it, two methods side by side. What has not been made, such
as claims.csv, is said on the page. Links to complete files are relative: keep the page beside them.
"""

from pathlib import Path

from lift.errors import InputError
from lift.report.page import page


def add_arguments(parser) -> None:
    parser.add_argument(
        "--budget-mb", type=float, default=8, help="megabytes of answers in the page, beyond its figures (8)"
    )


def main(experiment, args) -> list[Path]:
    layout = experiment.layout
    if not layout.folder.is_dir():
        raise InputError(f"{layout.folder}: the experiment has no results yet.")
    content = page.gather(layout, experiment.page(), int(args.budget_mb * 1e6))
    # half a surrogate pair, which a broken tokenizer may leave, has no bytes
    layout.page.write_text(page.render(content), encoding="utf-8", errors="replace", newline="\n")
    return [layout.page]
