import numpy as np
import pytest

from napari_deepflash2.ensemble.differences import find_differences, sides_of


def maps() -> tuple[np.ndarray, np.ndarray]:
    """Disagreement and uncertainty: two places where one is high alone, one where both are."""
    disagreement, uncertainty = np.zeros((20, 30), np.float32), np.full((20, 30), 0.1, np.float32)
    disagreement[2:6, 2:6] = 0.9
    uncertainty[10:15, 20:25] = 0.7
    disagreement[10:15, 2:8], uncertainty[10:15, 2:8] = 0.9, 0.8
    return disagreement, uncertainty


def test_places_where_one_is_sure_and_the_other_is_not_are_found_with_who_is_undecided() -> None:
    first, second = find_differences(*maps())
    assert (first.undecided, first.area, first.weight) == ("model", 25, pytest.approx(25 * 0.7))
    assert (first.top, first.left, first.bottom, first.right) == (10, 20, 15, 25)
    assert (second.undecided, second.area, second.margin) == ("experts", 16, pytest.approx(0.8))
    assert (first.y, first.x) == (12, 22)


def test_what_is_not_a_number_differs_from_nothing() -> None:
    disagreement, uncertainty = maps()
    disagreement[:8] = np.nan
    uncertainty[:, 22:] = np.nan
    (found,) = find_differences(disagreement, uncertainty)
    assert (found.undecided, found.area) == ("model", 10)
    assert not sides_of(disagreement, uncertainty)[:8].any()


def test_rims_and_specks_are_left_out() -> None:
    disagreement, uncertainty = np.zeros((9, 9), np.float32), np.zeros((9, 9), np.float32)
    disagreement[4, 4:8] = 0.9
    assert find_differences(disagreement, uncertainty) == []
    assert len(find_differences(disagreement, uncertainty, least_weight=3)) == 1
