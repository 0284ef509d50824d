"""Shards for PyTorch: batches from several workers, volumes rendered on the device, an order that resumes.

    samples = Samples(open_shards("shards/jta", split="train"), raw=Path("raw/jta"))
    loader = Loader(samples, batch_size=8, workers=4)
    for batch in loader:                       # one epoch
        batch = batch.to("cuda")
        loss = model(batch.images).distance(batch.volumes(sigma=4))
        checkpoint = {"loader": loader.state_dict()}

Only centres cross the bus: a batch of 8 crowded Full HD frames is 36 kB of centres instead of 4.6 GB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import MissingExtraError, UsageError
from mhbench.shards.samples import Sample, Samples
from mhbench.shards.sampling import BlockOrder, batches, frame_counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    import torch

    from mhbench.heatmaps import Grid
    from mhbench.heatmaps.rendering_torch import BatchBuffer
    from mhbench.shards.augmentation import Transform
    from mhbench.shards.single_frame import Frame

__all__ = ["Batch", "BlockOrder", "Loader", "Sample", "Samples", "collate"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one step.

    Attributes:
        frames: the B frames, with all their columns.
        grid: grid that holds the largest of them.
        centres: (N, 4) int16 channel, depth bin, row, column.
        frame: (N,) int64 number 0 .. B - 1 of each centre's frame.
        images: (B, 3, H, W) uint8 RGB in channels-last memory, black beyond the edge of smaller ones; None
            without images.
        transforms: how each image was changed; None where it was not.
    """

    frames: tuple[Frame, ...]
    grid: Grid
    centres: torch.Tensor
    frame: torch.Tensor
    images: torch.Tensor | None
    transforms: tuple[Transform | None, ...]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The batch with its tensors on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory, from which copies to a GPU run beside its work."""
        return self._each(lambda tensor: tensor.pin_memory())

    def volumes(
        self, *, sigma: float | None = None, out: torch.Tensor | BatchBuffer | None = None
    ) -> torch.Tensor:
        """(B, J, D, H', W') float32 heatmaps, rendered on the device of the centres.

        Args:
            sigma: width of the Gaussians in voxels; by default the data set's.
            out: memory to use again: a volume, which is cleared as a whole, or (for batch after batch) a
                `BatchBuffer` of the grid with this sigma, which clears what the last batch touched.

        Raises:
            ShapeError: `out` does not fit.
            UsageError: the buffer is of another grid, or too small.
        """
        from mhbench.heatmaps.rendering_torch import (  # noqa: PLC0415 - loads torch
            BatchBuffer,
            render_batch,
        )

        what = (self._with(sigma), self.centres, self.frame, len(self.frames))
        return out.render(*what) if isinstance(out, BatchBuffer) else render_batch(*what, out)

    def voxels(self, *, sigma: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """The non-zero voxels of `volumes`: (M,) int64 flat indices, ascending, and (M,) float32 values."""
        from mhbench.heatmaps.rendering_torch import render_sparse_batch  # noqa: PLC0415 - loads torch

        return render_sparse_batch(self._with(sigma), self.centres, self.frame, len(self.frames))

    def _with(self, sigma: float | None) -> Grid:
        return self.grid if sigma is None else replace(self.grid, sigma=sigma)

    def _each(self, function: Any) -> Batch:
        images = None if self.images is None else function(self.images)
        return replace(self, centres=function(self.centres), frame=function(self.frame), images=images)


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples -> one batch; a `collate_fn` for any loader.

    Raises:
        UsageError: the samples have different grids (other joints, depths or strides).
    """
    torch = _torch()
    grids = [sample.grid for sample in samples]
    height, width = max(one.height for one in grids), max(one.width for one in grids)
    grid = replace(grids[0], height=height, width=width)
    for sample in samples:
        if replace(sample.grid, height=height, width=width) != grid:
            raise UsageError(
                f"{sample.frame.id} has another grid than {samples[0].frame.id}",
                expected="frames of one data set with the same joints, depths and stride",
                action="choose joints= that all shards have, or load the data sets apart",
            )
    counts = [len(sample.centres) for sample in samples]
    return Batch(
        frames=tuple(sample.frame for sample in samples),
        grid=grid,
        centres=torch.from_numpy(np.concatenate([sample.centres for sample in samples])),
        frame=torch.from_numpy(np.repeat(np.arange(len(samples)), counts)),
        # channels last: a view, where their own planes would cost a copy across the memory
        images=None if samples[0].image is None else torch.from_numpy(_stacked(samples)).permute(0, 3, 1, 2),
        transforms=tuple(sample.transform for sample in samples),
    )


