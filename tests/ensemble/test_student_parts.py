"""What a preview network learns from, what it minimises, and how it is measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_deepflash2.config import AugmentationConfig, PredictionConfig, TrainingConfig
from napari_deepflash2.data.normalisation import Normalisation, Standardisation
from napari_deepflash2.ensemble.student_fidelity import agreement, compared, correlation
from napari_deepflash2.ensemble.student_images import Sample, held_out
from napari_deepflash2.ensemble.student_network import StudentTiles, distillation_loss, student_moments
from napari_deepflash2.ensemble.student_tiles import SoftTarget, SoftTiles
from napari_deepflash2.prediction import Moments
from napari_deepflash2.prediction.uncertainty import epistemic_uncertainty, total_uncertainty

CPU = torch.device("cpu")
STILL = AugmentationConfig(flip=False, rotation=0, zoom=0, gamma=(1, 1), brightness=0, contrast=0)


def _moments(seed: int = 0, classes: int = 3, size: int = 32) -> Moments:
    """Five members that differ."""
    p = np.random.default_rng(seed).dirichlet(np.ones(classes), (5, size, size)).astype(np.float32)
    p = np.moveaxis(p, -1, 1)
    return Moments(p.mean(0), (p**2).mean(0))


def test_a_target_holds_probabilities_and_the_part_that_is_disagreement() -> None:
    moments = _moments()
    target = SoftTarget.of(moments)
    np.testing.assert_allclose(target.probabilities, moments.mean, atol=1e-3)
    expected = epistemic_uncertainty(moments.mean, moments.mean_of_squares)
    np.testing.assert_allclose(target.epistemic, expected, atol=2e-3)


def test_where_all_are_sure_there_is_no_disagreement() -> None:
    mean = np.zeros((2, 4, 4), np.float32)
    mean[0] = 1
    target = SoftTarget.of(Moments(mean, mean))
    assert (target.epistemic == 0).all()
    assert np.isfinite(target.maps).all()


def test_tiles_keep_image_and_target_together() -> None:
    moments = _moments(classes=2, size=96)
    target = SoftTarget.of(moments)
    # The image shows what is to be learned of it, so every tile must.
    image = target.maps[1:2].astype(np.float32)
    config = TrainingConfig(tile_size=32, batch_size=3, augmentation=STILL)
    tiles = SoftTiles([image], [target], config, CPU)
    images, maps = tiles.batch(1, 2)
    assert images.shape == (3, 1, 32, 32)
    assert maps.shape == (3, 3, 32, 32)
    torch.testing.assert_close(images[:, 0], maps[:, 1], atol=1e-4, rtol=0)
    torch.testing.assert_close(maps[:, :2].sum(1), torch.ones(3, 32, 32), atol=2e-3, rtol=0)
    assert torch.equal(tiles.batch(1, 2)[0], images)
    assert not torch.equal(tiles.batch(1, 3)[0], images)


def test_nothing_has_a_lower_loss_than_what_the_ensemble_says() -> None:
    target = SoftTarget.of(_moments())
    maps = torch.from_numpy(target.maps.astype(np.float32))[None].clamp(1e-3, 1 - 1e-3)
    right = torch.cat([maps[:, :-1].log(), maps[:, -1:].logit()], 1).requires_grad_()
    loss = distillation_loss(right, maps)
    loss.backward()
    assert float(right.grad.abs().max()) < 1e-5
    for channel in range(right.shape[1]):
        wrong = right.detach().clone()
        wrong[:, channel] += 0.3
        assert float(distillation_loss(wrong, maps)) > float(loss.detach())


def test_the_share_counts_only_where_the_ensemble_is_unsure() -> None:
    maps = torch.zeros(1, 3, 2, 2)
    maps[:, 0] = 1
    maps[:, :2, 0, 0] = 0.5
    logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
    distillation_loss(logits, maps).backward()
    assert logits.grad[0, 2, 0, 0] > 0
    assert (logits.grad[0, 2].flatten()[1:] == 0).all()


class _Knows(torch.nn.Module):
    """A network that sees probability and share in the channels of the image."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        p, share = images[:, :1], images[:, 1:]
        return torch.cat([(1 - p).log(), p.log(), share.logit()], 1)


def test_what_the_network_says_comes_out_as_moments_of_any_image() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0.1, 0.9, (70, 45, 2)).astype(np.float32)
    same = Standardisation((0, 0), (1, 1))
    config = PredictionConfig(tile_size=32, overlap=0.5)
    found = student_moments(_Knows(), image, same, 2, config, CPU)
    p, share = image[..., 0], image[..., 1]
    np.testing.assert_allclose(found.mean[1], p, atol=1e-5)
    epistemic = epistemic_uncertainty(found.mean, found.mean_of_squares)
    np.testing.assert_allclose(epistemic, share * total_uncertainty(found.mean), atol=1e-5)


def test_a_part_is_standardised_as_the_whole() -> None:
    image = np.random.default_rng(0).normal(5, 2, (8, 8, 1)).astype(np.float32)
    whole = Sample.of("a", "a", image)
    normalisation = Normalisation("image", (0,), (1,))
    part = whole.part(slice(2), slice(3))
    assert part.image.shape == (2, 3, 1)
    assert part.look(normalisation) == normalisation.for_image(image)


def test_maps_are_asked_for_in_one_kind_for_probabilities_and_one_for_squares() -> None:
    tiles = StudentTiles(_Knows(), Standardisation((0, 0), (1, 1)), 2, CPU)
    assert tiles.maps(np.full((3, 2, 4, 4), 0.5, np.float32)).shape == (3, sum(tiles.kinds), 4, 4)


def _samples(*sources: str) -> list[Sample]:
    image = np.zeros((40, 80, 1), np.float32)
    return [Sample.of(f"{number}", source, image) for number, source in enumerate(sources)]


def test_planes_of_one_source_are_never_on_both_sides() -> None:
    samples = _samples(*"aaabbbcccddd")
    learned, rest = held_out(samples, np.random.default_rng(0))
    assert len(learned) + len(rest) == 12
    assert rest
    assert not {one.source for one in learned} & {one.source for one in rest}


def test_a_single_image_is_divided_across_its_longer_side() -> None:
    (learned,), (rest,) = held_out(_samples("a"), np.random.default_rng(0))
    assert (learned.image.shape, rest.image.shape) == ((40, 60, 1), (40, 20, 1))


def test_an_ensemble_agrees_with_itself() -> None:
    moments = _moments()
    found = compared([moments], [SoftTarget.of(moments)])
    assert found.images == 1
    assert found.agreement == pytest.approx(1, abs=0.01)
    assert found.dice == pytest.approx(1, abs=0.01)
    assert found.uncertainty == pytest.approx(1, abs=1e-3)
    assert found.epistemic == pytest.approx(1, abs=1e-3)


def test_agreement_is_the_share_of_all_pixels() -> None:
    a, b = np.zeros((2, 2, 4), np.float32), np.zeros((2, 2, 4), np.float32)
    a[0], b[0] = 1, 1
    b[:, 0, 0] = [0, 1]
    assert agreement([a], [b]) == 7 / 8


def test_a_map_that_is_constant_has_no_correlation() -> None:
    varied = np.random.default_rng(0).random((4, 4), np.float32)
    assert correlation([np.zeros((4, 4), np.float32)], [varied]) is None
    assert correlation([varied], [-varied]) == pytest.approx(-1)
