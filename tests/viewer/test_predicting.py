import shutil

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2 import Configuration, load_ensemble
from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction.canvas import Region
from napari_deepflash2.progress import Cancelled
from napari_deepflash2.viewer import frames
from napari_deepflash2.viewer.growing_layers import GrowingLayers
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.predicting import predict_layer
from napari_deepflash2.viewer.reading import snapshot_image
from napari_deepflash2.viewer.regions import Target

UM = {
    "scale": (2, 0.5, 0.25),
    "translate": (4, 3, 2),
    "units": ("um", "um", "um"),
    "axis_labels": ("z", "y", "x"),
}
SHAPE = (3, 70, 90)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def stack(viewer):
    data = np.random.default_rng(1).normal(120, 30, SHAPE).astype(np.float32)
    return viewer.add_image(data, name="stack", **UM)


def _config(**values):
    return Configuration.of(
        {"prediction": {"tile_size": 32, "test_time_augmentation": "none", "batch_size": 1, **values}}
    )


def _target(indices, region):
    return Target("all planes", indices, region, region.middle)


class _Run:
    """A run whose worker is this thread; stops after so many steps of progress, if asked to."""

    def __init__(self, viewer, layer, target, wanted=("ood_map",), **taken):
        self.image = snapshot_image(layer, **taken)
        self.growing = GrowingLayers(viewer, self.image, target, wanted)
        self.target, self.steps = target, 0

    def go(self, folder, config=None, stop_after=None, at_step=lambda: None):
        def progress(step):
            self.steps += 1
            at_step()
            if self.steps == stop_after:
                raise Cancelled

        found = predict_layer(self.image, self.target, folder, config or _config(), self.growing, progress)
        self.lost = self.growing.settle()
        return found


def _layers(viewer):
    return {role_of(layer): layer for layer in viewer.layers if role_of(layer)}


REGION = Region(10, 40, 20, 60)


def test_a_region_is_the_whole_prediction_there_and_not_known_elsewhere(viewer, stack, tiny_ensemble):
    found = _Run(viewer, stack, _target(((1,),), REGION)).go(tiny_ensemble)
    expected = load_ensemble(tiny_ensemble).predict(stack.data[1], _config().prediction)
    layers = _layers(viewer)
    inside = (1, *REGION.slices)
    np.testing.assert_array_equal(layers["prediction"].data[inside], expected.labels[REGION.slices])
    uncertainty = layers["uncertainty"].data
    np.testing.assert_allclose(uncertainty[inside], expected.uncertainty[REGION.slices], atol=1e-5)
    assert np.isnan(uncertainty).sum() == uncertainty.size - uncertainty[inside].size
    assert layers["prediction"].data.sum() == layers["prediction"].data[inside].sum()
    (figures,) = found.planes
    assert (figures.index, figures.region, figures.is_whole_plane, figures.share) == ((1,), REGION, False, 1)
    np.testing.assert_array_equal(found.labels[found.where(figures)], expected.labels[REGION.slices])


def test_layers_lie_where_the_image_lies(viewer, stack, tiny_ensemble):
    viewer.dims.set_point(0, 6)
    step = viewer.dims.current_step
    wanted = ("epistemic", "probabilities", "entropy", "mutual_information", "ood_map")
    run = _Run(viewer, stack, _target(((1,),), REGION), wanted)
    run.go(tiny_ensemble, _config(entropy=True))
    layers = _layers(viewer)
    assert set(layers) == {"prediction", "uncertainty", *wanted} - {"ood_map"}
    for layer in layers.values():
        np.testing.assert_allclose(layer.extent.world, stack.extent.world)
        assert (layer.units, layer.axis_labels) == (stack.units, stack.axis_labels)
    for role in set(layers) - {"prediction"}:
        assert layers[role].contrast_limits == [0, 1]
    assert viewer.dims.current_step == step


