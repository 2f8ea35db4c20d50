import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_deepflash2 import InputError
from napari_deepflash2.data import find_expert_masks, read_image
from napari_deepflash2.data.blind_key import read_key
from napari_deepflash2.data.blind_kit import BlindKit, make_blind_kit, read_back
from napari_deepflash2.data.experts import NOT_EXPERTS

EXPERTS = ("Ann", "Bob B", "Çem")
SHAPE = (12, 16)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Eight images, each of its own values, of several formats, with tell-tale metadata."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(6):
        pixels = np.full(SHAPE, number, np.uint8)
        pixels[0] = np.arange(16)
        tifffile.imwrite(folder / f"mouse{number}_knockout.tif", pixels, description=f"knockout {number}")
    iio.imwrite(folder / "rgb.png", np.random.default_rng(0).integers(0, 255, (*SHAPE, 3)).astype(np.uint8))
    tifffile.imwrite(
        folder / "stack.tif", np.random.default_rng(1).integers(0, 999, (3, *SHAPE)).astype(np.uint16),
        imagej=True, metadata={"axes": "ZYX"},
    )  # fmt: skip
    return folder


@pytest.fixture
def kit(images: Path, tmp_path: Path) -> BlindKit:
    return make_blind_kit(images, tmp_path / "kit", EXPERTS, repeats=2, random_state=1)


def answer(kit: BlindKit, returned: Path, draw: Callable[[str, bool], int] = lambda *_: 4) -> Path:
    """Let every expert mark a square in each image; `draw` gives its side by expert and repeat."""
    key = read_key(kit.out)
    for expert, showings in key.packages.items():
        folder = returned / expert / "masks"
        folder.mkdir(parents=True)
        for name, showing in showings.items():
            mask = np.zeros(key.images[showing.image].shape, np.uint8)
            mask[..., : draw(expert, showing.repeat), :4] = 255
            tifffile.imwrite(folder / f"{name}.tif", mask, photometric="minisblack")
    return returned


def test_each_expert_gets_all_images_under_neutral_names_in_an_order_of_its_own(
    kit: BlindKit, images: Path
) -> None:
    key = read_key(kit.key)
    assert [one.name for one in key.images] == sorted(path.name for path in images.iterdir())
    for expert in EXPERTS:
        showings = key.packages[expert]
        assert list(showings) == [f"image_{number:03}" for number in range(1, 11)]
        assert sorted(one.image for one in showings.values() if not one.repeat) == list(range(8))
        for name, showing in showings.items():
            given = read_image(kit.out / expert / "images" / f"{name}.tif")
            original = read_image(images / key.images[showing.image].name)
            np.testing.assert_array_equal(
                np.moveaxis(given.data, given.axes.find("Y"), 0).squeeze(),
                np.moveaxis(original.data, original.axes.find("Y"), 0).squeeze(),
            )
            assert given.axes == original.axes
    orders = {tuple(one.image for one in key.packages[expert].values()) for expert in EXPERTS}
    assert len(orders) == 3


def test_repeats_are_the_same_images_for_all_come_later_and_not_at_once(kit: BlindKit) -> None:
    key = read_key(kit.key)
    for expert in EXPERTS:
        order = list(key.packages[expert].values())
        repeats = [place for place, one in enumerate(order) if one.repeat]
        assert {key.images[order[place].image].name for place in repeats} == set(kit.repeated)
        for place in repeats:
            first = next(at for at, one in enumerate(order) if one.image == order[place].image)
            assert place - first >= 3


def test_nothing_in_a_package_tells_where_an_image_comes_from(kit: BlindKit) -> None:
    for expert, archive in kit.packages.items():
        folder = kit.out / expert
        with zipfile.ZipFile(archive) as opened:
            names = {name for name in opened.namelist() if not name.endswith("/")}
            assert f"{expert}/masks/" in opened.namelist()
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert names == {f"{expert}/{path.relative_to(folder).as_posix()}" for path in files}
        for path in files:
            data = path.read_bytes()
            assert b"knockout" not in data
            assert b"mouse" not in data
            assert "key" not in path.name
        assert len({path.stat().st_mtime for path in files}) == 1
        assert "repeat" not in (folder / "README.txt").read_text(encoding="utf-8").lower()
    assert {path.name for path in kit.out.iterdir()} == {
        "key.json", *EXPERTS, *(f"{expert}.zip" for expert in EXPERTS)
    }  # fmt: skip


