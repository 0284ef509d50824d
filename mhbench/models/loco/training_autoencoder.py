"""Training of the heatmap autoencoder: the mean squared error of all voxels, with ever narrower Gaussians.

Started with narrow Gaussians, the paper's network learns to output nothing at all: a volume is 99 % empty. So
sigma begins wide and is halved whenever the loss stalls; only weights of the last sigma are selected.

Faster, and without that danger: first train the layers that mix the joints (`learn = "mixing"`), which sees
several times as many frames in the same time, then start all of them from there with `revive`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from mhbench.errors import UsageError
from mhbench.heatmaps import PEAK_RULES, SigmaSchedule
from mhbench.metrics.joint_detection import joint_f1_frames
from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.checkpoints import Config, GridConfig, Product, fit
from mhbench.models.loco.copying import MapsCopy, WholeCopy, copy_error
from mhbench.models.loco.initial_weights import initialise_autoencoder
from mhbench.models.loco.volumes import found_peaks, rendered
from mhbench.models.tensor_files import read_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import nn

    from mhbench.heatmaps import Grid
    from mhbench.models.training_config import AutoencoderConfig
    from mhbench.models.training_frames import Sample, Source

    Centres = npt.NDArray[np.int16]


MAP_ERROR = "error.maps"


class Batch(NamedTuple):
    """Frames of one grid and their centres; rendered with the sigma of the moment."""

    grid: Grid
    centres: list[Centres]


class AutoencoderTask:
    """A task of `mhbench.models.training_loop`.

    Args:
        source: frames with heatmaps.
        config: how to train.
        device: of the network.

    Raises:
        UsageError: a crop that cannot be halved so often.
        InputError: the shards have no heatmaps, or the weights to begin with do not fit.
    """

    def __init__(self, source: Source, config: AutoencoderConfig, device: torch.device) -> None:
        self._source, self._config, self._device = source, config, device
        self._held_out = source.held_out()
        grid = self._held_out[0].grid()
        self._grid = GridConfig.of(grid)
        torch.manual_seed(config.seed)
        self._autoencoder = Autoencoder(config.level, grid.depth_bins, grid.channels)
        initialise_autoencoder(self._autoencoder)
        if config.start:
            fit(self._autoencoder, read_tensors(Path(config.start))[0], Path(config.start))
        self._autoencoder.to(device)
        mixing = config.learn == "mixing"
        self.network = MapsCopy(self._autoencoder) if mixing else WholeCopy(self._autoencoder)
        # exact hits alone would judge what half a voxel of noise decides; the paper reports 0, 1 and 2 voxels
        self.best_by, self.higher_is_better = (MAP_ERROR, False) if mixing else ("f1.joint@1vx", True)
        if any(side % self._autoencoder.pad_to for side in config.crop):
            raise UsageError(
                f"a crop of {config.crop[0]} x {config.crop[1]} voxels cannot be halved so often",
                expected=f"multiples of {self._autoencoder.pad_to}",
                action="change `crop`",
            )
        self.schedule = SigmaSchedule(
            max(config.sigma_start, grid.sigma),
            grid.sigma,
            patience=config.patience,
            improvement=config.least_gain,
        )

    def batch(self, random: np.random.Generator) -> Batch:
        """Random frames, or random parts of them around a joint."""
        chosen = [self._read(self._source.draw(random)) for _ in range(self._config.batch)]
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
        """Mean squared error over all voxels, or over those of the maps."""
        volumes = rendered(replace(batch.grid, sigma=self.schedule.sigma), batch.centres, self._device)
        return copy_error(*network(volumes), revive=self._config.revive)

    def validate(self) -> dict[str, float]:
        """See `volume_scores` and `map_error`, with the sigma of the moment."""
        held_out = self._held_out, self._device, self.schedule.sigma
        if isinstance(self.network, MapsCopy):
            return {MAP_ERROR: map_error(self.network, *held_out)}
        return volume_scores(self._autoencoder, *held_out)

    def products(self, metrics: dict[str, float]) -> list[Product]:
        """The autoencoder."""
        config = Config(
            kind="autoencoder",
            level=self._config.level,
            grid=self._grid,
            trained_on=(self._source.dataset,),
            metrics=metrics,
        )
        return [Product(self._autoencoder, config)]

    def _read(self, sample: Sample) -> tuple[Grid, Centres]:
        return sample.grid().padded(self._autoencoder.pad_to), sample.centres()


def volume_scores(
    network: Autoencoder, samples: Sequence[Sample], device: torch.device, sigma: float
) -> dict[str, float]:
    """F1 of the joints found again in whole frames, percent, within 0, 1 and 2 voxels."""
    truth, found = [], []
    for sample in samples:
        grid, centres = sample.grid().padded(network.pad_to), sample.centres()
        volumes = rendered(replace(grid, sigma=sigma), [centres], device)
        ((places, _),) = found_peaks(network(volumes), PEAK_RULES["validation"])
        truth.append(centres)
        found.append(places)
    starts = [np.cumsum([0, *map(len, rows)]) for rows in (truth, found)]
    joined = np.concatenate(truth), np.concatenate(found)
    return {
        f"f1.joint@{reach}vx": 100 * joint_f1_frames(*joined, *starts, threshold=reach).f1
        for reach in (0, 1, 2)
    }


def map_error(network: MapsCopy, samples: Sequence[Sample], device: torch.device, sigma: float) -> float:
    """Squared error of the copied maps, as a share of the maps' squares: 1 = copied nothing."""
    wrong = whole = 0.0
    for sample in samples:
        grid = replace(sample.grid().padded(network.autoencoder.pad_to), sigma=sigma)
        copy, maps = network(rendered(grid, [sample.centres()], device))
        wrong += float((copy.relu() - maps).square().sum())
        whole += float(maps.square().sum())
    return wrong / whole if whole else 0.0


def _crop(
    grid: Grid, centres: Centres, size: tuple[int, int], random: np.random.Generator
) -> tuple[Grid, Centres]:
    """A part of a volume that holds a random joint; all of an axis that is not longer than the part."""
    seen = centres[np.all((centres >= 0) & (centres < grid.shape), axis=1), 2:]
    target = seen[random.integers(len(seen))] if len(seen) else np.zeros(2, dtype=np.int16)
    moved, sides = centres.copy(), []
    for axis, (whole, part) in enumerate(zip((grid.rows, grid.columns), size, strict=True)):
        side = min(part, whole) if part else whole
        low = min(max(int(target[axis]) - int(random.integers(side)), 0), whole - side)
        moved[:, 2 + axis] -= low
        sides.append(side * grid.stride)
    return replace(grid, height=sides[0], width=sides[1]), moved