def test_regions_of_one_image_are_put_together_in_the_same_layers(viewer, stack, tiny_ensemble):
    _Run(viewer, stack, _target(((1,),), REGION)).go(tiny_ensemble)
    before = list(viewer.layers)
    other = Region(35, 70, 50, 90)
    found = _Run(viewer, stack, _target(((1,), (2,)), other)).go(tiny_ensemble)
    assert list(viewer.layers) == before
    assert [(one.index, one.region) for one in found.planes] == [((1,), REGION), ((1,), other), ((2,), other)]
    expected = load_ensemble(tiny_ensemble).predict(stack.data[1], _config().prediction)
    uncertainty = _layers(viewer)["uncertainty"].data[1]
    for region in (REGION, other):
        np.testing.assert_allclose(uncertainty[region.slices], expected.uncertainty[region.slices], atol=1e-5)
    assert not any(note.code == "replaced" for note in found.notes)


def test_a_region_within_one_that_is_known_takes_its_place_in_the_list_only_where_it_covers_it(
    viewer, stack, tiny_ensemble
):
    _Run(viewer, stack, _target(((1,),), REGION)).go(tiny_ensemble)
    whole = Region(0, 70, 0, 90)
    found = _Run(viewer, stack, _target(((1,),), whole)).go(tiny_ensemble)
    assert [one.region for one in found.planes] == [whole]


@pytest.mark.parametrize("other", ["settings", "pixels"])
def test_results_that_do_not_belong_together_are_not_mixed(viewer, stack, tiny_ensemble, other):
    _Run(viewer, stack, _target(((1,),), REGION)).go(tiny_ensemble)
    before = list(viewer.layers)
    config = _config(overlap=0.5) if other == "settings" else None
    if other != "settings":
        stack.data[0] += 1
    found = _Run(viewer, stack, _target(((2,),), REGION)).go(tiny_ensemble, config)
    assert list(viewer.layers) == before
    assert [one.index for one in found.planes] == [(2,)]
    assert np.isnan(_layers(viewer)["uncertainty"].data[1]).all()
    assert any(note.code == "replaced" for note in found.notes)


def test_labels_that_were_painted_on_are_the_users_and_nothing_is_mixed_into_them(
    viewer, stack, tiny_ensemble
):
    _Run(viewer, stack, _target(((1,),), REGION)).go(tiny_ensemble)
    painted = _layers(viewer)["prediction"]
    painted.data[0, 0, 0] = 1
    kept = painted.data.copy()
    found = _Run(viewer, stack, _target(((2,),), REGION)).go(tiny_ensemble)
    np.testing.assert_array_equal(painted.data, kept)
    assert role_of(painted) is None
    assert [one.index for one in found.planes] == [(2,)]
    # Two layers of labels, and one of uncertainty, which says what is known.
    assert len(viewer.layers) == 4


def test_cancelling_keeps_what_is_done(viewer, stack, tiny_ensemble):
    whole = Region(0, 70, 0, 90)
    run = _Run(viewer, stack, _target(((0,), (1,), (2,)), whole))
    # The ensemble; then for each plane reading, the start, and 12 tiles.
    found = run.go(tiny_ensemble, stop_after=1 + 14 + 2 + 4)
    assert found.is_stopped
    first, second = found.planes
    assert (first.index, first.share) == ((0,), 1)
    assert first.score is not None
    assert second.index == (1,)
    assert 0 < second.share < 1
    assert (second.score, second.expected_dice, second.is_ood) == (None, None, None)
    uncertainty = _layers(viewer)["uncertainty"].data
    assert np.isfinite(uncertainty[0]).all()
    assert np.isfinite(uncertainty[1]).mean() == pytest.approx(second.share)
    assert np.isnan(uncertainty[2]).all()
    # What is not known is background, and said to be not known.
    assert (_layers(viewer)["prediction"].data[np.isnan(uncertainty)] == 0).all()


