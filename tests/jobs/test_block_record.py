from pathlib import Path

import numpy as np
import pytest

from napari_deepflash2.jobs.block_record import BlockRecord, PartFigures
from napari_deepflash2.jobs.overlap import Overlap
from napari_deepflash2.prediction.trait_sums import TraitSums

ONE = PartFigures(
    2,
    TraitSums((90, 10), (1 / 3, 9.5), (80.0, 8.0), 5.0, 20.0, 0.9),
    Overlap(100, (80, 5), (90, 10), (95, 5)),
)
TWO = PartFigures(1, TraitSums((300, 0), (290.0, 10.0), (290.0, 0.0), 0.0, 10.0, 0.4))
CELLS = np.array([0.1, -1e-30, 3e20], np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    record = BlockRecord.new(tmp_path / "blocks.jsonl", "key")
    record.add_plane(0, {"mean": [0.1 + 0.2]})
    record.add_part(0, 3, ONE)
    record.add_part(0, 5, TWO)
    record.add_strip(0, 1, CELLS)
    record.add_strip(0, 0, CELLS * 2)
    record.add_part(1, 3, TWO)
    return tmp_path / "blocks.jsonl"


def test_what_was_done_is_read_back_to_the_bit(path: Path) -> None:
    record = BlockRecord.of(path, "key")
    assert record is not None
    assert record.planes == {0: {"mean": [0.1 + 0.2]}}
    assert record.parts == {(0, 3): ONE, (0, 5): TWO, (1, 3): TWO}
    assert record.done(0) == {3, 4, 5}
    assert record.done_strips(0) == {0, 1}
    np.testing.assert_array_equal(record.cells(0), np.concatenate([CELLS * 2, CELLS]))
    assert record.cells(1) is None


def test_figures_of_parts_add_up_to_those_of_the_plane(path: Path) -> None:
    record = BlockRecord.of(path, "key")
    assert record is not None
    whole = record.whole(0)
    assert (whole.blocks, whole.sums.pixels, whole.sums.foreground, whole.sums.score) == (3, 400, 10, 0.5)
    assert whole.sums.doubt == 0.9
    assert record.whole(1).sums.score == 10 / 300


def test_h7_a_line_that_was_cut_off_did_not_happen_wherever_it_was_cut(path: Path) -> None:
    whole = path.read_bytes()
    begins = whole.rindex(b"\n", 0, -1) + 1
    for length in range(begins, len(whole)):
        path.write_bytes(whole[:length])
        record = BlockRecord.of(path, "key")
        assert record is not None
        assert set(record.parts) == {(0, 3), (0, 5)}
        record.add_part(1, 3, TWO)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b'{"key": "k', b'{"key": "other"}\n'])
def test_a_record_of_something_else_counts_as_none(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert BlockRecord.of(path, "key") is None
    BlockRecord.new(path, "key")
    record = BlockRecord.of(path, "key")
    assert record is not None
    assert not record.parts
