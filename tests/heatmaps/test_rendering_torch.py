from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mhbench.errors import ShapeError, UsageError
from mhbench.heatmaps import Grid, render, render_sparse, rendering_torch
from mhbench.heatmaps.rendering_torch import BatchBuffer, render_batch, render_sparse_batch

# "scatter": what a GPU does, on the processor
DEVICES = ["cpu", "scatter", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES, scope="module")
def device(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "scatter":
            patch.setattr(rendering_torch, "_has_kernels", lambda _: False)
        yield "cuda" if request.param == "cuda" else "cpu"


def small(sigma=2.0, pad_to=1):
    return Grid(
        ("a", "b"), depth_min=0, depth_max=1, depth_bins=20, height=112, width=136, sigma=sigma, pad_to=pad_to
    )


def batches():
    centre = st.tuples(st.integers(0, 1), st.integers(-8, 28), st.integers(-8, 22), st.integers(-8, 25))
    return st.lists(st.lists(centre, max_size=6), min_size=1, max_size=3)


def packed(frames, device="cpu"):
    centres = torch.tensor([one for frame in frames for one in frame], dtype=torch.int16).reshape(-1, 4)
    frame = torch.tensor([number for number, one in enumerate(frames) for _ in one], dtype=torch.int64)
    return centres.to(device), frame.to(device), len(frames)


@given(batches(), st.sampled_from([1.0, 2.0, 2.5]))
@settings(max_examples=30)
def test_the_bits_are_those_of_the_processor(device, frames, sigma):
    grid = small(sigma)
    volumes = render_batch(grid, *packed(frames, device)).cpu().numpy()
    expected = [render(grid, np.array(frame, dtype=np.int16).reshape(-1, 4)) for frame in frames]
    assert np.array_equal(volumes, np.stack(expected))
    index, values = render_sparse_batch(grid, *packed(frames, device))
    parts = [render_sparse(grid, np.array(frame, dtype=np.int16).reshape(-1, 4)) for frame in frames]
    shifted = [part[0] + number * grid.voxels for number, part in enumerate(parts)]
    assert np.array_equal(index.cpu().numpy(), np.concatenate(shifted))
    assert np.array_equal(values.cpu().numpy(), np.concatenate([part[1] for part in parts]))


def test_memory_is_used_again_and_holds_nothing_of_the_last_batch(device):
    grid = small(pad_to=4)
    out = torch.full((1, *grid.shape), 7.0, device=device)
    found = render_batch(grid, *packed([[(1, 3, 4, 5)]], device), out=out)
    assert found.data_ptr() == out.data_ptr()
    assert np.array_equal(found[0].cpu().numpy(), render(grid, np.array([[1, 3, 4, 5]], dtype=np.int16)))


@given(st.lists(batches(), max_size=4))
@settings(max_examples=15)
def test_a_buffer_holds_nothing_of_the_batches_before(device, rounds):
    buffer = BatchBuffer(small(), 3, device)
    for frames in rounds:
        batch = packed(frames, device)
        assert torch.equal(buffer.render(small(), *batch), render_batch(small(), *batch))


def test_a_buffer_of_another_grid_or_size_is_refused():
    buffer = BatchBuffer(small(), 1)
    with pytest.raises(UsageError, match="does not fit 1 frames"):
        buffer.render(small(sigma=1), *packed([[]]))
    with pytest.raises(UsageError, match="does not fit 2 frames"):
        buffer.render(small(), *packed([[], []]))
    with pytest.raises(ShapeError, match="not there"):
        buffer.render(small(), *packed([[(5, 0, 0, 0)]]))


def test_what_does_not_fit_is_refused():
    grid = small()
    centres, frame, frames = packed([[(0, 1, 2, 3)]])
    with pytest.raises(ShapeError, match="channel or frame that is not there"):
        render_batch(grid, centres + 2, frame, frames)
    with pytest.raises(ShapeError, match="channel or frame that is not there"):
        render_batch(grid, centres, frame, 0)
    with pytest.raises(ShapeError, match="integers"):
        render_batch(grid, centres.float(), frame, frames)
    with pytest.raises(ShapeError, match="the frame of each"):
        render_sparse_batch(grid, centres, frame[:0], frames)
    with pytest.raises(ShapeError, match="the volume is"):
        render_batch(grid, centres, frame, frames, out=torch.zeros(1, 2, 20, 14, 18))
