import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.data.folds import split_folds
from napari_deepflash2.data.stratified import notes_of_folds, stratified_folds


def masks(*held: tuple[int, ...]) -> list[np.ndarray]:
    """One mask for each tuple of the classes that it holds."""
    found = []
    for classes in held:
        mask = np.zeros((4, 4), np.uint8)
        for row, class_ in enumerate(classes):
            mask[row] = class_
        found.append(mask)
    return found


def held_out(folds: list, labels: list[np.ndarray], class_: int) -> list[bool]:
    return [any((labels[image] == class_).any() for image in fold[1]) for fold in folds]


def names(n: int) -> list[str]:
    return [str(number) for number in range(n)]


def same(one: list, other: list) -> bool:
    return all(
        np.array_equal(a, b) for pair in zip(one, other, strict=True) for a, b in zip(*pair, strict=True)
    )


@pytest.mark.parametrize("seed", range(8))
def test_c13_a_class_that_could_be_in_every_fold_is_in_every_fold(seed: int) -> None:
    labels = masks(*[(1, 2)] * 5, *[(1,)] * 10)
    folds = stratified_folds(labels, names(15), 3, TrainingConfig(random_state=seed))
    assert all(held_out(folds, labels, 2))
    assert [len(fold[1]) for fold in folds] == [3] * 5
    assert list(notes_of_folds(labels, names(15), (0, 1, 2), folds)) == []


@pytest.mark.parametrize("seed", range(8))
def test_c13_every_model_learns_a_class_that_two_images_hold_and_its_absence_is_noted(seed: int) -> None:
    labels = masks((1, 2), (1, 2), *[(1,)] * 8)
    folds = stratified_folds(labels, names(10), 3, TrainingConfig(random_state=seed))
    assert sum(held_out(folds, labels, 2)) == 2
    (note,) = notes_of_folds(labels, names(10), (0, 40, 80), folds)
    assert note.found == "class 80 is in 2 of 10 groups, so that 3 of 5 models are measured without it"


@pytest.mark.parametrize("seed", range(8))
def test_c13_images_without_foreground_are_never_all_in_one_fold(seed: int) -> None:
    labels = masks((), (), *[(1,)] * 6)
    folds = stratified_folds(labels, names(8), 2, TrainingConfig(random_state=seed, max_splits=4))
    assert sum(any(not labels[image].any() for image in fold[1]) for fold in folds) == 2
    assert not list(notes_of_folds(labels, names(8), (0, 1), folds))


def test_c13_folds_stay_as_they_are_where_nothing_calls_for_another_split() -> None:
    labels = masks(*[(1, 2)] * 9, ())
    config = TrainingConfig(random_state=3)
    folds = stratified_folds(labels, names(10), 3, config)
    assert same(folds, split_folds(10, 5, names(10), 3))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sets(st.sampled_from([1, 2, 3]))), min_size=2, max_size=20
    ),
    st.integers(0, 5),
)
def test_c13_whatever_is_moved_groups_stay_together_and_every_image_is_held_out_once(
    images: list[tuple[str, set[int]]], seed: int
) -> None:
    groups, labels = [group for group, _ in images], masks(*(tuple(held) for _, held in images))
    if len(set(groups)) < 2:
        return
    config = TrainingConfig(random_state=seed)
    folds = stratified_folds(labels, groups, 4, config)
    assert sorted(np.concatenate([fold[1] for fold in folds]).tolist()) == list(range(len(images)))
    for training, out in folds:
        assert not {groups[i] for i in training} & {groups[i] for i in out}
        assert len(training)
        assert len(out)
    drawn = split_folds(len(labels), 5, groups, seed)
    for class_ in (1, 2, 3):
        assert sum(held_out(folds, labels, class_)) >= min(2, sum(held_out(drawn, labels, class_)))
    assert same(folds, stratified_folds(labels, groups, 4, config))


def test_fewer_models_than_folds_train_on_the_first_of_the_same_folds() -> None:
    labels = masks(*[(1, 2)] * 5, *[(1,)] * 10)
    whole = stratified_folds(labels, names(15), 3, TrainingConfig())
    assert same(stratified_folds(labels, names(15), 3, TrainingConfig(models=2)), whole[:2])
