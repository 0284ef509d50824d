"""Paired comparison of two results: known differences, calibrated intervals, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from mhbench.cli.main import program
from mhbench.conversion.pipeline import convert
from mhbench.errors import InputError, UsageError
from mhbench.evaluation.comparison import compare_results, p_value
from mhbench.evaluation.options import EvaluationOptions
from mhbench.evaluation.pipeline import evaluate
from mhbench.evaluation.resampling import (
    draw_weights,
    packed,
    part_draws,
    percentile_interval,
    resampled_values,
    unpacked,
)
from mhbench.evaluation.results import read_result
from mhbench.predictions.writing import write_predictions
from mhbench.running.ground_truth import run_ground_truth
from mhbench.scoring.breakdowns import Part
from mhbench.scoring.intervals import Groups, Units, headline
from mhbench.scoring.statistics import Recount, Statistic, ratio
from mhbench.synthetic.raw.panoptic import write
from mhbench.synthetic.scenes import scene

PER_AXIS = {"A": 0.010, "B": 0.014}
MEAN_LENGTH = np.sqrt(8.0 / np.pi)  # of a 3D normal vector with one metre per axis


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    for number in range(2):
        made = scene(frames=12, people=3, motion="walk", seed=number, cameras=("00_16",), fps=3.0)
        write(made, folder / "raw", seed=number, sequence=f"band_{number}", images=False)
    convert("panoptic", folder / "raw", folder / "shards", jobs=1, engine="serial")
    return folder / "shards"


@pytest.fixture(scope="module")
def results(shards, tmp_path_factory):
    """Two models with known noise, as files; C is the noise of B on fewer draws."""
    folder = tmp_path_factory.mktemp("results")
    truth = run_ground_truth(shards)
    paths = {}
    for name, noise in {**PER_AXIS, "C": PER_AXIS["B"]}.items():
        joints = truth.persons["joints3d"]
        moved = joints + np.random.default_rng(len(name)).normal(0.0, noise, joints.shape)
        preds = folder / f"{name}-preds.json"
        write_predictions(replace(truth, model=name, persons={"joints3d": moved}), preds)
        options = EvaluationOptions(bootstrap=100 if name == "C" else 400)
        paths[name] = folder / f"{name}.json"
        paths[name].write_bytes(evaluate(preds, "panoptic/generic", shards, options).result.to_json())
    return paths


def loaded(results):
    return {name: read_result(path) for name, path in results.items()}


def units_of(count, per_unit):
    return Units(np.repeat(np.arange(count), per_unit), np.zeros(count, dtype=np.int64), "sequence")


def mean_of(values):
    parts = np.stack([values, np.ones_like(values)], axis=1)
    return Statistic("mpjpe", "mm", np.arange(len(values)), parts, ratio(1.0))


def one_group(frames):
    return Groups(np.zeros(frames, dtype=np.int64), ("all",))


def test_a_known_difference_is_found_with_its_size(results):
    both = loaded(results)
    comparison = compare_results(both["A"], both["B"])
    one = {metric.metric: metric for metric in comparison.metrics}["mpjpe_abs"]
    true = 1000.0 * (PER_AXIS["B"] - PER_AXIS["A"]) * MEAN_LENGTH
    assert one.difference == pytest.approx(true, rel=0.1)
    assert one.ci95[0] < true < one.ci95[1]
    assert one.p_value < 0.01
    # same draws for both: narrower than the two intervals would have it
    separate = both["B"].metrics["mpjpe_abs"].ci95
    assert one.ci95[1] - one.ci95[0] < 2 * (separate[1] - separate[0])


def test_every_part_has_its_own_interval_and_p(results):
    both = loaded(results)
    parts = compare_results(both["A"], both["B"], by="joint").parts
    true = 1000.0 * (PER_AXIS["B"] - PER_AXIS["A"]) * MEAN_LENGTH
    of_joints = [part for part in parts if part.metric == "mpjpe_abs"]
    assert len(of_joints) > 10
    for part in of_joints:
        assert part.ci95[0] < part.second - part.first < part.ci95[1]
        assert part.p_value < 0.02  # one of 200 draws on either side
    inside = [part.ci95[0] < true < part.ci95[1] for part in of_joints]
    assert np.mean(inside) > 0.75


def test_a_part_that_lies_in_one_drawn_unit_has_no_interval():
    """Twelve sequences are drawn as they are: what lies in one of them does not vary."""
    units, frames = units_of(12, 2), np.arange(24)
    values = np.random.default_rng(2).normal(50.0, 5.0, 24)
    sums = np.zeros((12, 3, 2))
    np.add.at(sums, (units.of_frame, frames % 2), np.stack([values, np.ones(24)], axis=1))
    sums[3, 2] = 7.0, 1.0
    finish = mean_of(values).finish
    parts = [
        Part("side", name, {"m": None}, {"m": (sums[:, place], finish)})
        for place, name in enumerate(("left", "right", "one unit"))
    ]
    weights = draw_weights(units, 30)
    drawn = part_draws(parts, weights)["side"]
    assert set(drawn) == {"left", "right"}
    for draw, row in enumerate(weights.astype(int)):
        chosen = np.repeat(frames, row[units.of_frame])
        for side, name in enumerate(("left", "right")):
            assert drawn[name]["m"][draw] == pytest.approx(values[chosen[chosen % 2 == side]].mean())


def test_a_result_does_not_differ_from_itself(results):
    one = loaded(results)["A"]
    for metric in compare_results(one, one).metrics:
        assert metric.difference == 0.0
        assert metric.ci95 == (0.0, 0.0)
        assert metric.p_value == 1.0


def test_the_intervals_cover_the_true_difference_as_often_as_they_say():
    generator = np.random.default_rng(0)
    units, groups, true, tries = units_of(40, 3), one_group(120), 0.7, 150
    weights = draw_weights(units, 200)
    covered = chance = 0
    for _ in range(tries):
        hard = np.repeat(generator.normal(50.0, 10.0, 40), 3)  # what makes a take hard for both models
        first = hard + generator.normal(0.0, 2.0, 120)
        second = hard + np.repeat(generator.normal(true, 1.0, 40), 3) + generator.normal(0.0, 2.0, 120)
        null = hard + np.repeat(generator.normal(0.0, 1.0, 40), 3) + generator.normal(0.0, 2.0, 120)
        drawn = resampled_values(
            {"a": mean_of(first), "b": mean_of(second), "n": mean_of(null)}, groups, units, weights
        )
        low, high = percentile_interval(drawn["b"] - drawn["a"])
        covered += low <= true <= high
        chance += p_value(drawn["n"] - drawn["a"]) < 0.05
    assert 0.90 <= covered / tries <= 0.99
    assert 0.01 <= chance / tries <= 0.10


@pytest.mark.parametrize("kind", ["all", "groups", "some of none"])
def test_a_draw_is_the_metric_of_the_drawn_units(kind):
    """Every unit written out as often as it was drawn gives the value of the draw."""
    of_frame = {
        "all": np.zeros(24),
        "groups": np.tile([0, 1], 12),
        "some of none": np.tile([0, -1], 12),
    }
    groups = Groups(of_frame[kind].astype(np.int64), ("left", "right") if kind == "groups" else ("all",))
    units = units_of(12, 2)
    values = np.random.default_rng(1).normal(50.0, 5.0, 24)
    weights = draw_weights(units, 20)
    drawn = resampled_values({"m": mean_of(values)}, groups, units, weights)["m"]
    for one, row in zip(drawn, weights.astype(int), strict=True):
        frames = np.repeat(np.arange(24), row[units.of_frame])
        means = [
            values[frames][groups.of_frame[frames] == group].mean() for group in range(len(groups.names))
        ]
        assert one == pytest.approx(np.mean(means))


def test_metrics_that_are_no_sums_are_counted_anew_in_every_draw():
    units, groups = units_of(11, 1), one_group(11)
    values = np.arange(11.0)
    recount = Recount("ap", "%", lambda weights: float((weights * values).sum() / weights.sum()))
    weights = draw_weights(units, 20)
    drawn = resampled_values({"ap": recount, "m": mean_of(values)}, groups, units, weights)
    assert drawn["ap"] == pytest.approx(drawn["m"])
    assert headline(recount, groups) == pytest.approx(5.0)


def test_draws_survive_as_text_and_damage_is_refused():
    units = units_of(10, 1)
    weights = draw_weights(units, 5)
    kept = packed({"m": np.array([1.5, np.nan, 3.0, 4.0, 5.0])}, units, weights)
    assert np.array_equal(unpacked(kept, "m"), [1.5, np.nan, 3.0, 4.0, 5.0], equal_nan=True)
    for damaged in ("@@@", "AAAA"):
        with pytest.raises(InputError):
            unpacked(msgspec.structs.replace(kept, values={"m": damaged}), "m")
    with pytest.raises(InputError):
        unpacked(msgspec.structs.replace(kept, draws=6), "m")
    with pytest.raises(InputError, match="keeps no draws of pck"):
        unpacked(kept, "pck")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"hash": "0" * 64}, "protocol hash"),
        ({"frames_sha256": "0" * 64}, "frames"),
        ({"gt_sha256": "0" * 64}, "ground truth"),
        ({"name": "panoptic/other"}, "panoptic/other"),
        ({"options": {"root": "mid_hip"}}, "mid_hip"),
    ],
)
def test_results_of_different_things_are_refused_by_name(results, change, word):
    one = loaded(results)["A"]
    other = msgspec.structs.replace(one, protocol=msgspec.structs.replace(one.protocol, **change))
    with pytest.raises(UsageError, match=word):
        compare_results(one, other)


def test_other_draws_or_none_leave_the_plain_difference(results):
    both = loaded(results)
    other = compare_results(both["A"], both["C"])
    assert other.metrics[0].difference is not None
    assert other.metrics[0].ci95 is None
    assert "drew other units" in str(other)
    bare = msgspec.structs.replace(both["A"], resampling=None)
    assert "--bootstrap" in str(compare_results(bare, both["B"]))


def test_the_command_prints_both_models_and_every_sequence(results):
    done = CliRunner(catch_exceptions=False).invoke(
        program, ["compare", str(results["A"]), str(results["B"]), "--by", "sequence"]
    )
    assert done.exit_code == 0
    for word in ("mpjpe_abs", "band_0", "band_1", "B is lower in 0 of 2", "paired, 400 draws"):
        assert word in done.output
    with pytest.raises(UsageError, match="no breakdown"):
        compare_results(*list(loaded(results).values())[:2], by="weather")
