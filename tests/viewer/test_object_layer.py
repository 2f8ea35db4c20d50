from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_deepflash2.objects import ObjectQuality, find_objects
from napari_deepflash2.prediction.canvas import Region
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer.frames import Frame
from napari_deepflash2.viewer.known import Figures
from napari_deepflash2.viewer.object_layer import (
    COLOURINGS,
    colour_objects,
    find_layer_objects,
    go_to_object,
    show_objects,
)
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.predicting import LayerPrediction
from napari_deepflash2.viewer.reading import snapshot_image
from napari_deepflash2.viewer.regions import Target

CLASSES = (0, 5)


class Ensemble:
    """Finds objects as an ensemble does that has learned to expect a half of each."""

    def find_objects(self, prediction, pixel_size, name):
        quality = ObjectQuality(np.zeros(5), np.full(4, -np.inf), np.full(4, np.inf))
        return find_objects(prediction, CLASSES, pixel_size, quality)


@pytest.fixture
def viewer():
    return ViewerModel()


def _prediction(layer, channel_axis=None, frame=None, planes=()):
    """Two objects on each plane but the first of several, the second one the less certain."""
    image = snapshot_image(layer, channel_axis)
    frame = frame or Frame((0,) * len(image.grid.shape), image.grid.shape)
    probability = np.full(frame.shape, 0.02, np.float32)
    probability[..., 2:6, 3:8], probability[..., 10:13, 12:14] = 0.95, 0.7
    if len(frame.shape) == 3:
        probability[0] = 0.02
    labels = np.where(probability > 0.5, 5, 0).astype(np.uint8)
    region = Region(0, image.grid.shape[-2], 0, image.grid.shape[-1])
    target = Target("all planes", tuple(np.ndindex(image.grid.shape[:-2])), region, region.middle)
    uncertainty = 4 * probability * (1 - probability)
    return LayerPrediction(
        image, target, frame, labels, uncertainty, probability[None], None, CLASSES, tuple(planes)
    )


def _objects(layer, **options):
    return find_layer_objects(_prediction(layer, **options), Ensemble(), ignore_progress)


def test_objects_lie_over_their_image_and_each_has_its_features(viewer):
    image = viewer.add_image(np.zeros((20, 30)), name="cells", scale=(0.5, 0.25), units=("um", "um"))
    objects = _objects(image)
    layer = show_objects(viewer, objects, "uncertainty")
    assert role_of(layer) == "objects"
    np.testing.assert_allclose(layer.extent.world, image.extent.world)
    assert np.unique(layer.data).tolist() == [0, 1, 2]
    features = layer.features.set_index("index")
    assert features["area"].tolist() == [20, 6]
    assert features["area_um2"].tolist() == [20 / 8, 6 / 8]
    assert features["expected_iou"].tolist() == [0.5, 0.5]
    assert np.isnan(features["unlike"]).all()
    assert "plane" not in features
    assert "uncertainty: 0.84" in " ".join(layer.get_status((5.5, 3.25), world=True)["value"].split("; "))


def test_running_again_updates_the_layer_and_what_was_painted_is_left_to_the_user(viewer):
    image = viewer.add_image(np.zeros((20, 30)))
    first = show_objects(viewer, _objects(image), "uncertainty")
    assert show_objects(viewer, _objects(image), "uncertainty") is first
    first.data[15, 25] = 9
    second = show_objects(viewer, _objects(image), "uncertainty")
    assert second is not first
    assert first.data[15, 25] == 9
    assert role_of(first) is None
    viewer.layers.remove(second)
    assert show_objects(viewer, _objects(image), "uncertainty") in viewer.layers


def test_bright_is_what_to_look_at_first_and_grey_what_is_not_known(viewer):
    layer = show_objects(viewer, objects := _objects(viewer.add_image(np.zeros((20, 30)))), "uncertainty")
    sure, unsure = (layer.get_color(number)[:3].sum() for number in (1, 2))
    assert sure < unsure
    colour_objects(layer, objects, "unlike the training")
    assert len({*layer.get_color(1)[:3], *layer.get_color(2)[:3]}) == 1
    objects.table["expected_iou"] = pd.array([0.2, 0.9], "Float64")
    colour_objects(layer, objects, "expected overlap")
    assert layer.get_color(1)[:3].sum() > layer.get_color(2)[:3].sum()


