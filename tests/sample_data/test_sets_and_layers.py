import sys

import numpy as np
import pytest

from napari_deepflash2 import InputError
from napari_deepflash2.sample_data import cells_sample, demo_samples, load_nuclei, nuclei, nuclei_sample

needs_nuclei = pytest.mark.skipif(
    not nuclei.nuclei_are_installed(), reason="the extra 'samples' is not installed"
)


@needs_nuclei
def test_real_nuclei_are_read_without_importing_stardist(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test of this process may have loaded it.
    monkeypatch.delitem(sys.modules, "stardist", raising=False)
    image, truth = load_nuclei()
    assert image.shape == truth.shape == (512, 512)
    assert np.unique(truth).size == 126
    assert "stardist" not in sys.modules


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuclei, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "napari-deepflash2\[samples\]"'):
        load_nuclei()


@needs_nuclei
def test_demo_prefers_real_nuclei_and_says_so() -> None:
    samples = demo_samples()
    assert "real nuclei" in samples.source
    whole = load_nuclei().image
    assert sum(one.image.sum(dtype=np.int64) for one in samples.cells) == whole.sum(dtype=np.int64)


def test_demo_falls_back_to_simulated_cells_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuclei, "find_spec", lambda name: None)
    samples = demo_samples()
    assert "simulated cells" in samples.source
    assert len(samples.ids) == len(samples.cells) == len(samples.experts) == 8
    assert all(one.truth.any() for one in samples.cells)


@pytest.mark.parametrize("sample", [cells_sample, pytest.param(nuclei_sample, marks=needs_nuclei)])
def test_samples_open_as_one_image_its_truth_and_five_experts(sample) -> None:
    (image, image_kwargs, image_type), (truth, truth_kwargs, _), *experts = sample()
    assert image_type == "image"
    assert image.shape == (4, 256, 256)
    assert truth_kwargs["visible"] is False
    assert [kwargs["name"] for _, kwargs, _ in experts] == [f"expert{n}" for n in range(1, 6)]
    for labels, kwargs, layer_type in experts:
        assert (labels.shape, layer_type) == (image.shape, "labels")
        assert kwargs["axis_labels"] == image_kwargs["axis_labels"]
        assert kwargs["units"] == image_kwargs["units"]
        assert set(np.unique(labels)) == {0, 1}
        assert (labels > 0)[truth > 0].mean() > 0.5
