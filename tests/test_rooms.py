"""The house: which room may import which, and how large rooms and files may be."""

import ast
import re
import subprocess
from graphlib import TopologicalSorter

from tests.conftest import ROOT

LIFT = ROOT / "lift"
# What each folder of lift/ imports from the others; the modules beside the folders may be imported by all.
MAY_IMPORT = {
    "models": set(),
    "machine": set(),
    "grade": set(),
    "data": {"models"},
    "statistics": {"models"},
    "finetune": {"data", "models", "statistics"},
    "decode": {"models"},
    "scores": {"statistics"},
    "config": {"data", "decode", "models"},
    "miniature": {"data", "models"},
    "plan": {"config", "data", "decode", "finetune", "grade", "machine", "miniature", "models", "report", "scores"},
    "report": {"config", "data", "scores", "statistics"},
}
FACES = {"stages", "tools"}  # which import from all rooms and are imported by none
LINES = 350


def room_of(module):
    """The folder of lift/ that a dotted name lies in, "" for what lies beside the folders."""
    parts = module.split(".")[1:]
    return parts[0] if parts and (LIFT / parts[0]).is_dir() else ""


def imported(path):
    """The modules of lift that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "lift":
            yield from (f"lift.{alias.name}" if node.module == "lift" else node.module for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "lift")


def test_arrows_run_one_way():
    found = {room: set() for room in [*MAY_IMPORT, *FACES, ""]}
    for path in LIFT.rglob("*.py"):
        room = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found[room] |= {room_of(module) for module in imported(path)} - {room, ""}
    assert found.pop("") == {"config"}  # `python -m lift` reads the experiment for a stage
    assert not any(FACES & rooms for rooms in found.values())
    assert {room: rooms for room, rooms in found.items() if room not in FACES} == MAY_IMPORT
    TopologicalSorter(MAY_IMPORT).prepare()  # raises where there is a circle


def test_rooms_and_files_can_be_read():
    listing = subprocess.run(["git", "ls-files", "lift"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = listing.split()
    assert len({path.split("/")[1] for path in files}) <= 22
    long = {path for path in files if path.endswith(".py") and len((ROOT / path).read_text().splitlines()) > LINES}
    assert not long


def test_rules_can_be_read():
    """A rule is its files, one view as its settings, its code, and a call of a few names: at most 40 lines."""
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        lengths, name = {}, None
        for line in path.read_text().splitlines():
            if found := re.match(r" *(?:use rule \w+ as|rule) (\w+)", line):
                name = found[1]
            elif line and not line.startswith(" "):
                name = None
            if name:
                lengths[name] = lengths.get(name, 0) + bool(line.strip())
        assert lengths or path.stem == "common"
        assert {name: length for name, length in lengths.items() if length > 40} == {}, path