def test_the_same_seed_gives_the_same_kit_and_another_another(images: Path, tmp_path: Path) -> None:
    packages = [
        read_key(make_blind_kit(images, tmp_path / str(place), ["a", "b"], 0.25, seed).key).packages
        for place, seed in enumerate((5, 5, 6))
    ]
    assert packages[0] == packages[1] != packages[2]
    assert sum(one.repeat for one in packages[0]["a"].values()) == 2


@pytest.mark.parametrize("repeats", [-1, 9, 1.5, -0.1])
def test_impossible_repeats_are_refused(images: Path, tmp_path: Path, repeats: float) -> None:
    with pytest.raises(InputError, match="repeats"):
        make_blind_kit(images, tmp_path / "kit", ["a"], repeats)


def test_every_bad_name_is_refused_at_once_and_nothing_written(images: Path, tmp_path: Path) -> None:
    bad = ["../evil", "a/b", "", " x", ".hidden", "NUL", "x" * 101, "ann", "ANN", *NOT_EXPERTS]
    with pytest.raises(InputError) as caught:
        make_blind_kit(images, tmp_path / "kit", bad)
    codes = [problem.code for problem in caught.value.problems]
    assert codes.count("bad-name") == 7 + len(NOT_EXPERTS)
    assert codes.count("same-expert") == 1
    with pytest.raises(InputError, match="no expert"):
        make_blind_kit(images, tmp_path / "kit", [])
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_every_bad_image_is_named_and_nothing_written(images: Path, tmp_path: Path) -> None:
    (images / "broken.tif").write_bytes(b"II*\0")
    (images / "text.png").write_text("hello")
    with pytest.raises(InputError) as caught:
        make_blind_kit(images, tmp_path / "kit", ["a"])
    assert {Path(problem.where).name for problem in caught.value.problems} == {"broken.tif", "text.png"}
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_a_kit_that_is_there_is_not_replaced(kit: BlindKit, images: Path) -> None:
    before = kit.key.read_bytes()
    with pytest.raises(InputError, match="not empty"):
        make_blind_kit(images, kit.out, ["a"])
    assert kit.key.read_bytes() == before
    with pytest.raises(InputError, match="inside"):
        make_blind_kit(images, images / "kit", ["a"])


def test_what_comes_back_is_an_experts_folder_with_each_experts_own_error(
    kit: BlindKit, tmp_path: Path
) -> None:
    sides = {("Ann", True): 4, ("Bob B", True): 2, ("Çem", True): 12}
    returned = answer(kit, tmp_path / "returned", lambda expert, repeat: sides.get((expert, repeat), 4))
    report = read_back(kit.out, returned, tmp_path / "experts")
    found = find_expert_masks(report.out)
    assert found.experts == EXPERTS
    assert sorted(found.masks) == [
        *(f"mouse{number}_knockout.tif" for number in range(6)), "rgb.tif", "stack.tif",
    ]  # fmt: skip
    assert all(set(of_image) == set(EXPERTS) for of_image in found.masks.values())
    key = read_key(kit.key)
    name = next(name for name, one in key.packages["Ann"].items() if key.images[one.image].name == "rgb.png")
    assert found.masks["rgb.tif"]["Ann"].read_bytes() == (returned / "Ann/masks" / f"{name}.tif").read_bytes()
    table = pd.read_csv(report.out / "own_error.csv")
    assert len(table) == 6
    assert table.groupby("expert").dice.mean().round(4).to_dict() == {
        "Ann": 1, "Bob B": round(2 * 8 / 24, 4), "Çem": round(2 * 16 / 64, 4),
    }  # fmt: skip
    assert set(table.image) == set(kit.repeated)
    assert (table["first"] < table["second"]).all()
    assert set(table.label) == {255}


