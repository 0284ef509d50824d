"""Bodies on one lattice: the same cells wherever the block begins, and masks as text and back."""

from __future__ import annotations

import numpy as np
import pytest
from closed_meshes import box, sphere
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from mhbench.errors import InputError, UsageError
from mhbench.synthetic import body
from mhbench.volumes import (
    PARTS,
    SEGMENT_PARTS,
    Lattice,
    block_of,
    lattice_of,
    mask_to_text,
    part_labels,
    parts_of_segments,
    text_to_mask,
    voxelize,
)


@pytest.mark.parametrize("conservative", [True, False])
def test_a_body_on_its_own_lattice_is_its_volume(conservative):
    figure = body()
    lattice = lattice_of(figure.template, figure.triangles, 32)
    block = block_of(figure.template, figure.triangles, lattice, conservative=conservative)
    volume, cube = voxelize(figure.template, figure.triangles, 32, conservative=conservative)
    assert block.offset.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(block.cells, volume)
    assert set(lattice.cell) == {cube.side / 32}


@given(st.tuples(*[st.integers(-40, 40)] * 3))
@settings(max_examples=20)
def test_moving_by_whole_cells_moves_the_block(steps):
    vertices, faces = sphere(splits=2)
    lattice = lattice_of(vertices, faces, 16)
    here = block_of(vertices, faces, lattice, conservative=False)
    there = block_of(vertices + np.array(steps) * lattice.cell, faces, lattice, conservative=False)
    assert there.offset.tolist() == list(steps)
    # rounding moves a centre on the surface to the other side at most
    assert np.count_nonzero(there.cells != here.cells) <= 8


def test_a_larger_body_keeps_the_cells():
    small, faces = box([0, 0, 0], [1, 1, 1])
    lattice = lattice_of(small, faces, 8)
    block = block_of(small * 2 - 0.5, faces, lattice)
    assert block.cells.shape == (16, 16, 16)
    assert block.cells.all()
    assert block.offset.tolist() == [-4, -4, -4]
    with pytest.raises(UsageError, match="a body has 8000 cells"):
        block_of(small * 1e3, faces, lattice)


def test_cells_need_not_be_cubes():
    vertices, faces = sphere(splits=3)
    sides = np.array([0.1, 0.05, 0.2])
    block = block_of(vertices, faces, Lattice(np.full(3, -1.0), sides), conservative=False)
    x, y, z = np.meshgrid(*((np.arange(n) + 0.5) for n in block.cells.shape), indexing="ij")
    centres = np.stack([x, y, z], axis=-1) * sides - 1
    inside = np.linalg.norm(centres, axis=-1)
    assert block.cells[inside < 0.97].all()
    assert not block.cells[inside > 1].any()


def test_parts_share_a_ring_of_triangles():
    figure = body()
    segments = np.argmax(figure.weights, axis=1)
    member = parts_of_segments(segments, figure.triangles)
    own = np.array(SEGMENT_PARTS)[segments]
    assert member[np.arange(len(own)), own - 1].all()
    # every triangle belongs to a part as a whole, which single labels cannot say
    whole = member[figure.triangles].all(axis=1)
    assert whole.any(axis=1).all()
    assert (own[figure.triangles] != own[figure.triangles][:, :1]).any()
    labels, _ = part_labels(figure.template, figure.triangles, member, 64)
    volume, _ = voxelize(figure.template, figure.triangles, 64, conservative=True)
    assert np.mean((labels > 0)[volume]) > 0.98
    assert set(np.unique(labels)) == set(range(len(PARTS) + 1))
    left, right = (np.count_nonzero(labels == 1 + PARTS.index(f"{side}_leg")) for side in ("left", "right"))
    assert abs(left - right) < 0.05 * left
    # SMPL's x axis points to the left
    assert (
        np.nonzero(labels == 1 + PARTS.index("left_arm"))[0].min()
        > np.nonzero(labels == 1 + PARTS.index("right_arm"))[0].max()
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_masks_come_back(seed):
    random = np.random.default_rng(seed)
    mask = random.random(tuple(random.integers(1, 40, size=2))) < random.random()
    text = mask_to_text(mask)
    np.testing.assert_array_equal(text_to_mask(text, *mask.shape), mask)
    assert coco.area({"size": list(mask.shape), "counts": text}) == mask.sum()


@pytest.mark.parametrize("text", ["", "0", "zzzz", "\x00", "1" * 50])
def test_text_that_is_no_mask_is_refused(text):
    with pytest.raises(InputError, match="not one of 4 x 5 pixels"):
        text_to_mask(text, 4, 5)