def test_a_run_that_is_stopped_takes_nothing_from_what_is_known(viewer, stack, tiny_ensemble):
    whole = Region(0, 70, 0, 90)
    first = _Run(viewer, stack, _target(((0,),), whole)).go(tiny_ensemble)
    again = _Run(viewer, stack, _target(((0,), (1,)), whole)).go(tiny_ensemble, stop_after=5)
    assert again.is_stopped
    assert again.planes == first.planes


def test_before_anything_is_predicted_a_stop_changes_nothing(viewer, stack, tiny_ensemble):
    run = _Run(viewer, stack, _target(((0,),), REGION))
    with pytest.raises(Cancelled):
        run.go(tiny_ensemble, stop_after=1)
    run.growing.settle()
    assert list(viewer.layers) == [stack]


def test_results_are_drawn_while_they_grow_but_not_at_every_step(viewer, stack, tiny_ensemble):
    run = _Run(viewer, stack, _target(((1,),), Region(0, 70, 0, 90)))
    viewer.dims.set_point(0, 6)
    shares, drawn = [], []

    def look():
        run.growing.look()
        if "uncertainty" in _layers(viewer):
            layer = _layers(viewer)["uncertainty"]
            if not drawn:
                layer.events.set_data.connect(lambda: drawn.append(1))
                drawn.append(1)
            shares.append(float(np.isfinite(layer.data[1]).mean()))

    run.go(tiny_ensemble, at_step=look)
    assert 0 < shares[0] < 1
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(drawn) < len(shares) + 3


def test_an_error_in_a_later_plane_keeps_the_planes_before(viewer, tiny_ensemble):
    data = np.random.default_rng(1).normal(120, 30, SHAPE).astype(np.float32)
    data[1, 5, 6] = np.nan
    layer = viewer.add_image(data, name="holes", contrast_limits=(0, 255))
    run = _Run(viewer, layer, _target(((0,), (1,)), Region(0, 70, 0, 90)))
    with pytest.raises(InputError, match=r'layer "holes" at \(1,\): 1 values are NaN.*y 5, x 6'):
        run.go(tiny_ensemble)
    run.growing.settle()
    assert np.isfinite(_layers(viewer)["uncertainty"].data[0]).all()
    assert [one.index for one in run.growing.known] == [(0,)]


def test_a_layer_that_is_removed_in_mid_run_is_left_out_and_told(viewer, stack, tiny_ensemble):
    run = _Run(viewer, stack, _target(((0,), (1,)), Region(0, 70, 0, 90)))

    def remove():
        run.growing.look()
        layer = _layers(viewer).get("uncertainty")
        if layer is not None:
            viewer.layers.remove(layer)

    run.go(tiny_ensemble, at_step=remove)
    assert run.lost == ("stack uncertainty (0 to 1)",)
    assert set(_layers(viewer)) == {"prediction"}


def test_an_image_that_is_removed_in_mid_run_still_gets_its_result(viewer, stack, tiny_ensemble):
    run = _Run(viewer, stack, _target(((0,),), REGION))
    extent = stack.extent.world

    def remove():
        if stack in viewer.layers:
            viewer.layers.remove(stack)

    run.go(tiny_ensemble, at_step=remove)
    np.testing.assert_allclose(_layers(viewer)["prediction"].extent.world, extent)


def test_where_there_is_no_room_for_all_of_an_image_the_region_has_layers_in_its_place(
    viewer, stack, tiny_ensemble, monkeypatch
):
    monkeypatch.setattr(frames, "ROOM", 70 * 90)
    _Run(viewer, stack, _target(((1,),), REGION)).go(tiny_ensemble)
    layers = _layers(viewer)
    assert layers["prediction"].data.shape == (1, *REGION.shape)
    for layer in layers.values():
        np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), stack.data_to_world((1, 10, 20)))
    other = Region(30, 50, 20, 60)
    found = _Run(viewer, stack, _target(((1,),), other)).go(tiny_ensemble)
    assert len(viewer.layers) == 3
    assert layers["prediction"].data.shape == (1, 40, 40)
    assert np.isfinite(layers["uncertainty"].data).all()
    assert [one.region for one in found.planes] == [REGION, other]
    expected = load_ensemble(tiny_ensemble).predict(stack.data[1], _config().prediction)
    np.testing.assert_allclose(layers["uncertainty"].data[0], expected.uncertainty[10:50, 20:60], atol=1e-5)


