"""In which order frames are visited: shuffled by blocks, shared between ranks, the same whenever it is asked.

A shard is read in chunks. Random order over all frames would decode a chunk for every frame; here blocks of
neighbouring frames are shuffled over all shards, and frames within a window of some blocks, so a chunk serves
many frames and still no two batches look alike.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mhbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.shards.reading import Shards


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """The order of all frames for one rank; a pure function of its fields and the epoch.

    Args:
        shards: number of frames of each shard.
        shuffle: False visits them as they lie.
        seed: another seed gives another order.
        block: neighbouring frames of one shard that stay together between windows.
        window: blocks that are shuffled frame by frame with each other.
        rank: which of the processes this is.
        world: number of processes; all get the same number of frames.
        drop_last: leave out the frames beyond the last even share; else some frames are visited twice.

    Raises:
        UsageError: a number makes no sense.
    """

    shards: tuple[int, ...]
    shuffle: bool = True
    seed: int = 0
    block: int = 64
    window: int = 16
    rank: int = 0
    world: int = 1
    drop_last: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world or self.block < 1 or self.window < 1:
            raise UsageError(
                f"no order has rank {self.rank} of {self.world},"
                f" blocks of {self.block} and windows of {self.window}",
                expected="a rank from 0 to below the world's size, a block and a window of at least 1",
                action="correct the numbers",
            )

    def __len__(self) -> int:
        frames = sum(self.shards)
        return frames // self.world if self.drop_last else -(-frames // self.world)

    def frames(self, epoch: int) -> npt.NDArray[np.int64]:
        """(len(self),) numbers of the frames this rank visits in an epoch, in their order."""
        order = self._shuffled(epoch) if self.shuffle else np.arange(sum(self.shards), dtype=np.int64)
        share = len(self)
        # neighbours in the order stay on one rank: another one would decode the same chunks
        places = np.arange(self.rank * share, (self.rank + 1) * share)
        return order[places % max(len(order), 1)]

    def _shuffled(self, epoch: int) -> npt.NDArray[np.int64]:
        random = np.random.default_rng([self.seed, epoch])
        begin = np.concatenate([[0], np.cumsum(self.shards)]).tolist()
        blocks = [
            np.arange(start, min(start + self.block, stop), dtype=np.int64)
            for first, stop in itertools.pairwise(begin)
            for start in range(first, stop, self.block)
        ]
        mixed = random.permutation(len(blocks)).tolist()
        windows = [mixed[start : start + self.window] for start in range(0, len(mixed), self.window)]
        parts = [random.permutation(np.concatenate([blocks[one] for one in window])) for window in windows]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def frame_counts(shards: Shards) -> tuple[int, ...]:
    """Number of frames of each shard."""
    return tuple(info.frames for info in shards.infos)


def batches(frames: Sequence[int], size: int, *, drop_last: bool) -> list[Sequence[int]]:
    """Consecutive parts of `size`; the last one may be shorter, or is left out."""
    stop = len(frames) - len(frames) % size if drop_last else len(frames)
    return [frames[start : start + size] for start in range(0, stop, size)]
