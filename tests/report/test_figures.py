"""The figures of reports: what they show, against numbers counted by hand; nothing empty is drawn."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mhbench.evaluation.results import Value
from mhbench.manifests import manifest_names
from mhbench.records import Records
from mhbench.report.body_map import body_map, place_on_body
from mhbench.report.charts import joint_errors, matched_distances, values_by_part
from mhbench.report.curves import (
    THRESHOLDS_MM,
    people_curves,
    precision_recall,
    shares_by_distance,
    shown_errors,
    threshold_curves,
)
from mhbench.report.depth_confusion import depth_confusion, depth_counts, depth_pairs
from mhbench.report.paper_figures import FORMATS, write_figures
from mhbench.report.trends import trend, trends, value_trend
from mhbench.scoring.breakdowns import LIMBS
from mhbench.scoring.scored import Curve
from mhbench.skeletons import skeleton

JOINTS = ("neck", "head_top", "left_wrist", "right_wrist", "left_ankle", "right_ankle")
FRAMES = 40


def people(*, errors=None, occluded=False, seed=0):
    """Two people in even frames, in odd ones a third who is missed, and a false positive in each."""
    generator = np.random.default_rng(seed)
    frame, truth, prediction = [], [], []
    for number in range(FRAMES):
        count = 2 + number % 2
        frame += [number] * (count + 1)
        truth += [*range(count), -1]
        prediction += [*(-1 if one == 2 else one for one in range(count)), 2]
    frame, truth, prediction = map(np.array, (frame, truth, prediction))
    rows, matched = len(frame), (truth >= 0) & (prediction >= 0)
    depth = np.stack([2.0 + truth + 0.01 * frame, 2.0 + truth + 0.01 * frame], axis=1)
    depth[~matched] = np.nan
    values = 50.0 + 20.0 * depth[:, :1] + generator.normal(size=(rows, len(JOINTS)))
    values[~matched] = np.nan
    ids = np.array([f"walk/0/{number:03d}" for number in range(FRAMES)])
    return Records(
        joints=JOINTS,
        frames={"id": ids, "sequence": np.full(FRAMES, "walk"), "index": np.arange(FRAMES)},
        frame=frame,
        truth=truth,
        prediction=prediction,
        track=truth,
        score=np.where(matched, 0.9, 0.2) + 0.001 * frame,
        distance_m=np.where(matched, values.mean(axis=1) / 1000.0, np.nan),
        scored=np.full((rows, len(JOINTS)), fill_value=True),
        present=np.repeat(matched[:, None], len(JOINTS), axis=1),
        occluded=np.full((rows, len(JOINTS)), fill_value=occluded),
        root_depth=depth,
        errors={"mpjpe_abs": values} if errors is None else errors,
        body_errors={},
        rootless=np.full(rows, fill_value=False),
        joint_counts={},
    )


def drawn(figure):
    """The picture as an array; at least some of it must not be white."""
    with Image.open(io.BytesIO(figure.content("png"))) as image:
        pixels = np.asarray(image.convert("L"))
    assert (pixels < 128).mean() > 0.002, figure.name
    return pixels


def lines(figure, axes=0):
    return {str(line.get_label()): line.get_xydata() for line in figure.figure.axes[axes].lines}


def test_the_threshold_curve_counts_joints():
    records = people()
    (curve,) = lines(threshold_curves(records, ["mpjpe_abs"])).values()
    errors = records.errors["mpjpe_abs"][records.matched]
    expected = [100.0 * np.mean(errors < limit) for limit in THRESHOLDS_MM]
    np.testing.assert_allclose(curve[:, 1], expected)
    drawn(threshold_curves(records, ["mpjpe_abs"]))


def test_errors_are_shown_in_the_order_of_the_metrics_and_only_those_that_are_known():
    known = people().errors["mpjpe_abs"]
    records = people(errors={"mpjpe": known, "mpjpe_abs": known, "pmpjpe": np.full_like(known, np.nan)})
    metrics = {name: Value(value=1.0, unit="mm") for name in ("mpjpe_abs", "mpjpe", "pmpjpe")}
    assert shown_errors(records, metrics) == ["mpjpe_abs", "mpjpe"]


def test_precision_and_recall_end_where_the_metrics_stand():
    records = people()
    metrics = {"f1.person@0.5m": Value(value=1.0, unit="%"), "recall.person@0.5m": Value(value=1.0, unit="%")}
    ((name, curve),) = people_curves(records, metrics).items()
    assert name == "person within 0.5 m"
    matched, missed = int(records.matched.sum()), int(records.missed.sum())
    assert curve.recall[-1] == pytest.approx(matched / (matched + missed))
    assert curve.precision[-1] == pytest.approx(matched / (matched + records.false.sum()))
    assert curve.precision[matched - 1] == 1.0  # the false ones have the lower scores
    drawn(precision_recall({name: curve}))
    same = replace(records, score=np.ones(len(records.frame)))
    assert people_curves(same, metrics) == {}
    assert precision_recall({}) is None


def test_a_curve_is_the_running_share():
    curve = Curve.of(np.array([True, False, True]), 4)
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 4, 2 / 4])


def test_shares_by_distance_need_at_least_two_distances():
    one = {"f1.joint@0.4m": Value(value=80.0, unit="%", ci95=(75.0, 84.0))}
    assert shares_by_distance(one) is None
    two = {**one, "f1.joint@0.8m": Value(value=90.0, unit="%"), "mpjpe": Value(value=1.0, unit="mm")}
    drawn(shares_by_distance(two))


def test_a_trend_has_the_means_of_its_bins_and_says_who_is_found():
    records = people()
    code = np.where(records.truth >= 0, records.frame // 10, -1)
    value = records.errors["mpjpe_abs"].mean(axis=1)
    found = trend(records, records.frames, value, np.arange(4.0), code)
    for place in range(4):
        inside = (code == place) & records.matched
        assert found.mean[place] == pytest.approx(value[inside].mean())
        assert found.interval[place, 0] <= found.mean[place] <= found.interval[place, 1]
        assert found.found[place] == pytest.approx(100.0 * inside.sum() / (code == place).sum())
    assert trend(records, records.frames, value, np.arange(2.0), np.where(code < 0, -1, 0)) is None


def test_trends_are_drawn_only_for_what_the_data_know():
    names = [one.name for one in trends(people(), people().frames, "mpjpe_abs")]
    assert names == ["error-by-distance"]  # two numbers of people are no trend, and nobody is occluded
    generator = np.random.default_rng(1)
    records = replace(people(), occluded=generator.random((len(people().frame), len(JOINTS))) < 0.4)
    made = {one.name: one for one in trends(records, records.frames, "mpjpe_abs")}
    assert set(made) == {"error-by-distance", "error-by-occlusion"}
    for one in made.values():
        drawn(one)
    assert (
        trends(replace(people(), root_depth=np.full((len(people().frame), 2), np.nan)), {}, "mpjpe_abs") == []
    )


def test_pairs_of_depth_are_those_of_two_loops():
    records = people(seed=3)
    generator = np.random.default_rng(5)
    depth = np.where(
        np.isfinite(records.root_depth), generator.uniform(1, 5, records.root_depth.shape), np.nan
    )
    records = replace(records, root_depth=depth)
    expected = []
    for frame in range(FRAMES):
        rows = np.flatnonzero((records.frame == frame) & records.matched)
        for i, a in enumerate(rows):
            for b in rows[i + 1 :]:
                far, near = (a, b) if depth[a, 0] >= depth[b, 0] else (b, a)
                expected.append(depth[far] - depth[near])
    found = depth_pairs(records)
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(expected, axis=0))
    assert (found[:, 0] >= 0).all()
    counts = depth_counts(found)
    assert counts.sum() == len(found)
    assert counts[:, 0].sum() == (found[:, 1] < -0.1).sum()
    drawn(depth_confusion(records))


def test_right_depths_lie_on_the_diagonal():
    counts = depth_counts(
        np.array([[0.05, 0.05], [0.2, 0.2], [0.5, 0.5], [2.0, 2.0], [4.0, 4.0], [4.0, -4.0]])
    )
    assert [counts[row, row + 1] for row in range(5)] == [1, 1, 1, 1, 1]
    assert counts[4, 0] == 1
    assert depth_confusion(replace(people(), prediction=np.full(len(people().frame), -1))) is None


def test_every_joint_of_every_skeleton_has_its_own_place_on_the_body():
    names = [name for name in manifest_names("skeletons") if name != "vocabulary"]
    for name in names:
        places = {joint: place_on_body(joint) for joint in skeleton(name).joints}
        if name in {"h36m_32", "mpi_28"}:  # trees of motion capture with ends of fingers and toes
            places = {joint: place for joint, place in places.items() if place}
            assert len(places) > 20
        assert None not in places.values(), (name, places)
    left, right = place_on_body("left_wrist"), place_on_body("right_wrist")
    assert left == (-right[0], right[1])
    assert left[0] > 0  # towards the person's left
    assert place_on_body("tail") is None


def test_a_body_map_names_the_numbers_and_needs_a_body():
    joints = {joint: 10.0 * place + 20.0 for place, joint in enumerate(JOINTS)}
    limbs = dict.fromkeys(LIMBS, 30.0)
    figure = body_map(joints, limbs, "mpjpe", "mm")
    texts = [text.get_text() for axes in figure.figure.axes for text in axes.texts]
    assert {"20", "40", "70"} <= set(texts)
    assert texts.count("30") >= len(LIMBS)
    drawn(figure)
    drawn(body_map(dict.fromkeys(JOINTS, 1.0), {}, "x", "mm"))  # all the same
    drawn(body_map({joint: value - 40.0 for joint, value in joints.items()}, {}, "x", "", around_zero=True))
    only_limbs = body_map({"neck": 1.0, "tail": 2.0}, limbs, "mpjpe", "mm")
    assert [axes.get_title(loc="left") for axes in only_limbs.figure.axes[:-1]] == ["limbs"]
    assert body_map({"neck": 1.0, "tail": 2.0}, {"tail": 1.0}, "mpjpe", "mm") is None


def test_charts_show_the_worst_first():
    records = people()
    figure = joint_errors(records, "mpjpe_abs")
    labels = [label.get_text() for label in figure.figure.axes[0].get_yticklabels()]
    means = np.nanmean(records.errors["mpjpe_abs"], axis=0)
    assert labels == [JOINTS[place].replace("_", " ") for place in np.argsort(-means, kind="stable")]
    drawn(figure)
    drawn(matched_distances(records, 0.5))
    values = {"a": 1.0, "b": 3.0, "c": float("nan")}
    for lower, expected in ((True, ["b", "a"]), (False, ["a", "b"])):
        chart = values_by_part("sequence", values, {"a": (0.5, 1.5)}, "m", "mm", lower_is_better=lower)
        assert [label.get_text() for label in chart.figure.axes[0].get_yticklabels()] == expected
    assert values_by_part("sequence", {"a": 1.0}, {}, "m", "mm", lower_is_better=True) is None


def test_names_of_parts_are_no_formulas():
    names = {r"$\frac{a}{$": 1.0, "x_{^": 2.0, "<b>&": 3.0}
    figure = values_by_part("sequence", names, {}, "m", "mm", lower_is_better=True)
    drawn(figure)
    assert "<b>" not in figure.inline()
    assert r"$\frac{a}{$" in figure.inline()


def test_ordered_parts_lose_the_zeros_they_are_sorted_by():
    figure = value_trend({"02 to 04 m": 1.0, "04 to 08 m": 2.0, "10": 3.0}, "distance", "f1", "%")
    labels = [label.get_text() for label in figure.figure.axes[0].get_xticklabels()]
    assert labels == ["2 to 4 m", "4 to 8 m", "10"]
    assert value_trend({"a": 1.0, "b": 2.0}, "distance", "f1", "%") is None


def test_a_figure_is_written_in_three_forms_and_the_same_twice(tmp_path):
    for folder in ("one", "two"):
        written = write_figures([matched_distances(people(), 0.5)], tmp_path / folder)
        assert [path.suffix[1:] for path in written] == list(FORMATS)
    for path in written:
        assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes()
    assert (tmp_path / "one" / "matched-distances.pdf").read_bytes().startswith(b"%PDF-")


def test_an_inline_figure_takes_the_colours_of_the_page_and_keeps_what_it_refers_to():
    text = threshold_curves(people(), ["mpjpe_abs"]).inline()
    assert text.startswith("<svg ")
    assert "var(--ink)" in text
    assert "#1b1b1b" not in text
    assert "#ffffff" not in text
    wanted = {part.partition('"')[0] for part in text.split('href="#')[1:]}
    wanted |= {part.partition(")")[0] for part in text.split("url(#")[1:]}
    assert wanted
    assert all(f'id="{name}"' in text for name in wanted)
