import pytest

from napari_deepflash2.viewer.pair_names import match_names


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("cells", "cells"),
        ("cells", "cells [1]"),
        ("cells", "cells mask"),
        ("cells", "Cells_Labels"),
        ("plate1.wellA", "plate1.wellA-ground truth"),
        ("cells image", "cells mask"),
        ("image", "mask"),
        ("image 7", "mask 7"),
        ("img7", "mask7"),
        ("caf\u00e9", "cafe\u0301 mask"),
    ],
)
def test_a_mask_is_named_after_its_image(image, mask):
    assert match_names([image], [mask]).pairs == ((0, 0),)


@pytest.mark.parametrize(
    ("image", "mask"), [("1", "10"), ("cell", "cells mask"), ("a b", "a mask"), ("image", "consensus")]
)
def test_other_names_do_not_fit(image, mask):
    found = match_names([image], [mask])
    assert (found.pairs, found.left_images, found.left_masks) == ((), (0,), (0,))


def test_the_longest_name_wins():
    found = match_names(["a", "a 1", "a 10", "a 1 b"], ["a 1 b mask", "a 10 mask", "a mask", "a 1 mask"])
    assert found.pairs == ((0, 2), (1, 3), (2, 1), (3, 0))
    assert not found.problems


def test_two_masks_of_one_image_are_told_and_not_chosen_from():
    found = match_names(["a", "b"], ["a expert 1", "a expert 2", "b mask"])
    assert found.pairs == ((1, 2),)
    [problem] = found.problems
    assert 'Image layer "a"' in str(problem)
    assert '"a expert 1", "a expert 2"' in str(problem)


def test_two_images_of_one_name_are_told():
    found = match_names(["a", "a [1]"], ["a mask"])
    assert not found.pairs
    assert '"a", "a [1]"' in str(found.problems[0])
