import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2 import Configuration, InputError
from napari_deepflash2.consensus.adjudication_file import save_adjudication
from napari_deepflash2.progress import Cancelled, ignore_progress
from napari_deepflash2.viewer.adjudication import (
    MARK,
    RESULT,
    AdjudicationView,
    look_at,
    open_session,
    resume,
    start,
)
from napari_deepflash2.viewer.experts import take_annotations
from napari_deepflash2.viewer.placing import role_of

PLACED = {
    "scale": (0.5, 0.25),
    "translate": (3, 4),
    "rotate": 30,
    "affine": np.array([[0, 2, 5], [1, 0, -1], [0, 0, 1.0]]),
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
}
WHERE = np.s_[20:26, 30:40]


def _masks(shape=(60, 80)):
    """Four experts: two see a rectangle of 60 pixels, all see another one, and one draws that larger."""
    masks = np.zeros((4, *shape), np.uint8)
    masks[0:2, ..., 20:26, 30:40] = 255
    masks[:, ..., 2:6, 2:6] = 255
    masks[3, ..., 6, 2:6] = 255
    return masks


def _session(viewer, masks, min_size=1, kind="auto", **placed):
    image = viewer.add_image(np.zeros(masks[0].shape), name="image", **placed)
    layers = [viewer.add_labels(mask, name=f"expert {number}", **placed) for number, mask in enumerate(masks)]
    config = Configuration.of({"data": {"mask_kind": kind}})
    return start(take_annotations(layers, image, 2), config, min_size, ignore_progress)


@pytest.fixture
def viewer():
    return ViewerModel()


def _roles(viewer):
    return [role_of(layer) for layer in viewer.layers if role_of(layer)]


def test_the_mask_in_the_making_lies_below_the_outlined_experts_ready_to_paint(viewer):
    view = AdjudicationView(viewer, _session(viewer, _masks(), **PLACED))
    assert view.result.data is view.adjudication.labels
    assert [layer.name for layer in viewer.layers] == [
        "image", RESULT, "expert 0", "expert 1", "expert 2", "expert 3", MARK,
    ]  # fmt: skip
    np.testing.assert_allclose(view.result.extent.world, viewer.layers["image"].extent.world)
    experts = [viewer.layers[f"expert {number}"] for number in range(4)]
    assert all(layer.contour == 2 for layer in experts)
    while view.show_next_expert():
        pass
    assert all(layer.visible for layer in experts)
    assert viewer.layers.selection.active is view.result
    assert view.result.selected_label == 255
    assert tuple(view.result.get_color(255)[:3]) == pytest.approx((1, 64 / 255, 64 / 255))


def test_several_classes_keep_the_colours_of_napari(viewer):
    masks = _masks() // 255
    masks[0, 50:52, 50:52] = 2
    view = AdjudicationView(viewer, _session(viewer, masks, kind="classes"))
    assert view.result.selected_label == 1
    assert view.result.colormap.name != RESULT


def test_the_mark_frames_the_current_region_wherever_the_layers_lie(viewer):
    view = AdjudicationView(viewer, _session(viewer, _masks(), **PLACED))
    framed = np.zeros(view.result.data.shape, bool)
    for index in np.argwhere(view.mark.data):
        pixel = view.result.world_to_data(view.mark.data_to_world(index))
        np.testing.assert_allclose(pixel, np.rint(pixel), atol=1e-9)
        framed[tuple(np.rint(pixel).astype(int))] = True
    expected = np.zeros_like(framed)
    expected[19:27, 29:41] = True
    expected[WHERE] = False
    np.testing.assert_array_equal(framed, expected)


def test_a_decision_shows_and_the_next_region_is_brought_into_view(viewer):
    view = AdjudicationView(viewer, _session(viewer, _masks()))
    assert viewer.scene.camera.center[-2:] == (22.5, 34.5)
    view.adjudication.decide("none")
    view.adjudication.go_to_next_undecided()
    view.show_current()
    assert (view.result.data[WHERE] == 0).all()
    assert viewer.scene.camera.center[-2:] == (6, 3.5)
    assert len(viewer.layers) == 7


