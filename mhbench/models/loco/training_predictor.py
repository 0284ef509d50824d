"""Training of the code predictor: the mean squared error to the code of the true volumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from mhbench.errors import InputError, UsageError
from mhbench.heatmaps import PEAK_RULES, to_camera
from mhbench.metrics.joint_detection import joint_f1_frames
from mhbench.models.loco.checkpoints import Config, GridConfig, fit, load_network, load_trunk
from mhbench.models.loco.predictor import Predictor, image_tensor
from mhbench.models.loco.volumes import found_peaks, rendered
from mhbench.models.tensor_files import read_tensors
from mhbench.models.training_frames import Images, chosen_frames, true_joints

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import nn

    from mhbench.heatmaps import Grid
    from mhbench.models.loco.autoencoder import Autoencoder
    from mhbench.models.training_config import PredictorConfig
    from mhbench.shards.reading import Shards
    from mhbench.shards.single_frame import Frame

_REACH_M = 0.4


class Batch(NamedTuple):
    """Images of one size, and the centres of their frames."""

    images: list[npt.NDArray[np.uint8]]
    grid: Grid
    centres: list[npt.NDArray[np.int16]]


class PredictorTask:
    """A task of `mhbench.models.training_loop`.

    Codes are computed where they are needed, which costs less than the network itself and needs no disk.

    Args:
        shards: with heatmaps.
        raw: folder of the images.
        config: how to train.
        device: of the networks.

    Raises:
        UsageError: no frames, or no autoencoder is named.
        InputError: weights do not fit, or the shards have no heatmaps of the autoencoder's grid.
    """

    best_by = "f1.joint@0.4m"
    higher_is_better = True

    def __init__(self, shards: Shards, raw: Path, config: PredictorConfig, device: torch.device) -> None:
        if not config.autoencoder:
            raise UsageError(
                "the code predictor needs the autoencoder whose codes it learns",
                expected="autoencoder = a file of weights",
                action="--set autoencoder=FILE; `mhbench train loco-vha` makes one",
            )
        self._config, self._device, self._dataset = config, device, shards.dataset
        self._train = chosen_frames(shards, config.train, "train")
        self._validation = chosen_frames(shards, config.validation, "validation")
        self._images = Images(raw)
        frozen = load_network(Path(config.autoencoder), "autoencoder")
        self._grid = frozen.config.grid
        _check_grid(self._train[0], self._grid, frozen.path)
        self._autoencoder: Autoencoder = frozen.network.to(device).requires_grad_(requires_grad=False)  # type: ignore[assignment]
        torch.manual_seed(config.seed)
        self.network = Predictor(frozen.config.level, self._grid.depth_bins, config.width)
        if config.trunk:
            load_trunk(Path(config.trunk), self.network)
        if config.start:
            fit(self.network, read_tensors(Path(config.start))[0], Path(config.start))
        self.network.to(device)

    def batch(self, random: np.random.Generator) -> Batch:
        """Random frames with their images."""
        rows = random.integers(len(self._train), size=self._config.batch)
        frames = [self._train[row] for row in rows.tolist()]
        images = [self._images.read(frame).image for frame in frames]
        if len({image.shape for image in images}) > 1:
            raise UsageError(
                "the images of a batch have different sizes", expected="one size", action="set batch = 1"
            )
        return Batch(images, self._volume_grid(images[0]), [one.centres(self._grid.joints) for one in frames])

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error of the code."""
        images = torch.cat([image_tensor(image, self._device) for image in batch.images])
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            code = self._autoencoder.encode(rendered(batch.grid, batch.centres, self._device))
        return functional.mse_loss(network(images).float(), code)

    def validate(self) -> dict[str, float]:
        """F1 of the joints found, percent, within 0.4 m."""
        truth, found = [], []
        for frame in self._validation:
            seen = self._images.read(frame)
            if seen.camera is None:
                raise InputError(f"the frame {seen.id} has no intrinsics", expected="a calibrated camera")
            volumes = self._autoencoder.decode(self.network(image_tensor(seen.image, self._device)))
            ((places, _),) = found_peaks(volumes, PEAK_RULES["validation"])
            grid = self._volume_grid(seen.image)
            points = np.column_stack([places[:, 0], to_camera(grid, places, seen.camera)])
            found.append(points[np.isfinite(points).all(axis=1)])
            truth.append(true_joints(frame, grid))
        starts = [np.cumsum([0, *map(len, rows)]) for rows in (truth, found)]
        scores = joint_f1_frames(np.concatenate(truth), np.concatenate(found), *starts, threshold=_REACH_M)
        return {
            "f1.joint@0.4m": 100 * scores.f1,
            "precision.joint@0.4m": 100 * scores.precision,
            "recall.joint@0.4m": 100 * scores.recall,
        }

    def end_epoch(self, loss: float) -> None:
        """Nothing changes between epochs."""

    def notes(self) -> dict[str, float]:
        """Nothing to remember."""
        return {}

    def restore(self, notes: dict[str, float]) -> None:
        """Nothing to restore."""

    def selectable(self) -> bool:
        """Always."""
        return True

    def description(self, metrics: dict[str, float]) -> Config:
        """The configuration of the weights."""
        return Config(
            kind="predictor",
            level=self.network.level,
            width=self._config.width,
            grid=self._grid,
            trained_on=(self._dataset,),
            metrics=metrics,
        )

    def _volume_grid(self, image: npt.NDArray[np.uint8]) -> Grid:
        height, width = image.shape[:2]
        return self._grid.grid(height, width).padded(self._autoencoder.pad_to)


def _check_grid(frame: Frame, config: GridConfig, path: Path) -> None:
    """The centres in the shards must mean what the autoencoder's volumes mean."""
    stored = frame.grid(config.joints)
    for name in GridConfig.__struct_fields__:
        if getattr(stored, name) != getattr(config, name):
            raise InputError(
                f"the heatmaps of {frame.path} have {name} = {getattr(stored, name)}",
                expected=f"{getattr(config, name)}, as {path} was trained with",
                action="use an autoencoder of this data set",
            )
