import numpy as np
import pytest
import torch
from skimage.exposure import equalize_adapthist

from napari_deepflash2.data.equalisation import equalise


def _uneven(size: int = 256) -> np.ndarray:
    """Texture under a light that comes from one corner."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    values = (0.1 + y * x) * (1 + 0.3 * np.sin(x * 60) * np.sin(y * 40) + 0.1 * rng.random((size, size)))
    return ((values - values.min()) / np.ptp(values)).astype(np.float32)


@pytest.mark.parametrize("limit", [4.0, 40.0])
def test_it_does_what_scikit_image_does(limit: float) -> None:
    image = _uneven()
    found = equalise(torch.from_numpy(image)[None], torch.tensor([limit]))[0].numpy()
    expected = equalize_adapthist(image, kernel_size=32, clip_limit=limit / 256)
    assert np.abs(found - expected).mean() < 0.05
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99
    assert np.abs(found - image).mean() > 0.1


def test_a_clip_limit_of_nothing_changes_nothing() -> None:
    image = torch.from_numpy(_uneven())[None]
    assert torch.allclose(equalise(image, torch.zeros(1)), image, atol=1 / 128)


def test_each_plane_of_a_batch_is_equalised_by_itself() -> None:
    planes = torch.from_numpy(np.stack([_uneven(), _uneven()[::-1] ** 2, np.zeros((256, 256), np.float32)]))
    limits = torch.tensor([2.0, 9.0, 4.0])
    together = equalise(planes, limits)
    alone = [equalise(planes[i : i + 1], limits[i : i + 1])[0] for i in range(3)]
    assert torch.equal(together, torch.stack(alone))
    assert together.min() >= 0
    assert together.max() <= 1
