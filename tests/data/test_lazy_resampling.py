import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.data.lazy_image import LazyImage, LazyPlane
from napari_deepflash2.data.lazy_resampling import ResampledPlane
from napari_deepflash2.data.resampling import resized


def _plane(height: int, width: int, channels: int = 1) -> LazyPlane:
    data = np.random.default_rng(0).uniform(0, 1000, (height, width, channels)).astype(np.float32)
    return LazyPlane(LazyImage("image", data, "YXC", (64,) * 3, (1.0,) * 3, ("",) * 3, (0.0,) * 3))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 150), st.integers(1, 150), st.data())
def test_parts_are_those_of_the_whole_resized(
    height: int, width: int, new_height: int, new_width: int, data: st.DataObject
) -> None:
    plane = _plane(height, width, 2)
    expected = np.moveaxis(resized(np.moveaxis(plane.image.array, -1, 0), (new_height, new_width)), 0, -1)
    top, left = data.draw(st.integers(0, new_height - 1)), data.draw(st.integers(0, new_width - 1))
    bottom, right = data.draw(st.integers(top + 1, new_height)), data.draw(st.integers(left + 1, new_width))
    found = ResampledPlane(plane, (new_height, new_width)).read(slice(top, bottom), slice(left, right))
    np.testing.assert_allclose(found, expected[top:bottom, left:right], rtol=1e-4, atol=0.02)


@pytest.mark.parametrize("shape", [(400, 300), (50, 60)])
def test_no_more_is_read_than_is_needed(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    plane = _plane(200, 200)
    read: list[tuple[int, int]] = []
    original = LazyPlane.read

    def noting(self: LazyPlane, rows: slice, columns: slice) -> np.ndarray:
        read.append((rows.stop - rows.start, columns.stop - columns.start))
        return original(self, rows, columns)

    monkeypatch.setattr(LazyPlane, "read", noting)
    ResampledPlane(plane, shape).read(slice(20, 40), slice(10, 20))
    ((height, width),) = read
    assert height <= 20 * 200 / shape[0] + 2 * max(1, 200 / shape[0]) + 2
    assert width <= 10 * 200 / shape[1] + 2 * max(1, 200 / shape[1]) + 2
