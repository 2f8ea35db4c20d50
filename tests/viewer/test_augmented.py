import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_deepflash2.config import Configuration
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer.augmented import GAP, augmented_tiles, show_augmented
from napari_deepflash2.viewer.pairs import AS_IT_IS, Taking, make_pair, pair_folders
from napari_deepflash2.viewer.training_data import take_pairs

SIDE = 3 * 32 + 2 * GAP


@pytest.fixture
def viewer():
    return ViewerModel()


def _config(**data):
    return Configuration().replace("training", tile_size=32).replace("data", **data)


def _taken(image, mask, how=AS_IT_IS):
    return take_pairs([make_pair(image, mask, how)])[0]


def _mask(shape=(64, 80)):
    mask = np.zeros(shape, np.uint8)
    mask[..., 20:40, 20:60] = 7
    return mask


def test_tiles_lie_at_the_corner_of_their_image_and_are_updated(viewer):
    spatial = {"scale": (0.5, 0.5), "translate": (3, 4), "units": ("um", "um")}
    image = viewer.add_image(_mask() * 10.0, name="cells", **spatial)
    mask = viewer.add_labels(_mask(), **spatial)
    config = _config(mask_kind="classes", mask_classes=(0, 7))
    layers = []
    for random_state in (1, 2):
        tiles = augmented_tiles(_taken(image, mask), config, random_state, ignore_progress)
        layers.append((show_augmented(viewer, tiles), tiles.image))
    (first, one), (second, other) = layers
    assert first == second
    assert not np.array_equal(one, other)
    assert len(viewer.layers) == 4
    for layer in second:
        assert layer.data.shape == (SIDE, SIDE)
        assert layer.scale == pytest.approx((0.5, 0.5))
        assert layer.translate == pytest.approx((3, 4))
        assert layer.units == image.units
    assert set(np.unique(second[1].data)) == {0, 7}
    # Image and mask are varied together: where there is mask there is light.
    bright = second[0].data > second[0].data.max() / 2
    assert np.mean(bright == (second[1].data == 7)) > 0.9


def test_of_a_stack_the_fullest_plane_is_taken_and_no_slider_comes(viewer):
    masks = np.stack([_mask() * 0, _mask(), _mask() * 0])
    image = viewer.add_image(masks.astype(float), scale=(2, 1, 1))
    taken = _taken(image, viewer.add_labels(masks, scale=(2, 1, 1)))
    tiles = augmented_tiles(taken, _config(), 1, ignore_progress)
    assert tiles.labels.any()
    show_augmented(viewer, tiles)
    assert viewer.dims.ndim == 3


@pytest.mark.parametrize("channels", [2, 3])
def test_colours_are_shown_as_such_and_of_channels_the_first(viewer, channels):
    data = np.random.default_rng(0).random((channels, 64, 80))
    rgb = channels == 3
    image = viewer.add_image(np.moveaxis(data, 0, -1) if rgb else data, rgb=rgb)
    taken = _taken(image, viewer.add_labels(_mask()), Taking(None if rgb else 0))
    tiles = augmented_tiles(taken, _config(), 1, ignore_progress)
    assert tiles.image.shape == ((SIDE, SIDE, 3) if rgb else (SIDE, SIDE))
    layers = show_augmented(viewer, tiles)
    assert bool(layers[0].rgb) is rgb


def test_tiles_have_the_pixel_size_that_is_trained_at(viewer):
    spatial = {"scale": (0.5, 0.5), "units": ("um", "um")}
    image, mask = viewer.add_image(_mask() * 1.0, **spatial), viewer.add_labels(_mask(), **spatial)
    tiles = augmented_tiles(_taken(image, mask), _config(target_pixel_size=1.0), 1, ignore_progress)
    assert tiles.spatial["scale"] == pytest.approx((1, 1))


def test_tiles_of_files_and_masks_without_anything_judged(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "1.tif", _mask())
    pair = pair_folders(tmp_path / "images", tmp_path / "masks")
    assert augmented_tiles(pair, _config(), 1, ignore_progress).labels.any()
    tifffile.imwrite(tmp_path / "masks" / "1.tif", np.zeros((64, 80), np.uint8))
    with pytest.raises(InputError):
        augmented_tiles(pair, _config(ignore_label=0), 1, ignore_progress)
