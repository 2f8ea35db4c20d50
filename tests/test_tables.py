from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from napari_deepflash2.tables import inert, write_csv, write_xlsx


@pytest.mark.parametrize("text", ["=HYPERLINK('x')", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted_in_cells_and_headers(text: str) -> None:
    table = inert(pd.DataFrame({text: [text, -1.5]}, index=[text, "b"]))
    assert table.columns.tolist() == [f"'{text}"]
    assert table.index.tolist() == [f"'{text}", "b"]
    assert table.iloc[:, 0].tolist() == [f"'{text}", -1.5]


def test_what_is_not_known_is_an_empty_cell(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"image": ["größe"], "dice": [None]}), tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines() == ["image,dice", "größe,"]


def test_j3_texts_in_excel_are_no_formulas_and_hold_no_character_that_it_forbids(tmp_path: Path) -> None:
    table = pd.DataFrame({"image": ["=1+1", "a\x01b", "\udcff", "größe"], "dice": [0.5, None, 1.0, 0.0]})
    write_xlsx({"images": table, "none": table[:0]}, tmp_path / "table.xlsx")
    cells = openpyxl.load_workbook(tmp_path / "table.xlsx")["images"]
    assert [[cell.value for cell in row] for row in cells.iter_rows()] == [
        ["image", "dice"],
        ["'=1+1", 0.5],
        ["a\\x01b", None],
        ["\\udcff", 1],
        ["größe", 0],
    ]
    assert "f" not in {cell.data_type for row in cells.iter_rows() for cell in row}


def test_a_name_that_is_no_unicode_is_written_with_escapes(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"image": ["\udcff"]}), tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines() == ["image", "\\udcff"]
