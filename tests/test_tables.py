from pathlib import Path

import pandas as pd
import pytest

from napari_deepflash2.tables import inert, write_csv


@pytest.mark.parametrize("text", ["=HYPERLINK('x')", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted_in_cells_and_headers(text: str) -> None:
    table = inert(pd.DataFrame({text: [text, -1.5]}, index=[text, "b"]))
    assert table.columns.tolist() == [f"'{text}"]
    assert table.index.tolist() == [f"'{text}", "b"]
    assert table.iloc[:, 0].tolist() == [f"'{text}", -1.5]


def test_what_is_not_known_is_an_empty_cell(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"image": ["größe"], "dice": [None]}), tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines() == ["image,dice", "größe,"]
