import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2 import InputError, estimate_consensus
from napari_deepflash2.consensus.adjudication import Adjudication
from napari_deepflash2.consensus.adjudication_file import (
    fingerprint,
    resume_adjudication,
    save_adjudication,
)
from napari_deepflash2.data import read_labels

NOON = datetime(2026, 3, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))


def masks() -> dict[str, np.ndarray]:
    """Three disputed regions, of 12 pixels (class 1 or 2), 6 and 1; and one that is not disputed."""
    ann, bob, eve = (np.zeros((12, 16), np.uint8) for _ in range(3))
    ann[0:3, 0:4], bob[0:3, 0:4], eve[0:3, 0:4] = 1, 2, 2
    ann[6:8, 6:9] = bob[6:8, 6:9] = 1
    eve[11, 15] = 3
    for mask in (ann, bob, eve):
        mask[0:2, 10:12] = 1
    return {"ann": ann, "bob": bob, "eve": eve}


@pytest.fixture
def session() -> Adjudication:
    return Adjudication(masks(), estimate_consensus(masks(), method="majority").labels)


def test_it_starts_at_the_largest_region_with_the_consensus(session: Adjudication) -> None:
    assert [one.area for one in session.disputes] == [12, 6, 1]
    assert session.current is session.disputes[0]
    assert session.progress == "0 of 3"
    assert np.array_equal(session.labels, session.consensus)


@pytest.mark.parametrize(
    ("choice", "expert", "label"),
    [("consensus", "", 2), ("expert", "ann", 1), ("expert", "bob", 2), ("all", "", 2), ("none", "", 0)],
)
def test_each_choice_fills_its_region_and_nothing_else(
    session: Adjudication, choice: str, expert: str, label: int
) -> None:
    session.decide(choice, expert)
    assert (session.labels[0:3, 0:4] == label).all()
    session.labels[0:3, 0:4] = session.consensus[0:3, 0:4]
    assert np.array_equal(session.labels, session.consensus)


def test_all_takes_the_label_of_most_who_see_something_and_the_smallest_of_several() -> None:
    two = {name: mask for name, mask in masks().items() if name != "eve"}
    session = Adjudication(two, np.zeros((12, 16), np.uint8))
    session.decide("all")
    assert (session.labels[0:3, 0:4] == 1).all()


def test_labels_of_an_expert_that_the_consensus_lacks_fit_its_dtype() -> None:
    big = {"ann": np.full((4, 4), 300, np.uint16), "bob": np.zeros((4, 4), np.uint8)}
    session = Adjudication(big, np.zeros((4, 4), np.uint8))
    session.decide("expert", "ann")
    assert (session.labels == 300).all()


def test_moving_ends_at_the_ends_and_undecided_ones_are_found_round_the_end(session: Adjudication) -> None:
    session.go_to_previous()
    assert session.position == 0
    for _ in range(5):
        session.go_to_next()
    assert session.position == 2
    session.decide("none")
    assert session.go_to_next_undecided()
    assert session.position == 0
    session.decide("all")
    assert session.go_to_next_undecided()
    session.decide("all")
    assert not session.go_to_next_undecided()
    assert session.progress == "3 of 3"


def test_undo_takes_back_one_by_one_and_goes_to_the_region(session: Adjudication) -> None:
    session.decide("none")
    session.decide("expert", "ann")
    session.go_to(1)
    session.decide("none")
    session.go_to(2)
    assert session.undo() is session.disputes[1]
    assert session.position == 1
    assert (session.labels[6:8, 6:9] == 1).all()
    session.undo()
    assert (session.labels[0:3, 0:4] == 0).all()
    assert session.decision_on(session.disputes[0]).choice == "none"
    session.undo()
    assert session.undo() is None
    assert np.array_equal(session.labels, session.consensus)
    assert session.progress == "0 of 3"