class Loader:
    """Epochs of batches in an order that can be continued after an interruption.

    Iterating gives the rest of the current epoch, then the next iteration the next epoch. `state_dict` asked
    for in the loop counts the batch in hand as done, whatever the workers have read ahead.

    Args:
        samples: what is loaded.
        batch_size: samples of one batch.
        order: in which order; by default shuffled by blocks, for one process.
        workers: processes that decode; 0 decodes in this one. Each keeps at most 64 shards open and 256 MB
            of decoded chunks.
        drop_last: leave out a last batch that is not full.
        pin_memory: batches in page-locked memory.
        prefetch: batches each worker reads ahead.

    Raises:
        MissingExtraError: torch is not installed.
        UsageError: the order was made for other shards.
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        *,
        order: BlockOrder | None = None,
        workers: int = 0,
        drop_last: bool = True,
        pin_memory: bool = False,
        prefetch: int = 2,
    ) -> None:
        loading = _torch().utils.data
        counts = frame_counts(samples.shards)
        self.order = BlockOrder(counts) if order is None else order
        if self.order.shards != counts:
            raise UsageError(
                f"the order is one of {len(self.order.shards)} shards with {sum(self.order.shards)} frames",
                expected=f"the {len(counts)} shards with {sum(counts)} frames that are loaded",
                action="make it with BlockOrder(frame_counts(shards))",
            )
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.epoch = 0
        self.batch = 0
        self._batches = loading.DataLoader(
            samples,
            batch_sampler=_Remaining(self),
            num_workers=workers,
            collate_fn=collate,
            pin_memory=pin_memory,
            persistent_workers=workers > 0,
            prefetch_factor=prefetch if workers else None,
        )

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        whole, rest = divmod(len(self.order), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._batches:
            self.batch += 1
            yield batch
        self.epoch += 1
        self.batch = 0

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is, and what that depends on; numbers, lists and bools only."""
        return {"epoch": self.epoch, "batch": self.batch, **self._settings()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where another loader was.

        Raises:
            UsageError: that one visited other frames, or in another order.
        """
        for name, value in self._settings().items():
            if state[name] != value:
                raise UsageError(
                    f"the saved state has {name} {state[name]}",
                    expected=f"{name} {value}",
                    action="make the loader with the settings it was saved with",
                )
        self.epoch, self.batch = state["epoch"], state["batch"]

    def _settings(self) -> dict[str, Any]:
        order = {name: getattr(self.order, name) for name in BlockOrder.__slots__}
        del order["rank"]  # all ranks are equally far
        return {**order, "shards": list(self.order.shards), "batch_size": self.batch_size}


class _Remaining:
    """The batches that are left of the loader's epoch, as lists of (epoch, frame)."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader) - self._loader.batch

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        loader = self._loader
        frames = loader.order.frames(loader.epoch).tolist()
        for part in batches(frames, loader.batch_size, drop_last=loader.drop_last)[loader.batch :]:
            yield [(loader.epoch, frame) for frame in part]


def _stacked(samples: Sequence[Sample]) -> npt.NDArray[np.uint8]:
    """(B, H, W, 3), smaller images at the top left."""
    images = [sample.image for sample in samples if sample.image is not None]
    height, width = max(one.shape[0] for one in images), max(one.shape[1] for one in images)
    stacked = np.zeros((len(samples), height, width, 3), dtype=np.uint8)
    for place, image in zip(stacked, images, strict=True):
        place[: image.shape[0], : image.shape[1]] = image
    return stacked


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415 - an extra
        import torch.utils.data  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError.of("torch", "models", "loading batches") from error
    return torch