@pytest.mark.parametrize("by", [*COLOURINGS, "class"])
def test_thousands_of_objects_get_their_colours_and_the_last_one_too(viewer, by):
    objects = _objects(viewer.add_image(np.zeros((20, 30))))
    many = pd.concat([objects.table] * 1500, ignore_index=True).assign(label=range(1, 3001))
    many["uncertainty"] = np.linspace(0, 1, 3000)
    labels = np.arange(600).reshape(20, 30).astype(np.int32) * 5 + 5
    layer = show_objects(viewer, replace(objects, table=many, labels=labels), by)
    assert len(layer.colormap.colors) > 3000
    assert layer.get_color(3000) is not None
    if by == "uncertainty":
        np.testing.assert_allclose(layer.get_color(3000), [0.94, 0.975, 0.13, 1], atol=0.01)


def test_an_image_without_objects_gets_an_empty_layer(viewer):
    prediction = _prediction(viewer.add_image(np.zeros((20, 30))))
    empty = replace(prediction, labels=np.zeros((20, 30), np.uint8))
    layer = show_objects(viewer, find_layer_objects(empty, Ensemble(), ignore_progress), "class")
    assert not layer.data.any()
    assert len(layer.features) == 0


def test_the_way_to_an_object_of_a_stack_moves_slider_and_camera_and_selects_its_label(viewer):
    stack = viewer.add_image(np.zeros((3, 20, 30)), scale=(2, 0.5, 0.25))
    viewer.dims.set_point(0, 0)
    objects = _objects(stack)
    assert objects.table["plane"].tolist() == [1, 1, 2, 2]
    layer = show_objects(viewer, objects, "uncertainty")
    go_to_object(viewer, layer, objects, 3)
    assert viewer.dims.point[0] == 4
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (11 * 0.5, 12.5 * 0.25))
    assert layer.selected_label == 4


def test_along_an_axis_of_channels_the_way_changes_nothing(viewer):
    image = viewer.add_image(np.zeros((3, 2, 20, 30)))
    objects = _objects(image, channel_axis=1)
    layer = show_objects(viewer, objects, "uncertainty")
    assert layer.data.shape == (3, 2, 20, 30)
    viewer.dims.set_point((0, 1), (0, 1))
    go_to_object(viewer, layer, objects, 2)
    assert viewer.dims.point[:2] == (2, 1)
    assert layer.selected_label == 3


def test_objects_of_a_part_of_an_image_are_told_where_they_are_in_it(viewer):
    image = viewer.add_image(np.zeros((5, 100, 100)))
    objects = _objects(image, frame=Frame((2, 40, 50), (4, 60, 80)))
    assert objects.table["plane"].tolist() == [3, 3]
    assert objects.table[["top", "left"]].iloc[0].tolist() == [42, 53]
    layer = show_objects(viewer, objects, "uncertainty")
    go_to_object(viewer, layer, objects, 0)
    assert viewer.dims.point[0] == 3
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (43.5, 55))


def test_nothing_is_expected_where_a_region_is_unlike_the_training_or_was_not_predicted_whole(viewer):
    image = viewer.add_image(np.zeros((20, 30)))
    left = Figures((), Region(0, 20, 0, 10), False, is_ood=True)
    right = Figures((), Region(0, 20, 10, 30), False, is_ood=False)
    table = _objects(image, planes=[left, right]).table
    assert table["expected_iou"].isna().tolist() == [True, False]
    table = _objects(image, planes=[replace(left, is_ood=False), replace(right, share=0.5)]).table
    assert table["expected_iou"].isna().tolist() == [False, True]


def test_what_an_earlier_run_left_unknown_is_background(viewer):
    prediction = _prediction(viewer.add_image(np.zeros((20, 30))))
    for array in (prediction.uncertainty, prediction.probabilities[0]):
        array[:, 16:] = np.nan
    table = find_layer_objects(prediction, Ensemble(), ignore_progress).table
    assert table["uncertainty"].notna().all()
    assert table["expected_iou"].notna().all()