def test_painting_is_kept_where_it_is_decided_and_undone_with_it(session: Adjudication) -> None:
    session.labels[0, 0:2] = 7
    session.decide("painted")
    assert not session.painted_elsewhere().any()
    session.decide("none")
    session.undo()
    assert (session.labels[0, 0:2] == 7).all()
    session.undo()
    assert np.array_equal(session.labels, session.consensus)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["consensus", "all", "none", "ann"])), max_size=9)
)
def test_undoing_everything_restores_the_consensus(steps: list[tuple[int, str]]) -> None:
    session = Adjudication(masks(), estimate_consensus(masks(), method="majority").labels)
    for position, choice in steps:
        session.go_to(position)
        session.decide(*(("expert", "ann") if choice == "ann" else (choice,)))
    while session.undo():
        pass
    assert np.array_equal(session.labels, session.consensus)
    assert session.n_decided == 0


def test_wrong_decisions_are_refused(session: Adjudication) -> None:
    with pytest.raises(InputError, match="'zoe'"):
        session.decide("expert", "zoe")
    with pytest.raises(InputError, match="none otherwise"):
        session.decide("all", "ann")
    agreed = Adjudication({"ann": masks()["ann"]}, masks()["ann"])
    assert (agreed.current, agreed.progress, agreed.go_to_next_undecided()) == (None, "0 of 0", False)
    with pytest.raises(InputError, match="agree everywhere"):
        agreed.decide("none")
    with pytest.raises(InputError, match="consensus: it has shape"):
        Adjudication(masks(), np.zeros((2, 2), int))


def test_the_log_tells_each_region_decision_and_painting(session: Adjudication, tmp_path: Path) -> None:
    session.decide("expert", "bob", who="=cmd()", when=NOON)
    session.go_to(2)
    session.decide("none", who="Zoë")
    session.labels[0, 10] = 0
    session.write_log(tmp_path / "log.csv")
    table = pd.read_csv(tmp_path / "log.csv")
    assert list(table) == ["region", "y", "x", "area", "decision", "expert", "who", "when"]
    assert table.decision.tolist() == ["expert", "undecided", "none", "painted elsewhere"]
    assert table.area.tolist() == [12, 6, 1, 1]
    first = table.iloc[0]
    assert (first.region, first.y, first.x, first.expert) == (1, 1.0, 1.5, "bob")
    assert (first.who, first.when) == ("'=cmd()", "2026-03-01T12:00:00+00:00")
    assert table.who[2] == "Zoë"
    assert datetime.fromisoformat(table.when[2]).utcoffset() == timedelta(0)


def test_the_log_of_a_stack_tells_the_plane() -> None:
    stack = np.zeros((2, 4, 4), np.uint8)
    stack[1, 2, 3] = 1
    log = Adjudication({"ann": stack, "bob": np.zeros_like(stack)}, np.zeros_like(stack)).log()
    assert log[["z", "y", "x"]].iloc[0].tolist() == [1, 2, 3]


def test_a_saved_session_goes_on_where_it_was_left(session: Adjudication, tmp_path: Path) -> None:
    session.decide("expert", "ann", who="me", when=NOON)
    session.go_to(1)
    session.labels[6, 6:8] = 3
    session.decide("painted")
    session.labels[10:12, 2:5] = 2
    session.labels[10, 3] = 1
    save_adjudication(session, tmp_path / "session.json")
    resumed = resume_adjudication(tmp_path / "session.json", masks(), session.consensus)
    assert np.array_equal(resumed.labels, session.labels)
    assert np.array_equal(resumed.painted_elsewhere(), session.painted_elsewhere())
    assert (resumed.position, resumed.progress) == (1, "2 of 3")
    pd.testing.assert_frame_equal(resumed.log(), session.log())
    for one in (session, resumed):
        one.undo()
        one.undo()
    assert np.array_equal(resumed.labels, session.labels)


def test_a_session_knows_the_regions_it_leaves_out(tmp_path: Path) -> None:
    session = Adjudication(masks(), masks()["ann"], min_size=6)
    save_adjudication(session, tmp_path / "session.json")
    assert len(resume_adjudication(tmp_path / "session.json", masks(), masks()["ann"]).disputes) == 2


