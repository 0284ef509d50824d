"""Every part of the data a result is broken down by, against cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pose_scenes import PANOPTIC, body, predicted, truth

from mhbench.columns import JointFlag
from mhbench.errors import UsageError
from mhbench.evaluation.breakdown_tables import breakdown_table
from mhbench.protocols.loading import load_protocol
from mhbench.scoring import pose_protocols
from mhbench.scoring.breakdowns import LIMBS, breakdowns
from mhbench.scoring.scored import Choices
from mhbench.skeletons import skeleton, skeleton_names

GENERIC = load_protocol("panoptic/generic")


def parts(table, given):
    rows = np.arange(table.frame_count)
    scored = pose_protocols.summarise(
        [pose_protocols.score(table, given, rows, GENERIC, Choices())], given, GENERIC
    )
    found = {}
    for part in breakdowns(scored):
        found.setdefault(part.by, {})[part.key] = part.metrics
    return found


@pytest.fixture
def near_and_far():
    """One person at 3 m off by 10 mm, one at 10 m off by 50 mm, in the same frame."""
    people = [body(0.0, 3.0), body(2.0, 10.0, seed=1)]
    table = truth([people])
    return table, [people[0] + (0.01, 0, 0), people[1] + (0.05, 0, 0)]


def test_distance_separates_near_from_far(near_and_far):
    table, given = near_and_far
    found = parts(table, predicted([given], table))["distance"]
    assert found["02 to 04 m"]["mpjpe_abs"] == pytest.approx(10.0, rel=1e-4)
    assert found["08 to 16 m"]["mpjpe_abs"] == pytest.approx(50.0, rel=1e-4)


def test_a_missed_person_lowers_the_recall_of_its_distance(near_and_far):
    table, given = near_and_far
    found = parts(table, predicted([given[:1]], table))["distance"]
    assert found["02 to 04 m"]["recall.person@0.5m"] == 100.0
    assert found["08 to 16 m"]["recall.person@0.5m"] == 0.0


def test_number_of_people_counts_true_people():
    table = truth([[body(0.0)], [body(0.0), body(2.0, seed=1), body(4.0, seed=2)]])
    found = parts(table, predicted([[body(0.0)], []], table))["people"]
    assert set(found) == {"00 to 01", "03 to 05"}
    assert found["03 to 05"]["recall.person@0.5m"] == 0.0


def test_occlusion_and_truncation_are_read_from_the_flags(near_and_far):
    table, given = near_and_far
    table.persons["joint_flags"][0] |= int(JointFlag.OCCLUDED)
    table.persons["joint_flags"][1, :12] |= int(JointFlag.OUT_OF_IMAGE)
    found = parts(table, predicted([given], table))
    assert found["occlusion"]["more than half hidden"]["mpjpe_abs"] == pytest.approx(10.0, rel=1e-4)
    assert found["truncation"]["fewer than half scored"]["mpjpe_abs"] == pytest.approx(50.0, rel=1e-4)


def test_limbs_pool_their_joints(near_and_far):
    table, given = near_and_far
    arm = list(skeleton(PANOPTIC).indices(("left_shoulder", "left_elbow", "left_wrist")))
    given[0] = body(0.0, 3.0)
    given[0][arm] += (0.03, 0, 0)
    found = parts(table, predicted([given[:1]], table))
    assert found["limb"]["left arm"]["mpjpe_abs"] == pytest.approx(30.0, rel=1e-4)
    assert found["limb"]["right leg"]["mpjpe_abs"] == pytest.approx(0.0, abs=1e-3)
    assert set(found["limb"]) == set(LIMBS)


@pytest.mark.parametrize("name", skeleton_names())
def test_nearly_every_joint_of_every_skeleton_belongs_to_one_limb(name):
    from mhbench.scoring.breakdowns import _belongs

    for joint in skeleton(name).joints:
        assert sum(_belongs(joint, words) for words in LIMBS.values()) <= 1, joint


def test_tables_are_asked_for_by_name(near_and_far):
    table, given = near_and_far
    rows = np.arange(table.frame_count)
    scored = pose_protocols.summarise(
        [pose_protocols.score(table, predicted([given], table), rows, GENERIC, Choices())],
        predicted([given], table),
        GENERIC,
    )

    class Result:
        breakdown = breakdowns(scored)
        metrics = scored.measures

    text = breakdown_table(Result(), "distance")
    assert text.splitlines()[1].split()[:4] == ["2", "to", "4", "m"]
    assert max(len(line) for line in text.splitlines()) <= 80
    with pytest.raises(UsageError) as caught:
        breakdown_table(Result(), "weather")
    assert "distance" in caught.value.expected
