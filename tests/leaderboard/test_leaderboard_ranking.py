"""Ranks: ties where the paired test finds no difference, else where intervals overlap; who is kept apart."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from leaderboard_results import made_result

from mhbench.evaluation.comparison import compare_results
from mhbench.evaluation.directions import family, lower_is_better
from mhbench.leaderboard.entries import Board, Entry, Facts
from mhbench.leaderboard.ranking import better_than, is_ranked, ranks
from mhbench.leaderboard.rows import Cell, Row, published_board_rows, verified_row
from mhbench.protocols.loading import load_protocol


def row(result, **facts):
    entry = Entry(name=result.model, facts=Facts(added="2026-01-02", **facts), result=result)
    return verified_row(entry, load_protocol(result.protocol.name))


def printed(value, metric="mpjpe_abs", standing="ranked"):
    cell = Cell(value, "mm", f"{value:g}")
    return Row(
        key="p", model="p", source="published", training=("coco",), cells={metric: cell}, standing=standing
    )


def test_paired_results_are_told_apart_though_their_intervals_overlap():
    rows = [row(made_result(name, level)) for name, level in (("a", 100.0), ("b", 103.0), ("c", 103.1))]
    assert rows[0].cells["mpjpe_abs"].ci95[1] > rows[1].cells["mpjpe_abs"].ci95[0]
    assert ranks(rows, "mpjpe_abs") == [1, 2, 2]


def test_unpaired_results_with_overlapping_intervals_share_a_rank():
    results = [made_result(name, level) for name, level in (("a", 100.0), ("b", 103.0), ("c", 140.0))]
    other = [
        msgspec.structs.replace(
            result, resampling=msgspec.structs.replace(result.resampling, sha256=str(number) * 64)
        )
        for number, result in enumerate(results)
    ]
    assert ranks([row(result) for result in other], "mpjpe_abs") == [1, 1, 3]


def test_shares_rank_downwards_and_printed_points_against_intervals():
    rows = [row(made_result("a", 100.0)), row(made_result("b", 140.0)), printed(101.0), printed(90.0)]
    assert ranks(rows, "mpjpe_abs") == [2, 4, 2, 1]
    assert ranks(rows[:2], "pck@150mm") == [1, 2]
    assert ranks(rows, "pck@150mm") == [1, 2, None, None]
    assert ranks([], "mpjpe") == []


@pytest.mark.parametrize("metric", ["mpjpe_abs", "pck@150mm"])
def test_the_paired_test_is_the_one_of_compare(metric):
    generator = np.random.default_rng(1)
    results = [made_result(f"m{number}", 100.0 + 3.0 * generator.normal(), own=2.0) for number in range(12)]
    better = better_than([row(result) for result in results], metric)
    for i, first in enumerate(results):
        for j, second in enumerate(results):
            (found,) = (one for one in compare_results(first, second).metrics if one.metric == metric)
            worse = found.difference > 0 if lower_is_better(metric) else found.difference < 0
            assert better[i, j] == (found.p_value < 0.05 and worse), (i, j)
    assert 0 < better.sum() < 66


def test_rows_kept_apart_are_not_ranked():
    broken = made_result("broken", 10.0, trained_on=("panoptic",), reasons=["trained on panoptic"])
    rows = [row(made_result("a")), row(broken), printed(1.0, standing="not comparable")]
    assert rows[1].standing == "not comparable"  # panoptic/generic forbids nothing; the reason counts
    assert ranks(rows, "mpjpe_abs") == [1, None, None]


def test_a_training_rule_is_told_from_other_reasons():
    protocol = load_protocol("panoptic/generic")
    rule = msgspec.structs.replace(protocol.training, forbidden=("panoptic",))
    strict = msgspec.structs.replace(protocol, training=rule)
    result = made_result("x", trained_on=("panoptic", "coco"), reasons=["trained on panoptic"])
    entry = Entry(name="x", facts=Facts(added="2026-01-02"), result=result)
    assert verified_row(entry, strict).standing == "training rule broken"


def test_with_null_joints_only_what_counts_them_as_wrong_is_ranked():
    one = row(made_result("a", coverage=0.9))
    assert not is_ranked(one, "mpjpe_abs")
    assert is_ranked(one, "pck@150mm")


def test_published_rows_carry_paper_year_training_and_why_they_are_apart():
    rows = published_board_rows("panoptic/zanfir-loco", None, None)
    (best,) = [one for one in rows if one.model == "LoCO(2)+" and "mpjpe_abs" in one.cells]
    assert best.source == "published"
    assert best.year == 2020
    assert best.training == ("panoptic",)
    assert best.parts["mpjpe_abs", "haggling"].unit == "mm"
    assert len({one.key for one in rows}) == len(rows)
    board = Board.of(made_result(), own_data="synthetic")
    apart = published_board_rows("panoptic/zanfir-loco", None, board)
    assert {one.standing for one in apart} == {"not comparable"}
    assert all("official data" in one.reasons[-1] for one in apart)


@pytest.mark.parametrize(
    ("metric", "lower"),
    [
        ("mpjpe", True),
        ("pmpjpe", True),
        ("accel", True),
        ("mpjae", True),
        ("collisions.litres", True),
        ("nmve", True),
        ("surface_error", True),
        ("pck.visible@150mm", False),
        ("auc@0-150mm", False),
        ("f1.person@0.5m", False),
        ("ap_easy", False),
        ("depth_order@0.1m", False),
        ("voxel_iou", False),
        ("silhouette_acc", False),
        ("pcdr@0.2m", False),
        ("root_ap25", False),
    ],
)
def test_the_direction_of_every_family(metric, lower):
    assert lower_is_better(metric) is lower
    assert family(metric) in metric
