import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_deepflash2 import load_ensemble
from napari_deepflash2.errors import Problem
from napari_deepflash2.jobs import predict_folder, report_entries
from napari_deepflash2.jobs.predicted import Predicted, Row
from napari_deepflash2.jobs.report import write_report
from napari_deepflash2.jobs.report_entries import parts_of, worst
from napari_deepflash2.jobs.report_figures import expected_against_true, summary
from napari_deepflash2.jobs.report_pictures import Pictures, draw_pictures, shares

EVIL = "<script>alert(1)</script>&amp;"
_EMPTY = {"area", "br", "img", "link", "meta"}


class _Page(HTMLParser):
    """What a browser would see: elements, their attributes and the text; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._open = "", list[str]()
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _row(name: str, **known: object) -> Row:
    row: Row = dict.fromkeys(
        ("expected_dice", "expected_dice_low", "expected_dice_high", "ood_score", "is_ood")
    )
    return {"image": name, "slice": "", "score": 0.5} | row | known


def _predicted(name: str, **known: object) -> Predicted:
    return Predicted([_row(name, **known)], [])


@pytest.fixture
def page(folders: Path, tiny_ensemble: Path, tmp_path: Path) -> _Page:
    predict_folder(folders / "images", tiny_ensemble, tmp_path / "out", folders / "masks")
    return _Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))


def test_the_report_shows_each_image_with_outlines_uncertainty_and_mask(page: _Page) -> None:
    sources = [attributes for tag, attributes in page.tags if tag == "img"]
    words = [attributes["alt"] for attributes in sources]
    assert words.count("labels as outlines") == words.count("uncertainty") == 3
    assert words.count("true mask as outlines (dark: not judged)") == 3
    for attributes in sources:
        kind, content = (attributes["src"] or "").split(";base64,")
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            assert kind == f"data:{picture.get_format_mimetype()}"
            assert max(picture.size) <= 512
    for words in (
        "IoU",
        "mean AP",
        "Held-out Dice",
        "test_time_augmentation",
        "napari-deepflash2",
        "Quality not known",
    ):
        assert words in page.text


def test_the_report_needs_nothing_but_itself_and_runs_nothing(page: _Page) -> None:
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "href"]
        assert (attributes.get("src") or "data:").startswith("data:")
    policy = {"http-equiv": "Content-Security-Policy"}
    (rules,) = [a["content"] for tag, a in page.tags if tag == "meta" and policy.items() <= a.items()]
    assert rules == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_names_and_notes_are_text_whatever_they_hold(tiny_ensemble: Path, tmp_path: Path) -> None:
    note = Problem(EVIL, f"holds {EVIL}", f"Do {EVIL}\u202e", "x")
    found = [Predicted([_row(EVIL)], [note])]
    ensemble = load_ensemble(tiny_ensemble)
    path = tmp_path / "report.html"
    write_report(
        path, found, pd.DataFrame(found[0].rows), [note], ensemble, ensemble.config, Pictures(tmp_path)
    )
    text = path.read_text(encoding="utf-8")
    assert EVIL not in text
    page = _Page(text)
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count(EVIL) == 6
    assert "\u202e" not in text


def test_images_are_divided_by_what_is_known_and_sorted_worst_first() -> None:
    parts = parts_of(
        [
            _predicted("good", expected_dice=0.9, is_ood=False, ood_score=-1.0),
            _predicted("odd", is_ood=True, ood_score=0.1),
            _predicted("unsure", score=0.6),
            _predicted("bad", expected_dice=0.2, is_ood=False, ood_score=-1.0),
            _predicted("very odd", is_ood=True, ood_score=2.0),
            _predicted("sure", score=0.1),
        ]
    )
    assert [[entry.id for entry in part.entries] for part in parts] == [
        ["very odd", "odd"],
        ["bad", "good"],
        ["unsure", "sure"],
    ]


def test_a_stack_stands_where_its_worst_slice_does() -> None:
    rows = [
        _row("a", slice=str(i), expected_dice=dice, is_ood=False, ood_score=-1.0)
        for i, dice in enumerate((0.9, 0.3, 0.8))
    ]
    assert worst(rows)["slice"] == "1"
    (part,) = parts_of(
        [Predicted(rows, []), _predicted("b", expected_dice=0.5, is_ood=False, ood_score=-1.0)]
    )
    assert [entry.id for entry in part.entries] == ["a", "b"]
    assert part.entries[0].facts[0] == ("Slice", "1, the worst of 3")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"is_ood": True, "ood_score": 0.4}, "not known: the image is unlike the training images"),
        ({}, "not known"),
        ({"expected_dice": 0.81}, "0.81, too few training images for an interval"),
        (
            {"expected_dice": 0.81, "expected_dice_low": 0.7, "expected_dice_high": 0.9},
            "0.81, 0.70 to 0.90 for about nine images in ten",
        ),
    ],
)
def test_what_to_expect_is_said_in_words(known: Row, words: str) -> None:
    assert dict(report_entries.Entry.of(_predicted("a", **known)).facts)["Dice to expect"] == words


def test_of_many_images_the_worst_have_pictures_and_all_are_listed(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_entries, "MOST_PICTURES", 5)
    found = [_predicted(f"image {i}", score=i / 100) for i in range(20)]
    pictures = Pictures(tmp_path)
    for one in found:
        grey = np.zeros((8, 8), np.uint8)
        pictures.write(one.rows[0]["image"], {"labels": np.stack([grey] * 3, -1), "uncertainty": grey})
    ensemble = load_ensemble(tiny_ensemble)
    table = pd.DataFrame([one.rows[0] for one in found])
    write_report(tmp_path / "report.html", found, table, [], ensemble, ensemble.config, pictures)
    page = _Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert [a.get("alt") for tag, a in page.tags if tag == "img"].count("labels as outlines") == 5
    assert [page.text.count(f"image {i}") for i in range(10, 20)] == [1] * 10


def test_h9_uncertainty_has_the_same_colours_in_every_picture() -> None:
    faint = shares(np.array([[0.0, 0.02]], np.float32))
    strong = shares(np.array([[0.02, 1.0]], np.float32))
    assert faint.max() == strong.min() == 5
    assert strong.max() == 255


def test_pictures_are_small_and_show_classes_ignored_pixels_and_foreign_places(
    folders: Path, tiny_ensemble: Path
) -> None:
    image = np.tile(tifffile.imread(folders / "images" / "1.tif"), (12, 10))
    ensemble = load_ensemble(tiny_ensemble)
    prediction = ensemble.predict(image)
    truth = np.full(image.shape, 255, np.uint8)
    truth[100:200, 100:200], truth[120:180, 120:180] = 0, 1
    pictures = draw_pictures(
        image[..., np.newaxis],
        prediction.labels,
        prediction.uncertainty,
        ensemble.classes,
        truth,
        np.arange(image.size).reshape(image.shape) > 100 * image.shape[1],
    )
    assert {kind: picture.shape for kind, picture in pictures.items()} == {
        "labels": (288, 320, 3),
        "uncertainty": (288, 320),
        "truth": (288, 320, 3),
        "unlike": (288, 320, 3),
    }
    assert pictures["unlike"][:50].mean() < pictures["unlike"][50:100].mean()
    assert (pictures["truth"][60, 70] == [0, 180, 216]).all()
    dark, bright = pictures["truth"][:50].mean(), pictures["labels"][:50].mean()
    assert dark < bright


def test_the_summary_tells_how_many_are_known() -> None:
    table = pd.DataFrame([_row("a", expected_dice=0.5), _row("b", score=0.1)])
    assert summary(table)[1:] == [
        ["Dice to expect", "0.500", "0.500", "0.500", "0.500", "1 of 2"],
        ["uncertainty", "0.300", "0.300", "0.100", "0.500", "2 of 2"],
    ]


def test_what_came_true_is_said() -> None:
    known = [
        {"expected_dice": 0.5, "dice": 0.6, "expected_dice_low": 0.4, "expected_dice_high": 0.7},
        {"expected_dice": 0.7, "dice": 0.8, "expected_dice_low": 0.6, "expected_dice_high": 0.75},
        {"expected_dice": 0.9, "dice": 1.0},
    ]
    assert expected_against_true(known) == (
        "The Dice expected is off by 0.100 on average; the correlation with the true one is 1.00; "
        "the interval that is to hold nine of ten holds 1 of 2."
    )


def test_a_run_without_pictures_of_an_image_makes_it_again(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    predict_folder(folders / "images", tiny_ensemble, tmp_path)
    (tmp_path / ".predicted" / "2.uncertainty.png").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "labels").iterdir()}
    predict_folder(folders / "images", tiny_ensemble, tmp_path)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "labels").iterdir()}
    assert [name for name in before if before[name] != after[name]] == ["2.tif"]
    assert (tmp_path / ".predicted" / "2.uncertainty.png").exists()
