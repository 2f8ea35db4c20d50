import numpy as np
import pytest
from scipy import ndimage

from napari_deepflash2.sample_data import make_cells


def test_same_seed_gives_the_same_image_and_another_seed_another_one() -> None:
    first, again, other = make_cells(random_state=1), make_cells(random_state=1), make_cells(random_state=2)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.truth, again.truth)
    assert np.any(first.image != other.image)


@pytest.mark.parametrize("shape", [(256, 256), (128, 300), (64, 64)])
def test_image_and_truth_share_shape_and_type(shape: tuple[int, int]) -> None:
    image, truth = make_cells(shape, n_cells=5)
    assert image.shape == truth.shape == shape
    assert image.dtype == truth.dtype == np.uint16
    assert image.max() <= 4095


def test_every_cell_is_one_piece_numbered_from_one() -> None:
    truth = make_cells((512, 512), n_cells=60).truth
    numbers = np.unique(truth)
    np.testing.assert_array_equal(numbers, np.arange(61))
    pieces = [ndimage.label(truth == number)[1] for number in numbers[1:]]
    assert pieces == [1] * 60


def test_cells_are_of_several_sizes_and_brighter_than_the_background() -> None:
    image, truth = make_cells((512, 512), n_cells=60)
    areas = np.bincount(truth.ravel())[1:]
    assert np.percentile(areas, 90) > 2 * np.percentile(areas, 10)
    assert image[truth > 0].mean() > image[truth == 0].mean() + 3 * np.sqrt(image[truth == 0].mean())


def test_illumination_is_uneven() -> None:
    image, truth = make_cells((512, 512), n_cells=10)
    background = np.where(truth == 0, image, np.nan)
    corners = [background[:64, :64], background[:64, -64:], background[-64:, :64], background[-64:, -64:]]
    assert min(np.nanmean(corner) for corner in corners) < np.nanmean(background[192:320, 192:320])


def test_a_crowded_image_holds_the_cells_for_which_there_is_room() -> None:
    truth = make_cells((64, 64), n_cells=500).truth
    assert 0 < truth.max() < 500