def test_what_is_too_large_for_napari_is_refused_with_another_way(viewer, stack, tiny_ensemble, monkeypatch):
    monkeypatch.setattr(frames, "ROOM", 100)
    monkeypatch.setattr(frames, "MOST", 200)
    run = _Run(viewer, stack, _target(((1,),), REGION))
    with pytest.raises(InputError, match="napari-deepflash2 predict"):
        run.go(tiny_ensemble)
    assert list(viewer.layers) == [stack]


def test_a_channel_axis_further_in_gets_no_slider_of_its_own(viewer, tiny_ensemble):
    data = np.random.default_rng(1).normal(120, 30, (3, 1, 40, 50)).astype(np.float32)
    layer = viewer.add_image(data, name="czyx", axis_labels=("z", "c", "y", "x"))
    run = _Run(viewer, layer, _target(((2,),), Region(0, 40, 0, 50)), channel_axis=1)
    found = run.go(tiny_ensemble)
    assert _layers(viewer)["prediction"].data.shape == (3, 1, 40, 50)
    assert found.labels.shape == (3, 40, 50)
    expected = load_ensemble(tiny_ensemble).predict(data[2, 0], _config().prediction)
    np.testing.assert_array_equal(_layers(viewer)["prediction"].data[2, 0], expected.labels)


def test_a_level_is_predicted_on_its_own_grid(viewer, tiny_ensemble):
    full = np.random.default_rng(1).normal(120, 30, (128, 128)).astype(np.float32)
    layer = viewer.add_image([full, full[::2, ::2]], multiscale=True, scale=(0.5, 0.5))
    run = _Run(viewer, layer, _target(((),), Region(0, 64, 0, 64)), level=1)
    run.go(tiny_ensemble)
    found = _layers(viewer)["prediction"]
    assert found.data.shape == (64, 64)
    assert tuple(found.scale) == (1, 1)
    np.testing.assert_allclose(found.data_to_world((0, 0)), (0.25, 0.25))


def test_a_very_large_image_is_measured_on_a_coarser_level_and_only_its_tiles_are_read(
    viewer, tiny_ensemble, monkeypatch
):
    monkeypatch.setattr("napari_deepflash2.viewer.reading.LARGE", 100 * 100)
    computed = []

    def chunk(block_info=None):
        (top, bottom), (left, right) = block_info[None]["array-location"]
        computed.append((top, left))
        return np.random.default_rng(top + left).normal(120, 30, (bottom - top, right - left))

    full = da.map_blocks(chunk, chunks=((32,) * 16, (32,) * 16), dtype=float, meta=np.zeros((0, 0)))
    half = np.random.default_rng(0).normal(120, 25, (64, 64))
    layer = viewer.add_image([full, half], multiscale=True, contrast_limits=(0, 255))
    computed.clear()
    run = _Run(viewer, layer, _target(((),), Region(40, 50, 40, 50)))
    found = run.go(tiny_ensemble, _config(overlap=0))
    assert set(computed) == {(32, 32)}
    assert any(note.code == "measured-on-coarser-level" for note in found.notes)


def test_an_ensemble_whose_files_changed_is_loaded_again(viewer, stack, tiny_ensemble, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(tiny_ensemble, folder)
    _Run(viewer, stack, _target(((0,),), REGION)).go(folder)
    next(folder.glob("*.pth")).write_bytes(b"damaged")
    run = _Run(viewer, stack, _target(((0,),), REGION))
    with pytest.raises(InputError, match="damaged"):
        run.go(folder)
