"""MuPoTS-3D through the evaluator's own way: all modes of the tool, SMAP's depth order, RootNet's AP."""

from __future__ import annotations

import json

import numpy as np
import pytest
from people_tables import prediction_table, scored, truth_table, values

from mhbench.columns import JointFlag
from mhbench.errors import UsageError
from mhbench.frames import JointSet
from mhbench.protocols.loading import load_protocol, with_options

MODES = {
    "all_relative": "mupots/all",
    "matched_relative": "mupots/matched",
    "all_absolute": "mupots/absolute-all",
    "matched_absolute": "mupots/absolute-matched",
}


def metres(rows):
    return (rows / 1000).astype(np.float32)


def shard(cases, name):
    """One sequence as the converter writes it: invalid slots stay, without labels."""
    valid, occlusion = cases[f"{name}_valid"] != 0, cases[f"{name}_occlusion"] != 0
    frames, people = valid.shape
    masked = {
        key: np.where(valid[..., None, None], cases[f"{name}_{key}"], np.nan).reshape(frames * people, 17, -1)
        for key in ("annot2", "annot3", "univ_annot3")
    }
    labelled = np.repeat(valid.reshape(-1, 1), 17, axis=1)
    flags = np.where(labelled, JointFlag.LABELLED_3D | JointFlag.LABELLED_2D, 0)
    flags |= np.where(occlusion.reshape(-1, 17), JointFlag.OCCLUDED, JointFlag.VISIBLE)
    universal = {
        "joints3d": metres(masked["univ_annot3"]),
        "joint_flags": np.where(labelled, JointFlag.LABELLED_3D, 0).astype(np.uint8),
    }
    table = truth_table(
        "mupots",
        "mpi_17",
        list(metres(masked["annot3"]).reshape(frames, people, 17, 3)),
        sequence=name,
        joint_flags=flags.astype(np.uint8),
        joints2d=masked["annot2"].astype(np.float32),
        ignore=(~valid).reshape(-1).astype(np.uint8),
        sets={"universal": JointSet("mpi_17", universal)},
    )
    stop = np.cumsum(cases[f"{name}_pred_count"])
    poses = np.split(cases[f"{name}_pred3d"] / 1000, stop[:-1])
    given = prediction_table(table, "mpi_17", poses, joints2d=cases[f"{name}_pred2d"].astype(np.float64))
    return table, given


@pytest.fixture(scope="module")
def sequences(golden):
    cases = np.load(golden / "metrics_multi" / "mupots_cases.npz")
    return [shard(cases, f"TS{number}") for number in range(1, 21)]


@pytest.fixture(scope="module")
def expected(golden):
    return json.loads((golden / "metrics_multi" / "mupots_expected.json").read_text())


def score(protocol, sequences):
    tables, given = zip(*sequences, strict=True)
    return scored(protocol, list(tables), list(given))


@pytest.mark.parametrize("mode", MODES)
def test_the_mean_over_sequences_is_the_tools(sequences, expected, mode):
    protocol = load_protocol(MODES[mode])
    numbers = values(score(protocol, sequences), protocol)
    suffix = "_abs" if "absolute" in mode else ""
    assert numbers[f"pck{suffix}@150mm"] == pytest.approx(
        expected[mode]["pck150_mean_over_sequences"], abs=1e-9
    )
    assert numbers[f"auc{suffix}@0-150mm"] == pytest.approx(
        expected[mode]["auc_mean_over_sequences"], abs=1e-9
    )


@pytest.mark.parametrize("mode", ["all_relative", "matched_relative"])
def test_visible_and_occluded_joints_are_the_tools(sequences, expected, mode):
    protocol = load_protocol(MODES[mode])
    numbers = values(score(protocol, sequences), protocol)
    for what in ("visible", "occluded"):
        totals = expected[mode][f"{what}_joints"]["pck_fraction_total"]
        assert numbers[f"pck.{what}@150mm"] == pytest.approx(100 * np.mean(totals), abs=1e-9)


@pytest.mark.parametrize("people", ["all", "matched"])
def test_depth_order_is_smaps(sequences, expected, people):
    protocol = with_options(load_protocol("mupots/smap-depth"), {"people": people})
    result = score(protocol, sequences)
    rows = expected[f"smap_ordinal_{people}"]["pairs_per_frame"]
    counts = result.measures["depth_order.smap"].parts
    by_place = {
        (str(sequence), int(index)): counts[row].tolist()
        for row, (sequence, index) in enumerate(
            zip(result.frames["sequence"], result.frames["index"], strict=True)
        )
    }
    for number, frame, pairs, right in rows:
        assert by_place[f"TS{number}", frame] == [right, pairs]


def test_fourteen_joints_are_not_enough(sequences):
    table, _ = sequences[0]
    fewer = prediction_table(table, "mpi_14", [[]] * table.frame_count, joints2d=np.zeros((0, 14, 2)))
    with pytest.raises(UsageError, match="pelvis, spine"):
        scored(load_protocol("mupots/all"), table, fewer)


def test_root_precision_is_rootnets(golden):
    case = json.loads((golden / "metrics_multi" / "misc_cases.json").read_text())["ap_root"]
    images = sorted({one["image_id"] for one in case["gt"]} | {one["image_id"] for one in case["pred"]})
    people = {image: [one for one in case["gt"] if one["image_id"] == image] for image in images}
    found = {image: [one for one in case["pred"] if one["image_id"] == image] for image in images}

    def pose(root):
        joints = np.zeros((17, 3))
        joints[14] = np.array(root) / 1000
        return joints

    table = truth_table(
        "mupots",
        "mpi_17",
        [[pose(one["root_cam_mm"]) for one in people[image]] for image in images],
        ignore=np.array([1 - one["is_valid"] for image in images for one in people[image]], dtype=np.uint8),
    )
    given = prediction_table(
        table,
        "mpi_17",
        [[pose(one["root_cam"]) for one in found[image]] for image in images],
        scores=[one["score"] for image in images for one in found[image]],
    )
    protocol = load_protocol("mupots/root-ap")
    assert values(scored(protocol, table, given), protocol)["root_ap25"] == pytest.approx(
        100 * case["ap_root_by_threshold_mm"]["250"], abs=1e-9
    )
