from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.errors import ShapeError
from mhbench.heatmaps import Grid, HeatmapBuffer, locate, render, render_sparse


def small(channels=2, sigma=2.0, bins=20, rows=14, columns=17):
    joints = tuple(f"joint{number}" for number in range(channels))
    return Grid(
        joints, depth_bins=bins, depth_min=0, depth_max=1, height=rows * 8, width=columns * 8, sigma=sigma
    )


def formula(grid, centres):
    """The definition over the whole volume: float32 of the float64 exponential, cut, the largest value."""
    volume = np.zeros(grid.shape, dtype=np.float32)
    axes = np.ogrid[: grid.depth_bins, : grid.rows, : grid.columns]
    side = int(5 * grid.sigma)
    radius = (side if side % 2 else side + 1) // 2
    for channel, *centre in np.asarray(centres).tolist():
        steps = [axis - place for axis, place in zip(axes, centre, strict=True)]
        squares = sum(step.astype(np.float64) ** 2 for step in steps)
        dz, dy, dx = (np.abs(step) <= radius for step in steps)
        values = np.where(dz & dy & dx, np.exp(-squares / grid.sigma**2), 0).astype(np.float32)
        volume[channel] = np.maximum(volume[channel], values)
    return volume


def centre_lists(channels=2):
    # well beyond every side of the grid of `small`
    row = st.tuples(
        st.integers(0, channels - 1), st.integers(-9, 29), st.integers(-9, 23), st.integers(-9, 26)
    )
    return st.lists(row, max_size=9).map(lambda rows: np.array(rows, dtype=np.int16).reshape(-1, 4))


@given(centre_lists(), st.sampled_from([0.5, 1.0, 2.0, 3.0, 1.41421]))
def test_rendering_is_the_formula_bit_for_bit(centres, sigma):
    grid = small(sigma=sigma)
    volume = render(grid, centres)
    assert volume.dtype == np.float32
    assert volume.tobytes() == formula(grid, centres).tobytes()


@given(centre_lists(), st.sampled_from([1.0, 2.0, 4.0]))
def test_the_sparse_form_lists_the_voxels_that_are_not_zero(centres, sigma):
    grid = small(sigma=sigma)
    index, values = render_sparse(grid, centres)
    flat = render(grid, centres).reshape(-1)
    assert np.array_equal(index, np.flatnonzero(flat))
    assert np.array_equal(values, flat[index])
    assert (index.dtype, values.dtype) == (np.int32, np.float32)


@given(st.lists(centre_lists(), min_size=1, max_size=5))
def test_a_reused_buffer_holds_nothing_of_earlier_frames(frames):
    grid = small()
    buffer = HeatmapBuffer(grid)
    for centres in frames:
        assert np.array_equal(buffer.render(centres), render(grid, centres))


def test_a_buffer_does_not_depend_on_what_becomes_of_its_input():
    grid = small()
    buffer = HeatmapBuffer(grid)
    centres = np.array([[0, 5, 5, 5]], dtype=np.int16)
    buffer.render(centres)
    centres[:] = [[0, 15, 9, 9]]
    assert np.array_equal(buffer.render(centres), render(grid, centres))


def test_a_buffer_can_use_the_memory_it_is_given():
    grid = small()
    volume = np.zeros(grid.shape, dtype=np.float32)
    assert HeatmapBuffer(grid, volume).render(np.array([[1, 5, 5, 5]], dtype=np.int16)) is volume
    assert volume[1, 5, 5, 5] == 1


def test_out_is_overwritten_as_a_whole():
    grid = small()
    out = np.full(grid.shape, 7, dtype=np.float32)
    centres = np.array([[1, 5, 5, 5]], dtype=np.int16)
    assert render(grid, centres, out) is out
    assert np.array_equal(out, render(grid, centres))


@given(centre_lists())
def test_the_order_of_people_does_not_matter_and_duplicates_add_nothing(centres):
    grid = small()
    twice = np.concatenate([centres[::-1], centres])
    assert np.array_equal(render(grid, twice), render(grid, centres))


