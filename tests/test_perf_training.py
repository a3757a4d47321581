"""The script that measures training runs and fills its tables; what it measures is not tested."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.dag


def test_the_tables_have_their_rows():
    command = [sys.executable, "perf/training.py", "--quick"]
    results = ROOT / "perf" / "results"
    before = {path: path.read_bytes() for path in results.glob("training*")}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    for row in ("loss, plain", "loss, chunks", "lift3", "lift2"):
        assert f"| {row} " in done.stdout
    assert before == {path: path.read_bytes() for path in results.glob("training*")}  # a quick run is no result
