from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shard_samples import JOINTS, ORIGIN, grid, store, table

from mhbench.errors import InputError
from mhbench.heatmaps import centres, render, select_joints
from mhbench.shards import no_heatmaps, open_shards, peaks_of, write_shard


@pytest.mark.parametrize(
    "sizes", [(), ((480, 640), (300, 200), (480, 640), (720, 100), (300, 200), (480, 640), (8, 8))]
)
def test_every_frame_has_the_centres_it_has_alone(sizes):
    whole = table(sizes=sizes)
    made = peaks_of(whole, grid(), JOINTS)
    for frame in range(whole.frame_count):
        people = whole.people(frame)
        height, width = int(whole.frames["height"][frame]), int(whole.frames["width"][frame])
        joints3d = whole.persons["joints3d"][people].copy()
        joints3d[whole.persons["joint_flags"][people] & 1 == 0] = np.nan
        alone = centres(
            replace(grid(), height=height, width=width), whole.persons["joints2d"][people], joints3d
        )
        assert np.array_equal(made.centres[made.frame_ptr[frame] : made.frame_ptr[frame + 1]], alone)
    if sizes:
        assert (made.grid.height, made.grid.width) == (720, 640)


def test_joints_beyond_the_grid_are_counted():
    whole = table(200)
    made = store(whole)
    assert made.drawn == len(made.centres)
    assert 0 < made.outside == np.count_nonzero(made.centres[:, 1] >= 40) < made.drawn


def test_a_stored_frame_renders_as_the_formula_does(tmp_path):
    whole = table()
    write_shard(tmp_path / "a.h5", whole, ORIGIN, store(whole))
    shards = open_shards(tmp_path / "a.h5")
    made = store(whole)
    for row, frame in enumerate(shards):
        own = made.centres[made.frame_ptr[row] : made.frame_ptr[row + 1]]
        assert np.array_equal(frame.heatmaps(JOINTS), render(made.grid, own))
        chosen, scored = select_joints(made.grid, own, ("nose", "neck", "left_knee"))
        assert frame.grid() == chosen
        assert np.array_equal(frame.heatmaps(), render(chosen, scored))


def test_without_heatmaps_the_stored_reason_is_told(tmp_path):
    write_shard(tmp_path / "a.h5", table(), ORIGIN, no_heatmaps("the data set has no 3D joints"))
    with pytest.raises(InputError, match="has no heatmaps: the data set has no 3D joints"):
        open_shards(tmp_path / "a.h5")[0].heatmaps()
