from pathlib import Path

import pytest

from napari_deepflash2 import Configuration, InputError


def test_a_saved_configuration_is_read_back_equal(tmp_path: Path) -> None:
    config = Configuration.of({"training": {"iterations": 7, "models": 2}, "data": {"pages": "slices"}})
    config.save(tmp_path / "config.toml")
    assert Configuration.of(tmp_path / "config.toml") == config


def test_what_a_file_does_not_say_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbf[training]\niterations = 3\n")
    config = Configuration.load(tmp_path / "config.toml")
    assert config == Configuration().replace("training", iterations=3)


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[training]\niteratons = 3\nbatch_size = 0\n[predicton]\n")
    with pytest.raises(InputError) as caught:
        Configuration.load(path)
    text = str(caught.value)
    assert str(path) in text
    assert len(caught.value.problems) == 3
    assert all(name in text for name in ("training.iteratons", "training.batch_size", "predicton"))


@pytest.mark.parametrize("content", [b"[training", b"\xff\xfe\x00", None])
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"config\.toml: cannot be read"):
        Configuration.load(path)


def test_replacing_a_setting_validates_it() -> None:
    with pytest.raises(InputError, match="iterations"):
        Configuration().replace("training", iterations=-1)


def test_every_setting_says_what_it_does() -> None:
    def fields(model: type) -> list:
        own = list(model.model_fields.items())
        return own + [
            item for _, f in own if hasattr(f.annotation, "model_fields") for item in fields(f.annotation)
        ]

    assert len(fields(Configuration)) > 20
    assert [name for name, field in fields(Configuration) if not field.description] == []
