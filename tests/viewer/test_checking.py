import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_deepflash2.config import Configuration
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer import checking
from napari_deepflash2.viewer.checking import check_pairs
from napari_deepflash2.viewer.pairs import Taking, make_pair, pair_folders, pair_with_experts
from napari_deepflash2.viewer.training_data import take_pairs


@pytest.fixture
def viewer():
    return ViewerModel()


def _pair(viewer, name, shape=(64, 64), empty=False, **how):
    masks = np.zeros(shape, np.uint8)
    if not empty:
        masks[..., 16 : 40 + len(name), 16:48] = 1
    noise = np.random.default_rng(len(viewer.layers)).normal(0, 5, shape)
    image = viewer.add_image((masks * 50 + noise).astype(np.float32), name=name)
    return make_pair(image, viewer.add_labels(masks, name=f"{name} mask"), Taking(**how))


def _checked(pairs, **data):
    config = Configuration().replace("data", **data) if data else Configuration()
    return check_pairs(take_pairs(pairs), config, ignore_progress)


def test_findings_go_to_the_row_of_the_layer(viewer):
    pairs = [_pair(viewer, name) for name in ("a", "bb")]
    pairs.append(_pair(viewer, "c", empty=True))
    same = viewer.add_image(pairs[0].image.data.copy(), name="same")
    pairs.append(make_pair(same, viewer.add_labels(pairs[0].masks[0].data.copy())))
    found = _checked(pairs)
    assert not found.problems
    assert [bool(row) for row in found.findings] == [True, False, True, True]
    assert 'layer "c mask" (row 3)' in found.findings[2][0]
    assert any('layer "a" (row 1), layer "same" (row 4)' in note.found for note in found.notes)
    assert sorted(name for names in found.split for name in names) == ["a", "bb", "c", "same"]
    assert list(found.table["id"]) == ["a", "bb", "c", "same"]
    assert [picture.shape for picture in found.pictures] == [(64, 64, 3)] * 4


def test_what_cannot_be_trained_on_is_named_by_its_layer_and_plane(viewer):
    pairs = [_pair(viewer, "a"), _pair(viewer, "stack-007", (2, 64, 64))]
    pairs[1].image.data[1, 5, 5] = np.nan
    found = _checked(pairs)
    [problem] = found.problems
    assert problem.where == 'layer "stack-007" plane 001 (row 2)'
    assert (found.findings[0], len(found.findings[1])) == ((), 1)
    assert found.table is None
    assert not found.pictures


def test_planes_of_one_specimen_are_never_split(viewer):
    found = _checked([_pair(viewer, "z", (3, 64, 64), one_specimen=True), _pair(viewer, "b")])
    assert len(found.split) == 2
    assert sorted(found.split, key=len) == [("b",), ("z_z000", "z_z001", "z_z002")]


def test_unpainted_pixels_can_be_ignored(viewer):
    pairs = [_pair(viewer, name) for name in ("a", "b")]
    for pair in pairs:
        pair.masks[0].data[20:40, 20:40] = 2
    found = _checked(pairs, ignore_label=0)
    assert found.table["ignored_share"].tolist() == [np.mean(pair.masks[0].data == 0) for pair in pairs]


def test_a_single_folder_is_checked_where_it_is(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in (1, 2):
        noise = np.random.default_rng(number).integers(0, 255, (64, 64)).astype(np.uint8)
        tifffile.imwrite(tmp_path / "images" / f"{number}.tif", noise)
        tifffile.imwrite(tmp_path / "masks" / f"{number}.tif", noise // 128 * np.uint8(number - 1))
    found = _checked([pair_folders(tmp_path / "images", tmp_path / "masks")])
    assert len(found.findings) == 1
    assert any("have no foreground" in text for text in found.findings[0])
    tifffile.imwrite(tmp_path / "masks" / "1.tif", np.ones((8, 8), np.uint8))
    refused = _checked([pair_folders(tmp_path / "images", tmp_path / "masks")])
    assert refused.problems[0].where == str(tmp_path / "masks" / "1.tif")
    assert len(refused.findings[0]) == 1


def test_a_disk_without_room_for_the_check_is_said(viewer, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checking, "data_on_disk", full)
    with pytest.raises(InputError, match=r"No space left.*Make room"):
        _checked([_pair(viewer, "a")])


def test_the_masks_of_experts_are_checked_and_named_by_their_layers(viewer):
    first = _pair(viewer, "a")
    masks = [
        viewer.add_labels(np.roll(first.masks[0].data, shift, 0), name=name)
        for shift, name in enumerate(("Ann", "Bob", "Cem"))
    ]
    pairs = [pair_with_experts(first.image, masks)]
    other = viewer.add_image(first.image.data[::-1].copy(), name="b")
    pairs.append(pair_with_experts(other, [_flipped(viewer, mask) for mask in masks]))
    found = _checked(pairs)
    assert not found.problems
    assert found.table["experts"].tolist() == [3, 3]
    assert len(found.pictures) == 2
    masks[1].data = masks[1].data.astype(np.int16) - 5
    [problem] = _checked(pairs).problems
    assert 'layer "Bob" (row 1)' in f"{problem.where} {problem.found}"


def _flipped(viewer, mask):
    return viewer.add_labels(mask.data[::-1].copy(), name=f"b {mask.name}")
