"""Intervals, groups and breakdowns from additive statistics."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from golden_cases import read_case
from pose_scenes import body, predicted, truth

from mhbench.evaluation.resampling import draw_weights, percentile_interval, resampled_values
from mhbench.protocols.loading import load_protocol
from mhbench.records import join_records
from mhbench.scoring.intervals import (
    Groups,
    Units,
    averaging_groups,
    by_key,
    draw_counts,
    headline,
    resampling_units,
)
from mhbench.scoring.joints import plan_joints
from mhbench.scoring.poses import score_poses
from mhbench.scoring.statistics import Statistic, ratio, statistic

GOLDEN = ["averaging_order"]
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


def interval(measure, groups, units, draws):
    weights = draw_weights(units, draws)
    return percentile_interval(resampled_values({"m": measure}, groups, units, weights)["m"])


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


def test_five_averages_of_the_same_errors(golden):
    arrays, facts = read_case(golden / "metrics_3d", "averaging_order")
    takes = [facts["sequences"][take] for take in arrays["seq_index"]]
    frames = {
        "id": np.arange(len(takes)).astype(np.str_),
        "sequence": np.array(["S{subject}_{action}_{trial}".format(**take) for take in takes]),
        "camera": np.array([str(take["camera"]) for take in takes]),
        "action": np.array([take["action"] for take in takes]),
    }
    parts = np.stack([arrays["errors"], np.ones(len(takes))], axis=1)
    errors = Statistic("mpjpe", "mm", np.arange(len(takes)), parts, ratio(1.0))

    def average(over, columns=frames):
        averaging = msgspec.structs.replace(GENERIC.averaging, over=over)
        rules = msgspec.structs.replace(GENERIC, averaging=averaging)
        return headline(errors, averaging_groups(columns, rules))

    filmed = np.char.add(np.char.add(frames["sequence"], "."), frames["camera"])
    subjects = np.array([str(take["subject"]) for take in takes])
    assert {
        "all_frames__spin_hmr_overall_mmpose": average("persons"),
        "mean_of_sequence_means_per_action_then_actions__hmr_headline": average("actions of takes"),
        "frames_pooled_per_action_then_actions__videopose3d": average("actions"),
        "mean_of_sequence_means": average("sequences", {**frames, "sequence": filmed}),
        "mean_of_subject_means": average("sequences", {**frames, "sequence": subjects}),
    } == pytest.approx(facts["values"], abs=1e-9)


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
    low, high = interval(absolute(records, GENERIC), groups, units, 2000)
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
    first = interval(absolute(records, GENERIC), groups, units, 300)
    assert first == interval(absolute(records, GENERIC), groups, units, 300)


def test_intervals_cover_the_true_value_as_often_as_they_say():
    """Takes of 1 to 5 frames whose people have a mean error of their own; the truth is known by design."""
    generator, takes, tries = np.random.default_rng(8), 40, 200
    finish = {"mean": ratio(1.0), "share": ratio(100.0)}
    covered = dict.fromkeys(finish, 0)
    for _ in range(tries):
        sizes = generator.integers(1, 6, takes)
        unit = np.repeat(np.arange(takes), sizes)
        units, frames = Units(unit, np.zeros(takes, dtype=np.int64), "sequence"), np.arange(len(unit))
        groups = Groups(np.zeros(len(unit), dtype=np.int64), ("all",))
        hard = generator.normal(0.0, 10.0, takes)[unit]
        errors = 60.0 + hard + generator.normal(0.0, 20.0, len(unit))
        found = generator.random(len(unit)) < 0.7 + hard / 100.0
        for name, (values, true) in {"mean": (errors, 60.0), "share": (found, 70.0)}.items():
            parts = np.stack([values, np.ones(len(unit))], axis=1)
            low, high = interval(Statistic(name, "", frames, parts, finish[name]), groups, units, 300)
            covered[name] += low <= true <= high
    # 95 % of 200 tries, within three standard errors of the simulation and the bootstrap's own optimism
    assert all(0.89 <= count / tries <= 0.99 for count in covered.values()), covered
