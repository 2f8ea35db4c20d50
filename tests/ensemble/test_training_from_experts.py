import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from napari_deepflash2.config import Configuration
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble import train_ensemble
from napari_deepflash2.ensemble.manifest import Manifest
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.training_set import TrainingSet, read_training_set
from napari_deepflash2.ensemble.weights import from_bytes, to_bytes
from napari_deepflash2.errors import InputError
from napari_deepflash2.jobs.consensus import make_consensus
from napari_deepflash2.progress import ignore_progress

Arrays = list[np.ndarray]
Blobs = Callable[..., tuple[Arrays, Arrays]]
Settings = dict[str, Any]


def _by_experts(masks: Arrays) -> list[dict[str, Any]]:
    """Ana draws what is there, Ben one pixel further down, Cem one to the right."""
    return [{"ana": mask, "ben": np.roll(mask, 1, 0), "cem": np.roll(mask, 1, 1)} for mask in masks]


def _written(folder: Path, images: Arrays, experts: list[dict[str, Any]]) -> tuple[Path, Path]:
    for number, (image, masks) in enumerate(zip(images, experts, strict=True), start=1):
        for name, array in {
            "images": image,
            **{f"experts/{who}": 255 * mask for who, mask in masks.items()},
        }.items():
            path = folder / name / f"{number:04}{'' if name == 'images' else '_mask'}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            iio.imwrite(path, array.astype(np.uint8))
    return folder / "images", folder / "experts"


def _set(images: Any, experts: Any, **settings: Any) -> TrainingSet:
    return TrainingSet.of_experts(images, experts, Configuration.of(settings))


def test_folders_give_the_consensus_that_the_consensus_command_writes(
    tmp_path: Path, make_blobs: Blobs
) -> None:
    images, masks = make_blobs(3)
    images_dir, experts_dir = _written(tmp_path, images, _by_experts(masks))
    config = Configuration.of({"consensus": {"method": "staple"}})
    found = TrainingSet.of_experts(images_dir, experts_dir, config)
    make_consensus(experts_dir, tmp_path / "consensus", config)
    expected = TrainingSet.of(images_dir, tmp_path / "consensus", config.data)
    assert found.ids == expected.ids == ("0001", "0002", "0003")
    assert found.classes == expected.classes == (0, 255)
    for one, other in zip(found.labels, expected.labels, strict=True):
        assert np.array_equal(one, other)
    for one, other in zip(found.images, expected.images, strict=True):
        assert np.array_equal(one, other)
    assert found.expert_names == dict.fromkeys(found.ids, ("ana", "ben", "cem"))
    assert found.consensus == "staple"


