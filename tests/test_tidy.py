"""Names are text in every file, whatever they look like."""

import numpy as np
import pandas as pd
import pytest

from lift import tidy
from lift.errors import InputError

NAMES = ["NA", "16", "007", "1.50", "1e5", "null", "nan", "None", "true", "-inf", "2024-01-05", ""]


def test_a_table_is_read_back_as_it_was_written(tmp_path):
    table = pd.DataFrame({"method": NAMES, "decoder": NAMES[::-1], "extracted": NAMES, "n": range(len(NAMES))})
    table["value"] = [np.nan, *np.linspace(0, 1, len(NAMES) - 1).round(6)]
    table.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(tidy.read(tmp_path / "t.csv"), table, check_dtype=False)
    assert tidy.read(tmp_path / "t.csv")["n"].dtype == int


def test_a_number_that_is_none_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("method,value\na,0.5\nb,high\n")
    with pytest.raises(InputError, match=r"t\.csv, column value: .*high"):
        tidy.read(tmp_path / "t.csv")
