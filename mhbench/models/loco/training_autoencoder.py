"""Training of the heatmap autoencoder: the mean squared error of all voxels, with ever narrower Gaussians.

Started with narrow Gaussians, the network learns to output nothing at all: a volume is 99 % empty. So sigma
begins wide and is halved whenever the loss stalls; only weights of the last sigma are selected.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from mhbench.errors import UsageError
from mhbench.heatmaps import PEAK_RULES
from mhbench.metrics.joint_detection import joint_f1_frames
from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.checkpoints import Config, GridConfig, fit
from mhbench.models.loco.volumes import found_peaks, rendered
from mhbench.models.tensor_files import read_tensors
from mhbench.models.training_frames import chosen_frames

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import nn

    from mhbench.heatmaps import Grid
    from mhbench.models.training_config import AutoencoderConfig
    from mhbench.shards.reading import Shards
    from mhbench.shards.single_frame import Frame

    Centres = npt.NDArray[np.int16]


class Batch(NamedTuple):
    """Frames of one grid and their centres; rendered with the sigma of the moment."""

    grid: Grid
    centres: list[Centres]


class AutoencoderTask:
    """A task of `mhbench.models.training_loop`.

    Args:
        shards: with heatmaps.
        config: how to train.
        device: of the network.

    Raises:
        UsageError: no frames, or a crop that cannot be halved so often.
        InputError: the shards have no heatmaps, or the weights to begin with do not fit.
    """

    # exact hits alone would judge what half a voxel of noise decides; the paper reports 0, 1 and 2 voxels
    best_by = "f1.joint@1vx"
    higher_is_better = True

    def __init__(self, shards: Shards, config: AutoencoderConfig, device: torch.device) -> None:
        self._config, self._device, self._dataset = config, device, shards.dataset
        self._train = chosen_frames(shards, config.train, "train")
        self._validation = chosen_frames(shards, config.validation, "validation")
        grid = self._train[0].grid()
        self._grid = GridConfig(**{name: getattr(grid, name) for name in GridConfig.__struct_fields__})
        self._final_sigma = grid.sigma
        torch.manual_seed(config.seed)
        self.network: Autoencoder = Autoencoder(config.level, grid.depth_bins, grid.channels).to(device)
        if config.start:
            fit(self.network, read_tensors(Path(config.start))[0], Path(config.start))
        if any(side % self.network.pad_to for side in config.crop):
            raise UsageError(
                f"a crop of {config.crop[0]} x {config.crop[1]} voxels cannot be halved so often",
                expected=f"multiples of {self.network.pad_to}",
                action="change `crop`",
            )
        self._sigma = max(config.sigma_start, self._final_sigma)
        self._least, self._stalled = float("inf"), 0

    def batch(self, random: np.random.Generator) -> Batch:
        """Random frames, or random parts of them around a joint."""
        rows = random.integers(len(self._train), size=self._config.batch)
        chosen = [self._read(self._train[row]) for row in rows.tolist()]
        if any(self._config.crop):
            chosen = [_crop(*one, self._config.crop, random) for one in chosen]
        grids = {grid for grid, _ in chosen}
        if len(grids) > 1:
            raise UsageError(
                "the frames of a batch have grids of different sizes",
                expected="one size",
                action="set `crop`, or batch = 1 with accumulation",
            )
        return Batch(grids.pop(), [centres for _, centres in chosen])

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error over all voxels."""
        volumes = rendered(replace(batch.grid, sigma=self._sigma), batch.centres, self._device)
        return functional.mse_loss(network(volumes), volumes)

    def validate(self) -> dict[str, float]:
        """F1 of the joints found again in whole frames, percent, within 0, 1 and 2 voxels."""
        truth, found = [], []
        for frame in self._validation:
            grid, centres = self._read(frame)
            volumes = rendered(replace(grid, sigma=self._sigma), [centres], self._device)
            ((places, _),) = found_peaks(self.network(volumes), PEAK_RULES["validation"])
            truth.append(centres)
            found.append(places)
        starts = [np.cumsum([0, *map(len, rows)]) for rows in (truth, found)]
        joined = np.concatenate(truth), np.concatenate(found)
        return {
            f"f1.joint@{reach}vx": 100 * joint_f1_frames(*joined, *starts, threshold=reach).f1
            for reach in (0, 1, 2)
        }

    def end_epoch(self, loss: float) -> None:
        """Halve sigma when the loss has not become lower for a while."""
        gained = loss < self._least * (1 - self._config.least_gain)
        self._least, self._stalled = (loss, 0) if gained else (self._least, self._stalled + 1)
        if self._stalled >= self._config.patience and self._sigma > self._final_sigma:
            self._sigma = max(self._sigma / 2, self._final_sigma)
            self._least, self._stalled = float("inf"), 0

    def notes(self) -> dict[str, float]:
        """Sigma, and how long the loss has stalled at which value (-1 = none yet)."""
        least = self._least if np.isfinite(self._least) else -1.0
        return {"sigma": self._sigma, "least_loss": least, "stalled": self._stalled}

    def restore(self, notes: dict[str, float]) -> None:
        """The inverse of `notes`."""
        self._sigma, self._stalled = notes["sigma"], int(notes["stalled"])
        self._least = notes["least_loss"] if notes["least_loss"] >= 0 else float("inf")

    def selectable(self) -> bool:
        """Whether sigma is the one the data set is scored with."""
        return bool(self._sigma == self._final_sigma)

    def description(self, metrics: dict[str, float]) -> Config:
        """The configuration of the weights."""
        return Config(
            kind="autoencoder",
            level=self._config.level,
            grid=self._grid,
            trained_on=(self._dataset,),
            metrics=metrics,
        )

    def _read(self, frame: Frame) -> tuple[Grid, Centres]:
        return frame.grid().padded(self.network.pad_to), frame.centres()


def _crop(
    grid: Grid, centres: Centres, size: tuple[int, int], random: np.random.Generator
) -> tuple[Grid, Centres]:
    """A part of a volume that holds a random joint; all of an axis that is not longer than the part."""
    target = centres[random.integers(len(centres)), 2:] if len(centres) else np.zeros(2, dtype=np.int16)
    moved, sides = centres.copy(), []
    for axis, (whole, part) in enumerate(zip((grid.rows, grid.columns), size, strict=True)):
        side = min(part, whole) if part else whole
        low = min(max(int(target[axis]) - int(random.integers(side)), 0), whole - side)
        moved[:, 2 + axis] -= low
        sides.append(side * grid.stride)
    return replace(grid, height=sides[0], width=sides[1]), moved
