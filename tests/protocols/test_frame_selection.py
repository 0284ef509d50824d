"""Which frames and people a protocol is about, on tables written out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from people_tables import changed, truth_table

from mhbench.errors import InputError
from mhbench.protocols.frame_selection import as_one_view, counted_people, expected_frames
from mhbench.protocols.loading import load_protocol, with_options

LOCO1, LOCO2 = load_protocol("human36m/loco-p1"), load_protocol("human36m/loco-p2")
PAPER = load_protocol("human36m/lifting")


def take(sequence, camera, count, *, subaction=1, **more):
    columns = {
        "subject": np.full(count, sequence.partition("_")[0]),
        "subaction": np.full(count, subaction, dtype=np.uint8),
    }
    people = [[np.zeros((32, 3))]] * count
    return truth_table(
        "human36m", "h36m_32", people, sequence=sequence, camera=camera, frame_columns=columns, **more
    )


def indices(protocol, table, lists=None):
    return table.frames["index"][expected_frames(protocol, table, lists)].tolist()


def test_strides_subjects_and_cameras():
    assert indices(LOCO1, take("S11_Walking", "55011271", 130)) == [0, 64, 128]
    assert indices(LOCO1, take("S9_Walking", "55011271", 130)) == []
    assert indices(LOCO1, take("S11_Walking", "54138969", 130)) == []
    other = with_options(LOCO1, {"camera": "58860488"})
    assert indices(other, take("S11_Walking", "58860488", 65)) == [0, 64]


def test_strides_refer_to_raw_indices():
    table = take("S11_Walking", "55011271", 3, indices=[63, 64, 65])
    assert indices(LOCO1, table) == [64]


@pytest.mark.parametrize(
    ("value", "views"), [("view", [False, True]), ("take", [False, False]), ("none", [True, True])]
)
def test_what_is_left_out_of_the_corrupt_take(value, views):
    protocol = with_options(LOCO2, {"drop_corrupt": value})
    tables = [take("S11_Directions", camera, 3) for camera in ("54138969", "55011271")]
    assert [bool(expected_frames(protocol, table).all()) for table in tables] == views


def test_lifters_leave_out_the_whole_take():
    assert not expected_frames(PAPER, take("S11_Directions", "55011271", 3)).any()
    assert expected_frames(PAPER, take("S11_Directions_1", "55011271", 3)).all()


def test_columns_must_have_their_value():
    hmr = load_protocol("human36m/hmr-p2")
    assert indices(hmr, take("S9_Posing", "60457274", 6, subaction=1)) == [0, 5]
    assert indices(hmr, take("S9_Posing", "60457274", 6, subaction=2)) == []


def test_a_column_that_is_missing_is_told():
    table = truth_table("mpi_inf_3dhp", "mpi_17", [[np.zeros((17, 3))]], split="test")
    with pytest.raises(InputError, match="valid_frame"):
        expected_frames(load_protocol("mpi_inf_3dhp/test"), table)


@pytest.mark.parametrize(
    ("dataset", "split"), [("mpi_inf_3dhp", "test"), ("mupots", "all"), ("3dpw", "test"), ("jta", "test")]
)
def test_generic_protocols_expect_every_frame_of_their_split(dataset, split):
    unlabelled = {"valid_frame": np.zeros(2, dtype=np.uint8)}
    people = {"ignore": np.ones(1, dtype=np.uint8)}
    frames = [[np.full((17, 3), np.nan)], []]
    table = truth_table(dataset, "mpi_17", frames, split=split, frame_columns=unlabelled, **people)
    protocol = load_protocol(f"{dataset}/generic")
    assert expected_frames(protocol, table).all()
    assert not expected_frames(protocol, replace(table, split="train")).any()


@pytest.mark.parametrize(
    ("pixel", "inside"),
    [((0.0, 0.0), True), ((-0.1, 5.0), False), ((1919.9, 5.0), True), ((1920.0, 5.0), False)],
)
def test_spins_frames_have_every_joint_inside(pixel, inside):
    pixels = np.full((1, 17, 2), 500.0, dtype=np.float32)
    pixels[0, 3] = pixel
    columns = {"valid_frame": np.ones(1, dtype=np.uint8)}
    table = truth_table(
        "mpi_inf_3dhp", "mpi_17", [[np.zeros((17, 3))]], split="test", frame_columns=columns, joints2d=pixels
    )
    assert expected_frames(load_protocol("mpi_inf_3dhp/spin"), table).tolist() == [inside]
    assert expected_frames(load_protocol("mpi_inf_3dhp/test"), table).all()


def test_frames_without_a_valid_person_are_skipped():
    people = [[np.zeros((17, 3))] * 2, [np.zeros((17, 3))], []]
    table = truth_table("mupots", "mpi_17", people, ignore=np.array([1, 0, 1], dtype=np.uint8))
    assert expected_frames(load_protocol("mupots/all"), table).tolist() == [True, False, False]
    assert counted_people(load_protocol("mupots/all"), table).tolist() == [False, True, False]


def test_subsets_of_3dpw_are_columns():
    people = [[np.zeros((24, 3))]] * 2
    valid = np.ones(2, dtype=np.uint8)
    marks = {"campose_valid": valid, "poses2d_given": valid}
    columns = {"subset_pc": np.array([1, 0], dtype=np.uint8)}
    table = truth_table("3dpw", "smpl_24", people, split="train", frame_columns=columns, **marks)
    assert expected_frames(load_protocol("3dpw/pc"), table).tolist() == [True, False]
    assert not expected_frames(load_protocol("3dpw/spin"), table).any()


def test_user_lists_hold_for_their_sequences_only():
    table = take("S11_Walking", "55011271", 130)
    assert indices(LOCO1, table, {"S11_Walking": (0, 64, 65)}) == [0, 64]
    assert indices(LOCO1, table, {"S11_Eating": (0,)}) == []


def test_whole_windows_of_each_track_are_scored_and_asking_again_changes_nothing():
    """Track 0 is seen in 35 frames and track 1 in 20 of them: two windows of 16, and one."""
    people = [[np.zeros((24, 3))] * (2 if 10 <= frame < 30 else 1) for frame in range(35)]
    track = np.concatenate([np.arange(len(frame)) for frame in people])
    seen = np.full((len(track), 18), 0.9)
    seen[:2] = 0.1  # the first two frames are not of the database
    skeletons = {"poses2d_confidence": seen, "track": track}
    table = truth_table("3dpw", "smpl_24", people, split="test", **skeletons)
    whole = load_protocol("3dpw/vibe")
    windows = with_options(whole, {"frames": "windows"})
    assert counted_people(whole, table).sum() == 33 + 20
    counted = counted_people(windows, table)
    assert table.frame_of_person[counted & (track == 0)].tolist() == list(range(2, 34))
    assert table.frame_of_person[counted & (track == 1)].tolist() == list(range(10, 26))
    chosen = table.select(expected_frames(windows, table))
    assert counted_people(windows, chosen).sum() == counted.sum()
    assert indices(windows, chosen) == list(range(2, 34))


def test_jta_counts_from_one():
    table = truth_table("jta", "jta_22", [[]] * 21, split="test", indices=range(1, 22))
    assert indices(load_protocol("jta/test"), table) == [10, 20]


def test_all_cameras_are_one_view():
    voxelpose = load_protocol("panoptic/voxelpose")
    people = [[np.zeros((19, 3))]] * 25
    numbers = np.arange(25) * 2 + 101
    for camera, count in (("00_03", 25), ("00_06", 0)):
        table = truth_table(
            "panoptic", "panoptic_19", people, sequence="160906_ian5", camera=camera, indices=numbers
        )
        view = as_one_view(table, voxelpose)
        assert view.frame_count == count
    first = truth_table(
        "panoptic", "panoptic_19", people, sequence="160906_ian5", camera="00_03", indices=numbers
    )
    view = as_one_view(first, voxelpose)
    wanted = view.frames["id"][expected_frames(voxelpose, view)]
    # every 12th of the sorted files, whatever their numbers
    assert wanted.tolist() == [f"160906_ian5/world/{101 + 24 * step:08d}" for step in range(3)]
    plain = changed(voxelpose, frames={"world": False})
    assert indices(plain, first) == []