def test_zips_folders_and_packages_with_images_left_in_are_read_alike(kit: BlindKit, tmp_path: Path) -> None:
    returned = answer(kit, tmp_path / "returned")
    shutil.copytree(kit.out / "Ann" / "images", returned / "Ann" / "images")
    shutil.make_archive(str(returned / "Ann"), "zip", returned, "Ann")
    shutil.rmtree(returned / "Ann")
    for path in (returned / "Bob B" / "masks").iterdir():
        path.rename(returned / "Bob B" / path.name)
    (returned / "Bob B" / "masks").rmdir()
    (returned / "notes.txt").write_text("thanks")
    report = read_back(kit.key, returned, tmp_path / "experts")
    assert find_expert_masks(report.out).experts == EXPERTS


def test_everything_that_is_wrong_is_said_at_once_and_nothing_written(kit: BlindKit, tmp_path: Path) -> None:
    returned = answer(kit, tmp_path / "returned")
    ann, bob = returned / "Ann" / "masks", returned / "Bob B" / "masks"
    (ann / "image_001.tif").unlink()
    (ann / "image_002.tif").write_bytes(b"II*\0")
    (ann / "mouse.tif").write_bytes((ann / "image_003.tif").read_bytes())
    shutil.copy(ann / "image_003.tif", ann / "IMAGE_003.tiff")
    tifffile.imwrite(bob / "image_001.tif", np.zeros((5, 5), np.uint8))
    tifffile.imwrite(bob / "image_002.tif", np.full(SHAPE, 0.5, np.float32))
    key = read_key(kit.key)
    grey = next(name for name, one in key.packages["Bob B"].items() if one.image < 6 and name > "image_002")
    shutil.copy(kit.out / "Bob B" / "images" / f"{grey}.tif", bob / f"{grey}.tif")
    shutil.rmtree(returned / "Çem")
    with pytest.raises(InputError) as caught:
        read_back(kit.out, returned, tmp_path / "experts")
    codes = sorted(problem.code for problem in caught.value.problems)
    assert {"missing-mask", "extra-mask", "two-masks", "mask-shape", "image-as-mask", "no-package"} <= set(
        codes
    )
    assert len(codes) == 8
    assert not (tmp_path / "experts").exists()
    for name in ("Ann, image_002.tif", "Bob B, image_002.tif", "Çem"):
        assert name in str(caught.value)


def test_missing_masks_and_packages_may_be_allowed(kit: BlindKit, tmp_path: Path) -> None:
    returned = answer(kit, tmp_path / "returned")
    (returned / "Ann" / "masks" / "image_001.tif").unlink()
    shutil.rmtree(returned / "Çem")
    report = read_back(kit.out, returned, tmp_path / "experts", allow_missing=True)
    assert sorted(note.code for note in report.notes) == ["missing-mask", "no-package"]
    assert find_expert_masks(report.out).experts == EXPERTS[:2]
    shutil.rmtree(returned)
    returned.mkdir()
    with pytest.raises(InputError, match="no mask at all"):
        read_back(kit.out, returned, tmp_path / "more", allow_missing=True)


def test_unknown_and_double_packages_are_refused(kit: BlindKit, tmp_path: Path) -> None:
    returned = answer(kit, tmp_path / "returned")
    (returned / "Zoe").mkdir()
    with pytest.raises(InputError, match="Zoe: belongs to no expert"):
        read_back(kit.out, returned, tmp_path / "experts")
    (returned / "Zoe").rmdir()
    shutil.make_archive(str(returned / "Ann"), "zip", returned, "Ann")
    with pytest.raises(InputError, match="several packages of Ann"):
        read_back(kit.out, returned, tmp_path / "experts")
    with pytest.raises(InputError, match="is no folder"):
        read_back(kit.out, tmp_path / "nowhere", tmp_path / "experts")
    with pytest.raises(InputError, match="inside"):
        read_back(kit.out, returned, returned / "experts")


