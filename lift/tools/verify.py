"""Look whether the files of an experiment are what was written: those that changed, are missing or have no record.

Every stage records size and SHA-256 of what it wrote, below .checksums in the folder of the experiment; an unfinished
run does so of its checkpoints. All files are read, weights in the hub's cache as well. Logs and timings are left out.
Ends with 1 where a file changed or is missing.
"""

import sys
from pathlib import Path

from lift import checksums
from lift.config.layout import Layout, experiments


def add_arguments(parser) -> None:
    parser.add_argument("results", metavar="RESULTS", type=Path, help="folder of an experiment, or of several")


def main(args) -> None:
    found = [verify(folder) for folder in experiments(args.results)]
    if not all(found):
        sys.exit(1)


def verify(folder: Path) -> bool:
    """Print what differs in the folder of an experiment; whether nothing changed and nothing is missing."""
    recorded, differing = set(), {}
    for place in sorted(folder.rglob(checksums.FOLDER)):
        for record in sorted(place.rglob("*.json")):
            recorded |= checksums.recorded(place.parent, record)
            differing |= {path: what for path, what, _ in checksums.differences(place.parent, record, thorough=True)}
    missing = [path for path in differing if not path.is_file()]
    apart = [Layout(folder).log("x").parent, Layout(folder).timing("x").parent]
    files = [path for path in checksums.files_in(folder) if not any(map(path.is_relative_to, apart))]
    print(f"{folder}: {len(recorded) - len(differing)} of {len(recorded)} files are what was written.")
    _list("changed", [f"{path}: {what}" for path, what in differing.items() if path not in missing])
    _list("missing", missing)
    _list("without a record", [path for path in files if path not in recorded])
    return not differing


def _list(what: str, lines: list) -> None:
    if lines:
        print("\n".join([f"{what} ({len(lines)}):", *(f"  {line}" for line in lines)]))
