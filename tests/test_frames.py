from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.columns import FRAME_COLUMNS, PERSON_COLUMNS, JointFlag
from mhbench.errors import ShapeError
from mhbench.frames import FrameTable, JointSet, concatenate


def table(counts, *, start=0, skeleton="mpi_14"):
    """Frames numbered from `start` with the given numbers of people, whose track is frame * 10 + place."""
    counts = np.asarray(counts, dtype=np.int64)
    numbers = np.arange(start, start + len(counts))
    tracks = np.concatenate(
        [[number * 10 + i for i in range(n)] for number, n in zip(numbers, counts, strict=True)] or [[]]
    )
    people = int(counts.sum())
    return FrameTable(
        dataset="toy",
        split="all",
        skeleton=skeleton,
        frames={
            "id": np.array([f"s/0/{number}" for number in numbers], dtype="U8"),
            "index": numbers.astype(np.int64),
            "K": np.tile(np.eye(3), (len(counts), 1, 1)),
        },
        person_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        persons={
            "track": tracks.astype(np.int64),
            "joints3d": np.repeat(tracks, 14 * 3).reshape(people, 14, 3).astype(np.float32),
            "extra": np.arange(people),
        },
        sets={
            "body": JointSet(
                "smpl_24", {"joints3d": np.repeat(tracks, 72).reshape(people, 24, 3).astype("f4")}
            )
        },
    )


def people_of(one):
    return {
        str(one.frames["id"][frame]): one.persons["track"][one.people(frame)].tolist()
        for frame in range(one.frame_count)
    }


COUNTS = st.lists(st.integers(0, 3), max_size=6)


def test_counts_and_slices():
    one = table([2, 0, 1])
    assert (one.frame_count, one.person_count) == (3, 3)
    assert one.people(0) == slice(0, 2)
    assert one.people(1) == slice(2, 2)
    assert one.frame_of_person.tolist() == [0, 0, 2]
    assert people_of(one) == {"s/0/0": [0, 1], "s/0/1": [], "s/0/2": [20]}


@given(COUNTS, st.data())
def test_select_keeps_the_people_of_the_frames(counts, data):
    whole = table(counts)
    mask = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(counts), max_size=len(counts))), dtype=bool
    )
    part = whole.select(mask)
    expected = [name for name, kept in zip(people_of(whole), mask, strict=True) if kept]
    assert people_of(part) == {name: people_of(whole)[name] for name in expected}
    np.testing.assert_array_equal(part.persons["joints3d"][:, 0, 0], part.persons["track"])
    np.testing.assert_array_equal(part.sets["body"].columns["joints3d"][:, 0, 0], part.persons["track"])
    by_row = whole.select(np.flatnonzero(mask))
    assert people_of(by_row) == people_of(part)
    assert part.person_start.dtype == np.int64


def test_select_of_nothing_keeps_columns_and_types():
    none = table([2, 1]).select(np.array([], dtype=np.int64))
    assert (none.frame_count, none.person_count) == (0, 0)
    assert none.frames["K"].shape == (0, 3, 3)
    assert none.persons["joints3d"].shape == (0, 14, 3)
    assert none.persons["joints3d"].dtype == np.float32


@given(st.lists(COUNTS, min_size=1, max_size=4))
def test_concatenate_undoes_a_cut(parts):
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    whole = table([count for part in parts for count in part])
    joined = concatenate([table(part, start=int(start)) for part, start in zip(parts, starts, strict=False)])
    assert people_of(joined) == people_of(whole)
    np.testing.assert_array_equal(joined.person_start, whole.person_start)
    for name in set(whole.persons) - {"extra"}:
        np.testing.assert_array_equal(joined.persons[name], whole.persons[name])
        assert joined.persons[name].dtype == whole.persons[name].dtype
    np.testing.assert_array_equal(
        joined.sets["body"].columns["joints3d"], whole.sets["body"].columns["joints3d"]
    )