@pytest.mark.parametrize(
    "name", ["../evil.tif", "/evil.tif", "masks/../../evil.tif", "C:\\evil.tif", "..\\evil.tif"]
)
def test_archives_that_reach_out_of_their_folder_are_refused(
    kit: BlindKit, tmp_path: Path, name: str
) -> None:
    returned = answer(kit, tmp_path / "returned")
    shutil.rmtree(returned / "Ann")
    with zipfile.ZipFile(returned / "Ann.zip", "w") as archive:
        archive.writestr(name, b"evil")
    with pytest.raises(InputError, match="leads out of its folder"):
        read_back(kit.out, returned, tmp_path / "experts")
    assert not list(tmp_path.rglob("*evil*"))


def test_links_doubles_bombs_and_damage_in_archives_are_refused(kit: BlindKit, tmp_path: Path) -> None:
    returned = answer(kit, tmp_path / "returned")
    shutil.rmtree(returned / "Ann")
    path = returned / "Ann.zip"
    link = zipfile.ZipInfo("masks/image_001.tif")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("masks/image_002.tif", b"")
        archive.writestr("masks/IMAGE_002.tif", b"")
    with pytest.raises(InputError) as caught:
        read_back(kit.out, returned, tmp_path / "experts")
    assert {"unsafe-path", "same-name"} <= {problem.code for problem in caught.value.problems}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("masks/image_001.tif", bytes(50 * 2**20))
    with pytest.raises(InputError, match="more than masks"):
        read_back(kit.out, returned, tmp_path / "experts")
    path.write_bytes(b"PK\3\4 no zip")
    with pytest.raises(InputError, match="damaged"):
        read_back(kit.out, returned, tmp_path / "experts")


def test_an_expert_who_marks_nothing_anywhere_is_noted(kit: BlindKit, tmp_path: Path) -> None:
    returned = answer(kit, tmp_path / "returned", lambda expert, _: 0 if expert == "Ann" else 4)
    report = read_back(kit.out, returned, tmp_path / "experts")
    assert [note.code for note in report.notes] == ["no-foreground"]
    assert set(report.own_error.expert) == {"Bob B", "Çem"}


def test_a_kit_without_repeats_has_no_own_error(images: Path, tmp_path: Path) -> None:
    kit = make_blind_kit(images, tmp_path / "kit", ["a"], repeats=0)
    report = read_back(kit.out, answer(kit, tmp_path / "returned"), tmp_path / "experts")
    assert report.own_error.empty
    assert list(pd.read_csv(report.out / "own_error.csv")) == list(report.own_error)


@pytest.mark.parametrize("change", [{"version": 2}, {"images": []}, {"packages": 3}, None])
def test_a_damaged_key_is_refused(kit: BlindKit, tmp_path: Path, change: dict[str, object] | None) -> None:
    if change is None:
        kit.key.unlink()
    else:
        kit.key.write_text(json.dumps(json.loads(kit.key.read_text()) | change))
    with pytest.raises(InputError, match=r"key\.json"):
        read_back(kit.out, tmp_path, tmp_path / "experts")


@given(st.integers(1, 30), st.integers(0, 2**32), st.data())
def test_every_order_shows_every_image_once_and_the_repeated_ones_twice(
    count: int, seed: int, data: st.DataObject
) -> None:
    from napari_deepflash2.data.blind_kit import _ordered

    repeated = sorted(data.draw(st.sets(st.integers(0, count - 1))))
    order = _ordered(count, repeated, np.random.default_rng(seed))
    assert sorted(one.image for one in order if not one.repeat) == list(range(count))
    assert sorted(one.image for one in order if one.repeat) == repeated
    first = {one.image: place for place, one in reversed(list(enumerate(order)))}
    assert all(place > first[one.image] for place, one in enumerate(order) if one.repeat)
