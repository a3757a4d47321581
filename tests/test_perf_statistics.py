"""The measurement of the token statistics runs; how long things take is no matter here."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.dag


def test_the_table_has_its_rows():
    kept = ROOT / "perf" / "results" / "statistics.md"
    before = kept.read_bytes() if kept.exists() else None
    result = subprocess.run(
        [sys.executable, "perf/token_statistics.py", "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in result.stdout.splitlines() if "|" in line]
    assert rows[0] == ["measured", "lift", "plain way"]
    names = [name.split(",")[0] for name, *_ in rows[2:]]
    assert names == [
        *("forward pass", "bookkeeping", "bookkeeping", "all"),
        *("peak memory beyond the start", "softmax and bookkeeping"),
    ]
    assert all(number[0].isdigit() or number[0] == "-" for _, *numbers in rows[2:] for number in numbers)
    assert (kept.read_bytes() if kept.exists() else None) == before  # tiny sizes are not kept
