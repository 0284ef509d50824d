from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhbench.errors import UsageError
from mhbench.shards import BlockOrder
from mhbench.shards.sampling import batches

counts = st.lists(st.integers(0, 40), max_size=5).map(tuple)


@given(counts, st.integers(1, 9), st.integers(1, 4), st.integers(0, 3))
def test_every_frame_comes_once(shards, block, window, epoch):
    order = BlockOrder(shards, block=block, window=window)
    assert np.array_equal(np.sort(order.frames(epoch)), np.arange(sum(shards)))
    assert np.array_equal(order.frames(epoch), order.frames(epoch))


@given(counts, st.integers(1, 4), st.booleans())
def test_ranks_share_the_frames_evenly(shards, world, drop_last):
    orders = [
        BlockOrder(shards, block=3, rank=rank, world=world, drop_last=drop_last) for rank in range(world)
    ]
    parts = [order.frames(2) for order in orders]
    assert {len(part) for part in parts} == {len(orders[0])}
    visited = np.concatenate(parts)
    if drop_last:
        assert len(set(visited.tolist())) == len(visited) > sum(shards) - world
    else:
        assert set(visited.tolist()) == set(range(sum(shards)))
        assert len(visited) < sum(shards) + world


def test_epochs_and_seeds_differ():
    order = BlockOrder((100, 100), block=8)
    assert not np.array_equal(order.frames(0), order.frames(1))
    assert not np.array_equal(order.frames(0), BlockOrder((100, 100), block=8, seed=1).frames(0))
    assert np.array_equal(BlockOrder((3, 4), shuffle=False).frames(5), np.arange(7))


def test_a_window_touches_few_blocks_of_all_shards():
    frames = BlockOrder((640, 640, 640), block=64, window=4).frames(0)
    windows = [set((part // 64).tolist()) for part in np.split(frames[: 7 * 256], 7)]
    assert all(len(blocks) == 4 for blocks in windows)
    shards = [{block // 10 for block in blocks} for blocks in windows]
    assert max(map(len, shards)) > 1
    assert np.abs(np.diff(frames)).mean() > 64


def test_batches_are_consecutive_parts():
    assert batches(range(7), 3, drop_last=False) == [range(3), range(3, 6), range(6, 7)]
    assert batches(range(7), 3, drop_last=True) == [range(3), range(3, 6)]
    assert batches(range(0), 3, drop_last=False) == []


def test_nonsense_is_refused():
    for options in ({"rank": 1}, {"rank": -1, "world": 2}, {"block": 0}, {"window": 0}):
        with pytest.raises(UsageError):
            BlockOrder((3,), **options)