def test_text_of_other_lengths_is_not_cut_off():
    first, second = table([1]), table([1], start=1)
    long = dataclasses.replace(second, frames={**second.frames, "id": np.array(["a_very_long_sequence/0/1"])})
    assert concatenate([first, long]).frames["id"].tolist() == ["s/0/0", "a_very_long_sequence/0/1"]


def test_only_tables_of_a_kind_can_be_joined():
    first = table([1])
    others = [
        dataclasses.replace(first, split="other"),
        dataclasses.replace(first, lens="opencv"),
        dataclasses.replace(first, sets={}),
        dataclasses.replace(first, persons={"track": first.persons["track"]}),
        table([1], skeleton="loco_14"),
    ]
    for other in others:
        with pytest.raises(ShapeError, match="toy/all"):
            concatenate([first, other])


@pytest.mark.parametrize(
    "offsets", [[0, 1], [1, 2, 3], [0, 2, 1], [0, 1, 2, 3]], ids=["short", "not from 0", "falling", "long"]
)
def test_offsets_must_ascend_from_zero(offsets):
    one = table([1, 1])
    with pytest.raises(ShapeError, match="person_start of toy/all"):
        dataclasses.replace(one, person_start=np.array(offsets))


@pytest.mark.parametrize(
    ("name", "column", "fault"),
    [
        ("track", np.zeros(3, dtype=np.int64), "3 rows"),
        ("track", np.zeros(2), "persons/track is float64"),
        ("joints3d", np.zeros((2, 14, 3)), "persons/joints3d is float64"),
        ("joints3d", np.zeros((2, 14, 2), dtype=np.float32), r"f4\[2, 14, 3\]"),
        ("joints3d", np.zeros((2, 42), dtype=np.float32), "joints3d"),
        ("joint_flags", np.zeros((2, 17), dtype=np.uint8), r"\[2, 14\].*joints of mpi_14"),
        ("gender", np.array([b"m", b"f"]), "persons/gender"),
        ("bbox", np.zeros((2, 4), dtype=np.float32), "x y w h"),
    ],
)
def test_a_wrong_column_is_named(name, column, fault):
    one = table([1, 1])
    with pytest.raises(ShapeError, match=fault):
        dataclasses.replace(one, persons={**one.persons, name: column})


def test_joint_sets_and_frames_are_checked_too():
    one = table([1, 1])
    with pytest.raises(ShapeError, match="sets/body/joints3d has 1 rows"):
        dataclasses.replace(one, sets={"body": JointSet("smpl_24", {"joints3d": np.zeros((1, 24, 3), "f4")})})
    with pytest.raises(ShapeError, match="frames/K"):
        dataclasses.replace(one, frames={**one.frames, "K": np.zeros((2, 9))})
    with pytest.raises(ShapeError, match="no column 'id'"):
        dataclasses.replace(one, frames={"index": one.frames["index"]})


def test_flags_and_columns_are_those_of_the_contract():
    assert [flag.value for flag in JointFlag] == [1, 2, 4, 8, 16, 32, 64]
    assert PERSON_COLUMNS["joints3d"].dtype == "f4"
    assert PERSON_COLUMNS["bbox"].dtype == "f8"
    assert FRAME_COLUMNS["distortion"].row == (8,)


def test_further_joint_sets_have_the_joints_of_their_own_skeleton():
    one = table([1, 1])
    joints = np.zeros((2, 14, 3), dtype=np.float32)
    assert dataclasses.replace(one, sets={"other": JointSet("loco_14", {"joints3d": joints})})
    with pytest.raises(ShapeError, match=r"sets/other/joints3d is float32\[2, 14, 3\]") as caught:
        dataclasses.replace(one, sets={"other": JointSet("mpi_17", {"joints3d": joints})})
    assert "[2, 17, 3]" in caught.value.expected
    assert "joints of mpi_17" in caught.value.expected