@pytest.mark.parametrize(
    ("sigma", "radius", "voxels", "face", "edge", "corner"),
    [
        (1, 2, 125, 1.83e-2, 3.4e-4, 6.1e-6),
        (2, 5, 1_331, 1.93e-3, 3.7e-6, 7.2e-9),
        (4, 10, 9_261, 1.93e-3, 3.7e-6, 7.2e-9),
        (8, 20, 68_921, 1.93e-3, 3.7e-6, 7.2e-9),
    ],
)
def test_the_table_of_cut_gaussians(sigma, radius, voxels, face, edge, corner):
    grid = small(1, sigma, bins=45, rows=45, columns=45)
    volume = render(grid, np.array([[0, 22, 22, 22]], dtype=np.int16))[0]
    assert np.count_nonzero(volume) == voxels
    assert volume[22, 22, 22] == 1
    assert volume[22, 22, 22 + radius] == pytest.approx(face, rel=5e-3)
    assert volume[22, 22 - radius, 22 + radius] == pytest.approx(edge, rel=2e-2)
    assert volume[22 + radius, 22 - radius, 22 + radius] == pytest.approx(corner, rel=1e-2)


def test_about_485_voxels_of_a_patch_exceed_half_a_step_of_8_bits():
    _, values = render_sparse(small(1, bins=20, rows=20, columns=20), np.array([[0, 9, 9, 9]]))
    assert np.count_nonzero(values >= 1 / 510) == 485


def test_one_person_touches_14_patches():
    grid = small(14, bins=30, rows=30, columns=30)
    centres = np.array([[channel, 15, 15, 15] for channel in range(14)])
    assert len(render_sparse(grid, centres)[0]) == 18_634


@pytest.mark.parametrize(("u", "v"), [(1916, 500), (1920, 500), (500, 1077), (500, 1080)])
def test_only_the_flank_of_a_joint_in_the_last_half_stride_is_drawn(u, v):
    grid = Grid(("a",), depth_min=0, depth_max=100, height=1080, width=1920, pixel_rounding="truncate")
    located = locate(grid, np.array([[[u, v]]], dtype=float), np.array([[[0.0, 0, 50]]]))
    assert not located.in_grid[0]
    _, values = render_sparse(grid, located.centres)
    assert values.max() == pytest.approx(0.7788, abs=5e-5)


@pytest.mark.parametrize(
    ("depth_bin", "voxels"),
    [(315, 726), (316, 605), (317, 484), (318, 363), (319, 242), (320, 121)]
    + [(beyond, 0) for beyond in (321, 322, 331, 332, 400, 32_767)],
)
def test_joints_beyond_the_last_bin_leave_the_rest_that_reaches_in(depth_bin, voxels):
    grid = small(1, bins=316)
    centres = np.array([[0, depth_bin, 7, 8]], dtype=np.int16)
    assert len(render_sparse(grid, centres)[0]) == voxels
    assert np.count_nonzero(render(grid, centres)) == voxels


def test_an_empty_frame_is_empty():
    grid = small()
    nobody = np.zeros((0, 4), dtype=np.int16)
    assert not render(grid, nobody).any()
    assert [len(part) for part in render_sparse(grid, nobody)] == [0, 0]


def test_other_integer_types_are_taken_if_nothing_is_lost():
    grid = small()
    assert render(grid, np.array([[1, 5, 5, 5]]))[1, 5, 5, 5] == 1
    with pytest.raises(ShapeError, match="int64"):
        render(grid, np.array([[1, 5, 5, 70_000]]))
    with pytest.raises(ShapeError, match="float64"):
        render(grid, np.array([[1.0, 5, 5, 5]]))


def test_what_does_not_fit_the_grid_is_refused():
    grid = small()
    with pytest.raises(ShapeError, match=r"channels 0 \.\. 2"):
        render(grid, np.array([[0, 5, 5, 5], [2, 5, 5, 5]]))
    with pytest.raises(ShapeError, match="N, 4"):
        render_sparse(grid, np.zeros((1, 3), dtype=np.int16))
    with pytest.raises(ShapeError, match="float64"):
        render(grid, np.zeros((0, 4), dtype=np.int16), np.zeros(grid.shape))
    with pytest.raises(ShapeError, match="C-contiguous"):
        HeatmapBuffer(grid, np.zeros(grid.shape[::-1], dtype=np.float32).T)
