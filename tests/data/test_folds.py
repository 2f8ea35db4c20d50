import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.data.folds import epochs_for, split_folds
from napari_deepflash2.errors import InputError


def _sizes(n_images: int, **changes: int) -> list[tuple[int, int]]:
    return [(len(training), len(held_out)) for training, held_out in split_folds(n_images, **changes)]


def test_fifteen_images_are_five_folds_of_twelve_and_three() -> None:
    assert _sizes(15) == [(12, 3)] * 5


def test_two_images_are_two_folds_of_one_and_one() -> None:
    assert _sizes(2) == [(1, 1)] * 2


def test_fewer_images_than_folds_make_fewer_folds() -> None:
    assert _sizes(3, max_splits=5) == [(2, 1)] * 3


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(2, 10), st.integers(0, 2**32 - 1))
def test_every_image_is_held_out_once_and_never_trained_on_then(n: int, splits: int, seed: int) -> None:
    folds = split_folds(n, splits, random_state=seed)
    assert sorted(np.concatenate([held_out for _, held_out in folds]).tolist()) == list(range(n))
    for training, held_out in folds:
        assert sorted([*training.tolist(), *held_out.tolist()]) == list(range(n))
        assert len(training)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=40).filter(lambda names: len(set(names)) > 1))
def test_groups_never_leak(groups: list[str]) -> None:
    for training, held_out in split_folds(len(groups), groups=groups):
        assert not {groups[i] for i in training} & {groups[i] for i in held_out}
        assert len(training)
        assert len(held_out)


def test_the_seed_decides_and_does_so_alone() -> None:
    first, again, other = (
        [held_out.tolist() for _, held_out in split_folds(20, random_state=seed)] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_one_image_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"1 image, so none can be held out.*Add at least one more image"):
        split_folds(1)


def test_one_group_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match="all 3 images belong to one group"):
        split_folds(3, groups=["animal"] * 3)


def test_each_image_needs_a_group() -> None:
    with pytest.raises(InputError, match="2 groups for 3 images"):
        split_folds(3, groups=["a", "b"])


@pytest.mark.parametrize("changes", [{"max_splits": 1}, {"random_state": -1}, {"random_state": 2**32}])
def test_settings_out_of_range_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        split_folds(5, **changes)


@pytest.mark.parametrize(
    ("iterations", "n_images", "batch_size", "epochs"),
    [(1000, 20, 4, 200), (1000, 3, 4, 1334), (1, 100, 1, 1)],
)
def test_epochs(iterations: int, n_images: int, batch_size: int, epochs: int) -> None:
    assert epochs_for(iterations, n_images, batch_size) == epochs


def test_epochs_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="n_images"):
        epochs_for(10, 0, 4)
