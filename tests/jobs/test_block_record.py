from pathlib import Path

import pytest

from napari_deepflash2.jobs.block_record import BlockRecord, PartFigures

ONE, TWO = PartFigures(2, 10, 100, 5.0, 20.0), PartFigures(1, 0, 300, 0.0, 10.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    record = BlockRecord.new(tmp_path / "blocks.jsonl", "key")
    record.add_plane(0, {"mean": [0.1 + 0.2]})
    record.add_part(0, 3, ONE)
    record.add_part(0, 5, TWO)
    record.add_part(1, 3, TWO)
    return tmp_path / "blocks.jsonl"


def test_what_was_done_is_read_back_to_the_bit(path: Path) -> None:
    record = BlockRecord.of(path, "key")
    assert record is not None
    assert record.planes == {0: {"mean": [0.1 + 0.2]}}
    assert record.parts == {(0, 3): ONE, (0, 5): TWO, (1, 3): TWO}
    assert record.done(0) == {3, 4, 5}


def test_the_score_is_that_of_the_whole_plane(path: Path) -> None:
    record = BlockRecord.of(path, "key")
    assert record is not None
    assert record.score(0) == 0.5
    assert not record.is_empty(0)
    assert record.score(1) == 10 / 300
    assert record.is_empty(1)


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