def test_real_experts_give_the_consensus_that_was_published(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "multi_expert" / "cfos_wue1"
    (tmp_path / "experts").mkdir()
    for expert in source.glob("expert*"):
        (tmp_path / "experts" / expert.name).symlink_to(expert.resolve())
    (tmp_path / "images").mkdir()
    for image in sorted((source / "images").iterdir())[:3]:
        (tmp_path / "images" / image.name).symlink_to(image.resolve())
    found = _set(tmp_path / "images", tmp_path / "experts")
    for id_, labels in zip(found.ids, found.labels, strict=True):
        assert np.array_equal(labels == 1, iio.imread(source / "est_GT" / f"{id_}.png") > 0)
    assert {len(names) for names in found.expert_names.values()} == {5}


def test_arrays_give_what_folders_give(tmp_path: Path, make_blobs: Blobs) -> None:
    images, masks = make_blobs(3)
    experts = _by_experts(masks)
    images_dir, experts_dir = _written(tmp_path, images, experts)
    from_folders, from_arrays = _set(images_dir, experts_dir), _set(images, experts)
    assert from_folders.expert_names == from_arrays.expert_names
    for one, other in zip(from_folders.labels, from_arrays.labels, strict=True):
        assert np.array_equal(one, other)


def test_experts_without_names_are_numbered(make_blobs: Blobs) -> None:
    images, masks = make_blobs(2)
    found = _set(images, [[mask, None, np.roll(mask, 1, 0)] for mask in masks])
    assert found.expert_names["0001"] == ("expert 1", "expert 3")


def test_an_image_may_lack_experts_and_masks_may_lack_images(tmp_path: Path, make_blobs: Blobs) -> None:
    images, masks = make_blobs(3)
    images_dir, experts_dir = _written(tmp_path, images, _by_experts(masks))
    (experts_dir / "ben" / "0002_mask.png").unlink()
    (images_dir / "0003.png").unlink()
    found = _set(images_dir, experts_dir)
    assert found.expert_names == {"0001": ("ana", "ben", "cem"), "0002": ("ana", "cem")}
    told = " ".join(str(note) for note in found.notes)
    assert "expert ben has no mask of 1 images" in told
    assert "1 masks belong to no image: 0003_mask.png" in told


def test_an_image_without_any_expert_is_refused(tmp_path: Path, make_blobs: Blobs) -> None:
    images, masks = make_blobs(2)
    images_dir, experts_dir = _written(tmp_path, images, _by_experts(masks))
    for path in experts_dir.glob("*/0002_mask.png"):
        path.unlink()
    with pytest.raises(InputError, match=r"0002\.png: has no mask"):
        _set(images_dir, experts_dir)
    with pytest.raises(InputError, match="image 0002: no expert has a mask of it"):
        _set(images, [{"ana": masks[0]}, {"ana": None}])


def test_masks_of_another_shape_are_all_named(make_blobs: Blobs) -> None:
    images, masks = make_blobs(2)
    experts = _by_experts(masks)
    experts[0]["ben"] = experts[0]["ben"][1:]
    experts[1]["cem"] = experts[1]["cem"][:, 1:]
    with pytest.raises(InputError) as caught:
        _set(images, experts)
    assert [problem.where for problem in caught.value.problems] == ["mask 0001 by ben", "mask 0002 by cem"]


@pytest.mark.parametrize("given", [("masks", "experts"), ()])
def test_either_masks_or_experts_are_needed(make_blobs: Blobs, given: tuple[str, ...]) -> None:
    images, masks = make_blobs(2)
    sources = {"masks": masks, "experts": _by_experts(masks)}
    chosen = {name: sources[name] if name in given else None for name in sources}
    with pytest.raises(InputError, match="masks and experts"):
        read_training_set(images, **chosen, config=Configuration())


def test_votes_follow_the_blocks_of_a_single_image(make_blobs: Blobs) -> None:
    images, masks = make_blobs(1, size=256)
    found = _set(images, _by_experts(masks), data={"block_margin": 8})
    assert found.experts is not None
    assert len(found.experts) == len(found.labels) > 1
    for votes, region, labels in zip(found.experts, found.regions, found.labels, strict=True):
        assert region is not None
        window = np.s_[region.y : region.y + labels.shape[0], region.x : region.x + labels.shape[1]]
        assert np.array_equal(votes.masks[1], np.roll(masks[0], 1, 0)[window])


def test_planes_of_a_stack_have_their_own_votes(tmp_path: Path, make_blobs: Blobs) -> None:
    import tifffile

    images, masks = make_blobs(3)
    experts = _by_experts(masks)
    stacks = {
        "images": np.stack(images),
        **{f"experts/{who}": np.stack([e[who] for e in experts]) for who in experts[0]},
    }
    for name, stack in stacks.items():
        (tmp_path / name).mkdir(parents=True)
        for image in ("a", "b"):
            tifffile.imwrite(
                tmp_path / name / f"{image}.tif", stack, metadata={"axes": "ZYX"}, photometric="minisblack"
            )
    found = _set(tmp_path / "images", tmp_path / "experts")
    assert found.experts is not None
    assert found.ids[:3] == ("a_z000", "a_z001", "a_z002")
    for number, votes in enumerate(found.experts):
        assert np.array_equal(votes.masks[1], np.roll(masks[number % 3], 1, 0))


def test_experts_are_resampled_with_their_images(tmp_path: Path, make_blobs: Blobs) -> None:
    images, masks = make_blobs(2)
    experts = _by_experts(masks)
    sizes = {"pixel_size": 0.5, "target_pixel_size": 1.0}
    for source in (_written(tmp_path, images, experts), (images, experts)):
        found = _set(*source, data=sizes)
        assert found.experts is not None
        assert found.pixel_sizes == ((1.0, 1.0), (1.0, 1.0))
        assert found.images[0].shape[:2] == found.labels[0].shape == (24, 24)
        assert np.array_equal(found.experts[0].masks[1], experts[0]["ben"][1::2, 1::2])


def _trained(folder: Path, make_blobs: Blobs, settings: Settings, **options: Any) -> Manifest:
    images, masks = make_blobs(4)
    train_ensemble(images, out=folder, config=settings, experts=_by_experts(masks), **options)
    return Manifest.load(folder)


def _with(settings: Settings, **training: object) -> Settings:
    return {**settings, "training": {**settings["training"], **training}}


@pytest.mark.parametrize("target", ["consensus", "soft", "experts"])
def test_an_ensemble_learns_from_experts(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, target: str
) -> None:
    settings = _with(
        tiny, target=target, disagreement_weight=0.5, iterations=30, models=1, learning_rate=0.005
    )
    manifest = _trained(tmp_path / "out", make_blobs, settings)
    assert manifest.members[0].best_dice > 0.5
    assert manifest.experts == dict.fromkeys(manifest.mask_hashes, ("ana", "ben", "cem"))
    assert manifest.consensus == "staple"
    assert manifest.configuration.training.target == target


def test_held_out_scores_are_against_the_consensus_whatever_is_learned(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    # Without a step to learn from, the three only differ in what they are measured against.
    dice = []
    for target in ("consensus", "soft", "experts"):
        settings = _with(tiny, target=target, iterations=1, learning_rate=1e-12)
        dice.append(
            [member.best_dice for member in _trained(tmp_path / target, make_blobs, settings).members]
        )
    assert dice[0] == dice[1] == dice[2]


def test_the_manifest_of_masks_names_no_experts(trained_once: Path) -> None:
    values = json.loads((trained_once / "ensemble.json").read_text())
    assert values["experts"] == {}
    assert values["consensus"] is None


@pytest.mark.parametrize(
    ("method", "first", "said"),
    [
        ("majority", {}, "consensus.method was staple"),
        ("staple", {"ben": None}, "experts of 0001 was ana, ben, cem when the run began and is ana, cem now"),
        # Two who change places leave the consensus as it is, yet not what each of them teaches.
        ("staple", {"ana": "ben", "ben": "ana"}, "mask 0001 was other values"),
    ],
)
def test_a_run_with_other_experts_is_not_resumed(
    tmp_path: Path,
    make_blobs: Blobs,
    tiny: Settings,
    method: str,
    first: dict[str, str | None],
    said: str,
) -> None:
    _trained(tmp_path / "out", make_blobs, tiny)
    images, masks = make_blobs(4)
    experts = _by_experts(masks)
    experts[0] |= {name: other and experts[0][other] for name, other in first.items()}
    settings = {**tiny, "consensus": {"method": method}}
    with pytest.raises(InputError, match=said):
        train_ensemble(images, None, tmp_path / "out", settings, resume=True, experts=experts)


@pytest.mark.parametrize("target", ["soft", "experts"])
def test_learning_from_experts_goes_on_to_the_bit(make_blobs: Blobs, tiny: Settings, target: str) -> None:
    images, masks = make_blobs(3)
    config = Configuration.of(_with(tiny, target=target))
    data = TrainingSet.of_experts(images, _by_experts(masks), config)
    split = np.array([0, 1]), np.array([2])
    one, other = (Member(data, 1, split, config, torch.device("cpu")) for _ in range(2))
    one.step()
    other.restore(from_bytes(to_bytes(one.state()), Path("state")))
    assert [one.step() for _ in range(3)] == [other.step() for _ in range(3)]


def test_g7_no_foreground_in_a_fold_or_in_any_batch_of_it(make_blobs: Blobs, tiny: Settings) -> None:
    images, masks = make_blobs(3)
    experts = _by_experts(masks)
    for number in (0, 1):
        experts[number] = {name: np.zeros_like(mask) for name, mask in experts[number].items()}
    for target in ("consensus", "soft", "experts"):
        config = Configuration.of(_with(tiny, target=target))
        data = TrainingSet.of_experts(images, experts, config)
        member = Member(data, 1, (np.array([0, 1]), np.array([2])), config, torch.device("cpu"))
        assert np.isfinite([member.step() for _ in range(2)]).all()
        assert 0 <= member.validate(ignore_progress).mean_dice <= 1


@pytest.mark.parametrize("target", ["soft", "experts"])
def test_other_targets_than_masks_need_experts(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, target: str
) -> None:
    with pytest.raises(InputError, match=r"training\.target: is .* which needs the masks of several experts"):
        train_ensemble(*make_blobs(2), tmp_path / "out", _with(tiny, target=target))


def test_what_no_expert_judged_has_no_part_in_training(make_blobs: Blobs) -> None:
    images, masks = make_blobs(2)
    experts = _by_experts(masks)
    for of_image in experts:
        for mask in of_image.values():
            mask[:10] = 7
    found = _set(images, experts, data={"ignore_label": 7})
    for labels in found.labels:
        assert (labels[:10] == IGNORE).all()
        assert (labels[10:] != IGNORE).all()
