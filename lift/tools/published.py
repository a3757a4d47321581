"""The interval of each difference of published scores, from the number of problems: docs/published.md."""

from pathlib import Path

from lift.config import configuration
from lift.plan import published_comparisons
from lift.scores import reported

CONFIG = Path(__file__).parent.parent.parent / "config"


def add_arguments(parser) -> None:
    parser.add_argument("--reported", type=Path, default=CONFIG / "reported.csv", help="published numbers, a CSV file")
    parser.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[CONFIG / "paper.yaml", CONFIG / "code.yaml"],
        help=".yaml files with the benchmarks, for their sizes",
    )
    parser.add_argument("--output", type=Path, help="a Markdown file; printed if left out")


def main(args) -> None:
    sizes = published_comparisons.sizes([configuration.load_config(path) for path in args.config])
    page = published_comparisons.page(published_comparisons.compare(reported.read(args.reported), sizes))
    if args.output:
        args.output.write_text(page)
    else:
        print(page)