@pytest.mark.parametrize(("region", "zoom"), [((100, 50), 0.4 * 8), ((50, 100), 0.4 * 6), ((2, 3), 0.4 * 25)])
def test_a_region_fills_two_fifths_of_the_view_and_a_small_one_keeps_surroundings(viewer, region, zoom):
    viewer.canvas.size = (800, 600)
    viewer.add_image(np.zeros((500, 500)))
    corners = np.array([(10, 20), (10 + region[0], 20 + region[1])])
    look_at(viewer, corners, 24)
    assert viewer.scene.camera.zoom == pytest.approx(zoom)
    assert viewer.scene.camera.center[-2:] == tuple(corners.mean(axis=0))


def test_in_a_stack_the_slider_goes_to_the_plane_of_the_region(viewer):
    masks = np.zeros((2, 5, 60, 80), np.uint8)
    masks[0, 3, 20:30, 20:30] = 1
    masks[0, 1, 20:25, 20:25] = 1
    view = AdjudicationView(viewer, _session(viewer, masks, scale=(2, 1, 1), translate=(10, 0, 0)))
    assert viewer.dims.current_step[0] == 3
    assert view.mark.data.shape == (1, 12, 12)
    assert view.mark.data_to_world((0, 0, 0)) == (16, 19, 19)
    view.adjudication.go_to_next()
    view.show_current()
    assert viewer.dims.current_step[0] == 1
    assert viewer.dims.ndim == 3
    assert viewer.dims.nsteps[0] == 5


def test_layers_that_were_deleted_come_back_with_what_was_decided(viewer):
    view = AdjudicationView(viewer, _session(viewer, _masks()))
    view.adjudication.decide("none")
    viewer.layers.remove(view.result)
    viewer.layers.remove(view.mark)
    view.show_current()
    assert view.result in viewer.layers
    assert view.mark in viewer.layers
    assert (view.result.data[WHERE] == 0).all()


def test_closing_takes_the_mark_away_and_leaves_the_mask(viewer):
    session = _session(viewer, _masks())
    view = AdjudicationView(viewer, session)
    assert open_session(viewer) is session
    view.close()
    assert open_session(viewer) is None
    assert _roles(viewer) == [RESULT]


def test_experts_are_shown_one_by_one_and_closing_shows_the_rest(viewer):
    session = _session(viewer, _masks())
    viewer.layers["expert 1"].visible = False
    view = AdjudicationView(viewer, session)
    shown = lambda: [viewer.layers[f"expert {number}"].visible for number in range(4)]  # noqa: E731
    assert shown() == [False] * 4
    assert view.show_next_expert()
    assert shown() == [True, False, False, False]
    view.close()
    assert shown() == [True, False, True, True]


def test_starting_again_leaves_a_mask_that_was_worked_on_to_the_user(viewer):
    masks = _masks()
    session = _session(viewer, masks)
    view = AdjudicationView(viewer, session)
    view.adjudication.decide("none")
    view.close()
    first = view.result
    experts = [viewer.layers[f"expert {number}"] for number in range(4)]
    again = start(take_annotations(experts, None, 2), Configuration(), 1, ignore_progress)
    second = AdjudicationView(viewer, again).result
    assert second is not first
    assert not first.data[WHERE].any()
    assert second.data[WHERE].all()


def test_small_regions_are_left_out_and_a_session_goes_on(viewer, tmp_path):
    session = _session(viewer, _masks(), min_size=5)
    assert [one.area for one in session.adjudication.disputes] == [60]
    session.adjudication.decide("all", who="me")
    save_adjudication(session.adjudication, tmp_path / "session.json")
    resumed = resume(session.annotations, Configuration(), tmp_path / "session.json", ignore_progress)
    np.testing.assert_array_equal(resumed.adjudication.labels, session.adjudication.labels)
    with pytest.raises(InputError, match="cannot be read"):
        resume(session.annotations, Configuration(), tmp_path / "none.json", ignore_progress)


def test_looking_for_disputes_can_be_stopped(viewer):
    annotations = _session(viewer, _masks()).annotations

    def stop(progress):
        raise Cancelled

    with pytest.raises(Cancelled):
        start(annotations, Configuration(), 1, stop)
