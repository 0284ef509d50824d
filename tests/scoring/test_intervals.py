"""Intervals, groups and breakdowns from additive statistics."""

from __future__ import annotations

import numpy as np
import pytest
from pose_scenes import body, predicted, truth

from mhbench.protocols.loading import load_protocol
from mhbench.records import join_records
from mhbench.scoring.intervals import (
    averaging_groups,
    by_key,
    draw_counts,
    headline,
    intervals,
    resampling_units,
)
from mhbench.scoring.joints import plan_joints
from mhbench.scoring.poses import score_poses
from mhbench.scoring.statistics import statistic

GENERIC = load_protocol("panoptic/generic")
LOCO = load_protocol("panoptic/zanfir-loco")


def shifted(sequence, offsets_mm, protocol):
    """Records of one person per frame, shifted by so many millimetres."""
    table = truth([[body(0.0)] for _ in offsets_mm], sequence=sequence)
    given = predicted([[body(0.0) + (0.001 * offset, 0.0, 0.0)] for offset in offsets_mm], table)
    plan = plan_joints(protocol, table.skeleton, given.skeleton)
    return score_poses(table, given, np.arange(table.frame_count), protocol, plan)


def absolute(records, protocol):
    return statistic(next(rule for rule in protocol.metric if rule.name == "mpjpe_abs"), records, protocol)


def test_groups_are_averaged_plainly_and_people_pooled_inside():
    records = join_records(
        [
            shifted("160422_haggling1", [10, 20, 30], LOCO),
            shifted("160906_pizza1", [100], LOCO),
        ]
    )
    groups = averaging_groups(records.frames, LOCO)
    # haggling 20, pizza 100; mafia and ultimatum have no frames and take no part
    assert headline(absolute(records, LOCO), groups) == pytest.approx(60.0)
    assert headline(absolute(records, GENERIC), averaging_groups(records.frames, GENERIC)) == pytest.approx(
        40.0
    )


def test_breakdown_by_sequence():
    records = join_records([shifted("a", [10, 30], GENERIC), shifted("b", [50], GENERIC)])
    table = by_key(absolute(records, GENERIC), records.frames["sequence"])
    assert table == pytest.approx({"a": 20.0, "b": 50.0})


def test_few_sequences_are_resampled_by_blocks_of_moments():
    records = join_records([shifted("a", list(range(50)), GENERIC), shifted("b", [1, 2, 3], GENERIC)])
    units = resampling_units(records.frames, GENERIC)
    assert units.kind == "block"
    assert len(units.stratum) == 20 + 3
    assert np.all(np.diff(units.of_frame[:50]) >= 0)


def test_ten_sequences_are_resampled_as_sequences():
    records = join_records([shifted(f"s{number}", [number], GENERIC) for number in range(10)])
    units = resampling_units(records.frames, GENERIC)
    assert (units.kind, len(units.stratum)) == ("sequence", 10)


def test_interval_of_a_mean_agrees_with_the_textbook():
    generator = np.random.default_rng(3)
    offsets = generator.uniform(10, 50, size=200)
    records = join_records([shifted(f"s{n:03d}", [offset], GENERIC) for n, offset in enumerate(offsets)])
    groups, units = averaging_groups(records.frames, GENERIC), resampling_units(records.frames, GENERIC)
    low, high = intervals({"e": absolute(records, GENERIC)}, groups, units, 2000)["e"]
    spread = 1.96 * offsets.std() / np.sqrt(len(offsets))
    assert low == pytest.approx(offsets.mean() - spread, abs=0.3)
    assert high == pytest.approx(offsets.mean() + spread, abs=0.3)


def test_every_stratum_keeps_its_number_of_units():
    stratum = np.array([0, 0, 0, 1, 2, 2])
    counts = draw_counts(stratum, 50, np.random.default_rng(0))
    for one, size in ((0, 3), (1, 1), (2, 2)):
        assert np.all(counts[:, stratum == one].sum(axis=1) == size)


def test_the_same_records_give_the_same_interval():
    records = shifted("a", [10, 20, 60], GENERIC)
    groups, units = averaging_groups(records.frames, GENERIC), resampling_units(records.frames, GENERIC)
    first = intervals({"e": absolute(records, GENERIC)}, groups, units, 300)
    assert first == intervals({"e": absolute(records, GENERIC)}, groups, units, 300)
