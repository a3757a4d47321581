"""The scripts that measure decoders run and fill their tables; what they measure is not tested."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.dag

DECODERS = ("exact", "prefix cache", "dual cache")


def table(script: str) -> dict[str, list[str]]:
    """The cells of each row of what a script prints in a quick run, by decoder; it must leave no result."""
    results = ROOT / "perf" / "results"
    before = {path: path.read_bytes() for path in results.iterdir()}
    command = [sys.executable, f"perf/{script}.py", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert before == {path: path.read_bytes() for path in results.iterdir()}
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    return {row[rows[0].index("decoder")]: row for row in rows}


def test_decoders_next_to_the_plain_algorithm():
    rows = table("decoding")
    assert set(rows) > {"plain", "threshold", "dual cache and threshold", *DECODERS}
    assert rows["plain"][-1] == rows["exact"][-1] == "yes"  # the same tokens


def test_decoders_on_the_miniature():
    rows = table("miniature_decoders")
    assert set(rows) > {"threshold 0.9", "dual cache, threshold 0.9", *DECODERS}
