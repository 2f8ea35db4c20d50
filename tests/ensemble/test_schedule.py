from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.ensemble.schedule import Schedule


def _plan(iterations: int, n_training: int = 4, batch_size: int = 4, held_out_pixels: int = 1000) -> Schedule:
    config = TrainingConfig(iterations=iterations, batch_size=batch_size, tile_size=64)
    return Schedule.plan(config, n_training, held_out_pixels)


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(1, 100), st.integers(1, 64), st.integers(1, 10**8))
def test_the_end_is_validated_and_every_validation_ends_an_epoch(
    iterations: int, n_training: int, batch_size: int, pixels: int
) -> None:
    plan = _plan(iterations, n_training, batch_size, pixels)
    assert iterations in plan.validations <= plan.epoch_ends
    assert max(plan.epoch_ends) == iterations
    assert min(plan.epoch_ends) >= 1
    assert 1 <= len(plan.validations) <= 15


def test_an_epoch_shows_as_many_tiles_as_there_are_images() -> None:
    assert _plan(20, n_training=16).epoch_ends == {4, 8, 12, 16, 20}
    assert _plan(7, n_training=6).epoch_ends == {2, 3, 5, 6, 7}


def test_small_images_are_validated_often_and_large_ones_rarely() -> None:
    counts = [len(_plan(300, held_out_pixels=pixels).validations) for pixels in (10**4, 3 * 10**5, 10**8)]
    assert counts[0] == 15
    assert 3 < counts[1] < 15
    assert counts[2] == 3
