from pathlib import Path
from typing import Any

import pytest

from napari_deepflash2 import Configuration, InputError
from napari_deepflash2.config import PRESETS


@pytest.mark.parametrize("name", ["config.toml", "config.yaml", "config.YML"])
def test_a_saved_configuration_is_read_back_equal(tmp_path: Path, name: str) -> None:
    config = Configuration.of(
        {
            "training": {"iterations": 7, "models": 2, "augmentation": {"gamma": (0.5, 2)}},
            "data": {"pages": "slices"},
            "consensus": {"method": "weighted", "weights": {"Dr. Müller": 0.5, "yes": 1}},
            "prediction": {"test_time_augmentation": "none"},
        }
    )
    config.save(tmp_path / name)
    assert Configuration.of(tmp_path / name) == config


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


def test_an_empty_yaml_file_with_a_mark_of_byte_order_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbf# nothing\n")
    assert Configuration.load(tmp_path / "config.yaml") == Configuration()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", b"[training"),
        ("config.toml", b"[training]\niterations = 3,\n"),
        ("config.toml", b"\xff\xfe\x00"),
        ("config.toml", None),
        ("config.yaml", b"training: {iterations: 3"),
        ("config.yaml", b"- training"),
        ("config.yaml", b"[" * 5000),
        ("config.yaml", b"training: !!python/object/apply:os.system [exit]"),
        ("config.yaml", b"#" * 2**21),
        ("config.yaml", b"training: {iterations: 3, iterations: 4}"),
    ],
)
def test_j1_a_file_that_is_damaged_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: cannot be read"):
        Configuration.load(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.ini: is neither a TOML nor a YAML file"):
        Configuration.load(tmp_path / "config.ini")


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"training": {"iteratons": 3}}, "Did you mean iterations?"),
        ({"trainings": {}}, "Did you mean training?"),
        ({"training": {"augmentation": {"rotaton": 3}}}, "Did you mean rotation?"),
        ({"training": {"zoom": 0.2}}, "It belongs in training.augmentation."),
        ({"iterations": 3}, "It belongs in training or student."),
        ({"qwertz": 3}, "Remove it; there are consensus, data, prediction, student, training."),
    ],
)
def test_j1_of_a_misspelt_setting_the_nearest_is_named(values: dict[str, Any], remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        Configuration.of(values)
    assert caught.value.problems[0].remedy == remedy


@pytest.mark.parametrize(("name", "nan"), [("config.toml", "nan"), ("config.yaml", ".nan")])
def test_j1_a_setting_that_is_no_number_is_refused(tmp_path: Path, name: str, nan: str) -> None:
    text = (
        f"training: {{learning_rate: {nan}}}" if name.endswith("yaml") else f"training.learning_rate = {nan}"
    )
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=r"training\.learning_rate: .*finite"):
        Configuration.load(tmp_path / name)


def test_a_number_that_yaml_takes_for_text_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("training: {learning_rate: 5e-4}")
    assert Configuration.load(tmp_path / "config.yaml").training.learning_rate == 5e-4


def test_a_value_of_any_size_is_shown_in_short() -> None:
    with pytest.raises(InputError) as caught:
        Configuration.of({"training": {"iterations": "9" * 10**6}})
    assert len(str(caught.value)) < 500


def test_every_preset_is_valid_and_the_standard_one_is_the_defaults() -> None:
    assert Configuration().with_preset("standard") == Configuration()
    assert [*PRESETS] == ["quick look", "standard", "publish"]
    iterations = [Configuration().with_preset(name).training.iterations for name in PRESETS]
    assert iterations == sorted(set(iterations))


def test_a_preset_leaves_other_settings_and_takes_back_those_of_another() -> None:
    own = Configuration.of({"training": {"tile_size": 128, "iterations": 5}, "data": {"pages": "slices"}})
    quick = own.with_preset("quick look")
    assert (quick.training.tile_size, quick.data.pages) == (128, "slices")
    assert quick.with_preset("standard") == Configuration.of(
        {"training": {"tile_size": 128}, "data": {"pages": "slices"}}
    )


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'quick look', 'standard', 'publish'"):
        Configuration().with_preset("quick")


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
