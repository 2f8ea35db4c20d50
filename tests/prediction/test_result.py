import numpy as np

from napari_deepflash2.prediction import Moments, Prediction
from napari_deepflash2.prediction.result import most_probable


def _prediction(probabilities: list[float], classes: tuple[int, ...] = (0, 1)) -> Prediction:
    """One pixel for each foreground probability, of one sure member."""
    foreground = np.array([probabilities], np.float32)
    mean = np.stack([1 - foreground, foreground])
    return Prediction.from_moments(Moments(mean, mean**2), classes, "a.tif")


def test_labels_have_the_values_of_the_masks() -> None:
    found = _prediction([0.9, 0.2], classes=(0, 255))
    assert found.labels.tolist() == [[255, 0]]
    assert found.labels.dtype == np.uint8
    assert _prediction([0.9], classes=(0, 70000)).labels.tolist() == [[70000]]


def test_h9_uncertainty_and_score_have_the_same_scale_for_every_image() -> None:
    found = _prediction([0.5, 0.9, 0.1])
    assert np.allclose(found.uncertainty, [[1, 0.36, 0.36]])
    assert np.isclose(found.score, 0.36)
    assert np.allclose(found.epistemic + found.aleatoric, found.uncertainty)
    assert np.allclose(found.epistemic, 0, atol=1e-6)


def test_h5_an_empty_prediction_is_defined_and_said() -> None:
    found = _prediction([0.1, 0.0])
    assert np.isclose(found.score, 0.18)
    assert [note.code for note in found.notes] == ["no-foreground"]
    assert found.notes[0].where == "a.tif"


def test_entropy_and_mutual_information_are_there_where_they_were_measured() -> None:
    mean = np.full((2, 1, 3), 0.5, np.float32)
    found = Prediction.from_moments(Moments(mean, mean**2, np.zeros((1, 3), np.float32)), (0, 1), "a")
    assert found.entropy is not None
    assert found.mutual_information is not None
    assert np.allclose(found.entropy, 1)
    assert np.allclose(found.mutual_information, 1)
    assert _prediction([0.9]).entropy is _prediction([0.9]).mutual_information is None


def test_of_classes_that_are_alike_the_first_wins() -> None:
    probabilities = np.random.default_rng(0).integers(0, 3, (5, 20, 20)).astype(np.float32)
    assert np.array_equal(most_probable(probabilities), probabilities.argmax(0))
    assert most_probable(probabilities).dtype == np.uint8


def test_what_is_not_known_is_none() -> None:
    found = _prediction([0.9])
    assert (found.expected_dice, found.expected_dice_interval, found.ood_score, found.is_ood) == (None,) * 4
    assert found.notes == ()
