import json

from napari_deepflash2.config import Configuration
from napari_deepflash2.jobs.estimate import answer
from napari_deepflash2.told_progress import VARIABLE, read_progress


def test_an_estimate_is_asked_for_and_given_as_json(tmp_path, monkeypatch):
    told = tmp_path / "progress.json"
    monkeypatch.setenv(VARIABLE, str(told))
    settings = Configuration().replace(
        "training", architecture="unet", iterations=7, models=2, tile_size=32, batch_size=1
    )
    question = {
        "shapes": [[48, 40]] * 4,
        "channels": 2,
        "classes": 3,
        "settings": settings.model_dump(mode="json"),
    }
    found = json.loads(answer(json.dumps(question)))
    assert (found["models"], found["iterations"], found["epochs"]) == (2, 7, 3)
    assert found["seconds"] > 0
    assert found["disk_bytes"] > 0
    assert "2 models of 7 iterations" in found["text"]
    step = read_progress(told)
    assert step is not None
    assert step.done == step.total > 0
