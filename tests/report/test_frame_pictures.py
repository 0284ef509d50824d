"""What a picture of a frame must not do: bend metres, mix up people, hide a name, draw what has no place."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from people_tables import prediction_table, truth_table

from mhbench.report.frame_picture import draw_frame
from mhbench.report.overlays import overlay_of
from mhbench.report.people_lines import COLOURS, Name, draw_person, person_colour, write_names
from mhbench.report.sheets import arrange
from mhbench.report.style import INK
from mhbench.skeletons import skeleton

K = np.array([[1000.0, 0.0, 960.0], [0.0, 1000.0, 540.0], [0.0, 0.0, 1.0]])
SKELETON = skeleton("panoptic_19")


def people(*places):
    """A crowd of the same person at (x, y, z) m."""
    body = np.random.default_rng(0).uniform(-0.4, 0.4, (len(SKELETON), 3))
    return [body + place for place in places]


def frame_of(bodies, **more):
    joints = np.array(bodies).reshape(-1, len(SKELETON), 3)
    pixels = joints[..., :2] / joints[..., 2:] * 1000.0 + (960.0, 540.0)
    return truth_table(
        "panoptic", SKELETON.name, [bodies], joints2d=np.float32(pixels), frame_columns={"K": K[None]}, **more
    )


def panels(figure):
    return {axes.get_title(loc="left").partition(",")[0].partition(";")[0]: axes for axes in figure.axes}


@pytest.mark.parametrize(
    "places", [[(0, 0, 3)], [(-4, 0, 3), (2, 1, 30)], [(0.0, 0.0, 2000.0), (300.0, 0, 1500)]]
)
def test_a_metre_is_as_long_across_as_upwards(places):
    drawn = panels(draw_frame(frame_of(people(*places))))
    for name in ("3D", "from above"):
        box = drawn[name].bbox
        (left, right), (bottom, top) = drawn[name].get_xlim(), drawn[name].get_ylim()
        assert (right - left) / box.width == pytest.approx((top - bottom) / box.height, rel=1e-9), name
        lines = [one for one in drawn[name].collections if isinstance(one, LineCollection)]
        drawn_points = np.concatenate([path for one in lines for path in one.get_segments()])
        assert drawn_points[:, 0].min() >= left, name
        assert drawn_points[:, 0].max() <= right, name


def test_the_left_side_is_darker_in_the_persons_colour():
    axes = Figure().add_subplot()
    draw_person(axes, people((0, 0, 3))[0][:, :2], SKELETON.name, person_colour(1))
    colours = axes.collections[1].get_colors()[:, :3]
    lefts = {SKELETON.joints[first] for first, _ in SKELETON.pairs}
    expected = [
        np.array(to_rgb(person_colour(1)))
        * (0.55 if {SKELETON.joints[a], SKELETON.joints[b]} & lefts and not _right(a, b) else 1.0)
        for a, b in SKELETON.limbs
    ]
    np.testing.assert_allclose(colours, expected)


def _right(a, b):
    rights = {second for _, second in SKELETON.pairs}
    return bool({a, b} & rights)


def test_nobody_has_the_colour_of_predictions_and_neighbours_differ():
    assert INK not in COLOURS
    assert "#000000" not in COLOURS
    for first, second in itertools.combinations(range(len(COLOURS)), 2):
        assert person_colour(first) != person_colour(second)


@settings(max_examples=30)
@given(places=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.5)), max_size=12))
def test_names_never_stand_on_each_other(places):
    axes = Figure(figsize=(5, 5)).add_axes((0, 0, 1, 1))
    write_names(axes, [Name("1234567", place, "#000000") for place in places])
    assert bool(axes.texts) == bool(places)
    boxes = [(x, y) for x, y in (text.xy for text in axes.texts)]
    assert all(0 <= y <= 360 - 12 for _, y in boxes)
    for (x, y), (other_x, other_y) in itertools.combinations(boxes, 2):
        assert abs(x - other_x) >= 36.0 or abs(y - other_y) >= 11.9


def test_what_has_no_place_in_the_camera_is_drawn_in_the_image_alone():
    table = frame_of(people((0, 0, 3), (1, 0, 4)))
    relative = [body - body[:1] for body in people((0, 0, 3), (1, 0, 4))]
    pixels = table.persons["joints2d"].astype(np.float64)
    given = prediction_table(table, SKELETON.name, [relative], space="root", joints2d=pixels)
    overlay = overlay_of(table, given, 0)
    assert np.isnan(overlay.joints3d).all()
    np.testing.assert_array_equal(overlay.joints2d, pixels)
    assert "space root" in overlay.note
    alone = overlay_of(table, prediction_table(table, SKELETON.name, [relative], space="root"), 0)
    assert np.isnan(alone.joints2d).all()


def test_a_frame_that_is_not_predicted_says_so():
    table = frame_of(people((0, 0, 3)))
    overlay = overlay_of(table, prediction_table(table, SKELETON.name, [[]]), -1)
    words = {axes.get_title(loc="left") for axes in draw_frame(table, overlay=overlay).axes}
    assert "1 person, the predictions do not have this frame; 1920 x 1080 px" in words


@given(
    aspect=st.floats(0.3, 4.0),
    spatial=st.booleans(),
    heatmaps=st.booleans(),
)
def test_panels_stay_on_the_sheet_and_apart(aspect, spatial, heatmaps):
    sheet = arrange(aspect, spatial=spatial, heatmaps=heatmaps)
    assert sheet.places["picture"].width / sheet.places["picture"].height == pytest.approx(aspect)
    for place in sheet.places.values():
        assert 0 <= place.left <= place.left + place.width <= sheet.width
        assert 0 <= place.top <= place.top + place.height <= sheet.height
        assert min(place.width, place.height) > 0.5
    for one, other in itertools.combinations(sheet.places.values(), 2):
        beside = one.left + one.width <= other.left or other.left + other.width <= one.left
        assert beside or one.top + one.height <= other.top or other.top + other.height <= one.top


def test_nobody_at_all_is_a_picture_too():
    assert len(draw_frame(frame_of([])).axes) == 3
    nowhere = [np.full((len(SKELETON), 3), np.nan)]
    assert len(draw_frame(frame_of(nowhere)).axes) == 3


@pytest.mark.parametrize("far", [np.inf, 1e300, 1e12, 4e4, -5.0])
def test_predictions_of_no_place_spoil_no_picture(far, tmp_path):
    table = frame_of(people((0, 0, 3)))
    guess = people((0, 0, 3), (0, 0, 3))
    guess[0][:3] = far
    guess[1] += far
    given = prediction_table(table, SKELETON.name, [[]])
    given = replace(
        given, person_start=np.array([0, 2]), persons={"joints3d": np.array(guess), "score": np.ones(2)}
    )
    with np.errstate(all="ignore"):
        figure = draw_frame(table, overlay=overlay_of(table, given, 0))
    figure.savefig(tmp_path / "a.png")