@pytest.mark.parametrize("change", ["pixel", "name", "more", "consensus"])
def test_other_data_are_refused(session: Adjudication, tmp_path: Path, change: str) -> None:
    save_adjudication(session, tmp_path / "session.json")
    others, consensus = masks(), session.consensus.copy()
    if change == "pixel":
        others["eve"][5, 5] = 1
    elif change == "name":
        others["zoe"] = others.pop("eve")
    elif change == "more":
        others["zoe"] = others["eve"]
    else:
        consensus[5, 5] = 1
    found = {"pixel": "masks of eve", "name": "eve, zoe", "more": "masks of zoe"}.get(
        change, "other consensus"
    )
    with pytest.raises(InputError, match=found.replace("other", "another")):
        resume_adjudication(tmp_path / "session.json", others, consensus)


def one_decision(when: str = "2026-01-01T00:00:00Z", **changes: object) -> dict[str, object]:
    return {"decisions": [{"region": 1, "decision": "painted", "when": when} | changes]}


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2},
        {"position": -1},
        {"extra": 1},
        one_decision(region=9),
        one_decision(decision="none", when="2026-01-01T00:00:00"),
        one_decision(decision="expert"),
        one_decision(decision="expert", expert="zoe"),
        one_decision(decision="none", expert="ann"),
        one_decision(),
        one_decision(painted=[[1, 11]]),
        one_decision(painted=[[1, 13], [1, -1]]),
        one_decision(painted=[[256, 12]]),
        {"painted_elsewhere": [[190, 5, 1]]},
        {"painted_elsewhere": [[-3, 2, 1]]},
    ],
)
def test_damaged_files_are_refused(session: Adjudication, tmp_path: Path, damage: dict[str, object]) -> None:
    path = tmp_path / "session.json"
    save_adjudication(session, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(InputError, match=r"session\.json: is no saved adjudication"):
        resume_adjudication(path, masks(), session.consensus)


def test_what_is_no_session_at_all_is_refused(session: Adjudication, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        resume_adjudication(tmp_path / "none.json", masks(), session.consensus)
    (tmp_path / "half.json").write_text('{"format": "napari-deepf')
    with pytest.raises(InputError, match="damaged"):
        resume_adjudication(tmp_path / "half.json", masks(), session.consensus)


def test_a_fingerprint_is_of_values_not_of_how_they_are_stored() -> None:
    mask = masks()["eve"]
    same = [mask.astype(dtype) for dtype in ("<i8", ">u2", "f4")] + [np.asfortranarray(mask)]
    assert {fingerprint(one) for one in same} == {fingerprint(mask)}
    assert fingerprint(mask.reshape(16, 12)) != fingerprint(mask)


def test_now_is_told_in_utc(session: Adjudication) -> None:
    before = datetime.now(UTC)
    session.decide("none")
    assert before <= session.history[0].when <= datetime.now(UTC)


def test_on_a_real_image_every_expert_is_their_choice_everywhere_and_all_is_the_union(
    shared_data: Path,
) -> None:
    folder = shared_data / "multi_expert" / "cfos_wue1"
    real = {path.name: read_labels(path / "0001.png").data for path in sorted(folder.glob("expert*"))}
    consensus = read_labels(folder / "est_GT" / "0001.png").data
    wanted = {("expert", name): mask for name, mask in real.items()}
    wanted["all", ""] = np.max(list(real.values()), axis=0)
    wanted["none", ""] = np.min(list(real.values()), axis=0)
    wanted["consensus", ""] = consensus
    for (choice, expert), mask in wanted.items():
        session = Adjudication(real, consensus)
        assert len(session.disputes) == 191
        for position in range(len(session.disputes)):
            session.go_to(position)
            session.decide(choice, expert)
        assert np.array_equal(session.labels, mask), (choice, expert)
