"""Frames through a network in batches; a batch that does not fit into memory is halved."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any

from mhbench.errors import MhbenchError, PredictionError, UsageError
from mhbench.models.protocol import check_poses
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mhbench.models.protocol import InputFrame, Network, Poses


class Batches:
    """Predicts frames in batches and remembers the batch size that fits; `predicted` counts frames.

    Args:
        network: the network.
        size: frames per batch to begin with.
        say: told when the size changes.
    """

    def __init__(self, network: Network, size: int, say: Callable[[str], None]) -> None:
        self.network, self.size, self._say = network, size, say
        self.predicted = 0
        self._joints = len(skeleton(network.skeleton))

    def predict(self, frames: Sequence[InputFrame]) -> list[Poses]:
        """The people of each frame, checked.

        Raises:
            UsageError: a single frame does not fit into memory.
            PredictionError: the network fails, or gives what no predictions file can hold.
        """
        poses: list[Poses] = []
        while len(poses) < len(frames):
            batch = frames[len(poses) : len(poses) + self.size]
            found = self._attempt(batch)
            if found is None:
                self._halve(len(batch))
                continue
            for frame, one in zip(batch, found, strict=True):
                check_poses(one, self._joints, frame.id)
            poses += found
            self.predicted += len(found)
        return poses

    def _attempt(self, batch: Sequence[InputFrame]) -> list[Poses] | None:
        """What the network gives for a batch; None if memory does not suffice."""
        try:
            found = list(self.network.predict(batch))
        except MhbenchError:
            raise
        except Exception as error:
            if _is_out_of_memory(error):
                return None
            raise _failed(self.network, batch, error) from error
        if len(found) != len(batch):
            raise PredictionError(
                f"the network gave {len(found)} results for {len(batch)} frames, from {batch[0].id} on",
                expected="one Poses for each frame, in their order",
                action="correct its predict()",
            )
        return found

    def _halve(self, tried: int) -> None:
        if tried == 1:
            raise UsageError(
                "one frame does not fit into the memory of the device",
                expected="a device with more memory, or a smaller network",
                action="use --precision bf16 or fp16, another --device, or --device cpu",
            )
        self.size = tried // 2
        self._say(f"a batch of {tried} does not fit into memory: going on with {self.size}")
        torch: Any = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()


def _is_out_of_memory(error: Exception) -> bool:
    """By name and text, so that networks without torch do not load it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("not enough memory", "can't allocate memory", "out of memory")
    )


def _failed(network: Network, batch: Sequence[InputFrame], error: Exception) -> PredictionError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return PredictionError(
        f"{type(network).__name__} failed on the frames from {batch[0].id} on:"
        f" {type(error).__name__}: {error} ({place.filename}, line {place.lineno})",
        expected="a predict() that takes any frame of the data set",
        action="correct the network and run the same command again; finished blocks of frames are kept",
    )
