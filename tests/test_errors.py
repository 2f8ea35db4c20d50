import pytest

from napari_deepflash2.errors import InputError, Problem, raise_if_any


def test_an_error_lists_every_problem_on_a_line_of_its_own() -> None:
    with pytest.raises(InputError) as caught:
        raise_if_any(Problem(f"{n}.tif", "is empty", "Replace it.", "empty") for n in (1, 2))
    assert str(caught.value).splitlines() == [
        "1.tif: is empty. Replace it.",
        "2.tif: is empty. Replace it.",
    ]
    assert [problem.code for problem in caught.value.problems] == ["empty", "empty"]


def test_without_problems_nothing_is_raised() -> None:
    raise_if_any([])


def test_a_name_with_newlines_or_escapes_stays_on_one_line() -> None:
    line = str(Problem("a\nb\x1b[31m.tif", "is empty", "Replace it.", "empty"))
    assert line == r"a\nb\x1b[31m.tif: is empty. Replace it."


def test_names_in_other_scripts_are_shown_as_they_are() -> None:
    assert str(Problem("größe_細胞.tif", "f", "r", "c")).startswith("größe_細胞.tif: ")
