"""Training of the code predictor: the mean squared error to the code of the true volumes.

Beside it the baseline the paper compares with: predictor and decoder trained at once on the volumes
themselves, without a code ("uncompressed volumetric heatmaps").
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mhbench.errors import InputError, UsageError
from mhbench.heatmaps import PEAK_RULES, to_camera
from mhbench.metrics.joint_detection import joint_f1_frames
from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.checkpoints import Config, GridConfig, Product, fit, load_network, load_trunk
from mhbench.models.loco.copying import copy_error
from mhbench.models.loco.initial_weights import initialise, initialise_autoencoder
from mhbench.models.loco.predictor import Predictor, image_tensor
from mhbench.models.loco.volumes import found_peaks, rendered
from mhbench.models.tensor_files import read_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.heatmaps import Grid
    from mhbench.models.training_config import ImageConfig, PredictorConfig, UncompressedConfig
    from mhbench.models.training_frames import Sample, Source

_REACH_M = 0.4


class Batch(NamedTuple):
    """Images of one size, and the centres of their frames."""

    images: list[npt.NDArray[np.uint8]]
    grid: Grid
    centres: list[npt.NDArray[np.int16]]


class PredictorTask:
    """The code predictor, a task of `mhbench.models.training_loop`.

    Codes are computed where they are needed, which costs less than the network itself and needs no disk.

    Args:
        source: frames with images and heatmaps.
        config: how to train.
        device: of the networks.

    Raises:
        UsageError: no autoencoder is named.
        InputError: weights do not fit, or the frames have no heatmaps of the autoencoder's grid.
    """

    best_by = "f1.joint@0.4m"
    higher_is_better = True
    schedule = None

    def __init__(self, source: Source, config: PredictorConfig, device: torch.device) -> None:
        if not config.autoencoder:
            raise UsageError(
                "the code predictor needs the autoencoder whose codes it learns",
                expected="autoencoder = a file of weights",
                action="--set autoencoder=FILE; `mhbench train loco-vha` makes one",
            )
        self._source, self._config, self._device = source, config, device
        self._held_out = source.held_out()
        frozen = load_network(Path(config.autoencoder), "autoencoder")
        self._grid = frozen.config.grid
        _check_grid(self._held_out[0], self._grid, frozen.path)
        self._autoencoder: Autoencoder = frozen.network.to(device).requires_grad_(requires_grad=False)  # type: ignore[assignment]
        torch.manual_seed(config.seed)
        self.network = _fresh_predictor(frozen.config.level, self._grid, config).to(device)

    def batch(self, random: np.random.Generator) -> Batch:
        """Random frames with their images."""
        return _batch(self._source, self._config.batch, self._grid, self._autoencoder.pad_to, random)

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error of the code."""
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            code = self._autoencoder.encode(rendered(batch.grid, batch.centres, self._device))
        return functional.mse_loss(network(_images(batch, self._device)).float(), code)

    def validate(self) -> dict[str, float]:
        """F1 of the joints found, percent, within 0.4 m."""
        return _scores(self._held_out, self._grid, _Decoded(self.network, self._autoencoder), self._device)

    def products(self, metrics: dict[str, float]) -> list[Product]:
        """The code predictor."""
        return [
            Product(self.network, _predictor_config(self.network, self._grid, self._source.dataset, metrics))
        ]


class UncompressedTask:
    """Predictor and decoder trained at once on the volumes; a task of `mhbench.models.training_loop`.

    Args:
        source: frames with images and heatmaps.
        config: how to train.
        device: of the networks.

    Raises:
        InputError: weights do not fit, or the frames have no heatmaps.
    """

    best_by = "f1.joint@0.4m"
    higher_is_better = True
    schedule = None

    def __init__(self, source: Source, config: UncompressedConfig, device: torch.device) -> None:
        self._source, self._config, self._device = source, config, device
        self._held_out = source.held_out()
        self._grid = GridConfig.of(self._held_out[0].grid())
        torch.manual_seed(config.seed)
        predictor = _fresh_predictor(config.level, self._grid, config)
        decoder = Autoencoder(config.level, self._grid.depth_bins, len(self._grid.joints))
        initialise_autoencoder(decoder)
        # nothing is encoded: what is never used would keep several GPUs waiting for its gradients
        decoder.encoder.requires_grad_(requires_grad=False)
        decoder.fuser.requires_grad_(requires_grad=False)
        self.network = _Decoded(predictor, decoder).to(device)

    def batch(self, random: np.random.Generator) -> Batch:
        """Random frames with their images."""
        return _batch(self._source, self._config.batch, self._grid, self.network.decoder.pad_to, random)

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error of all voxels."""
        volumes = rendered(batch.grid, batch.centres, self._device)
        return copy_error(network(_images(batch, self._device)), volumes, revive=self._config.revive)

    def validate(self) -> dict[str, float]:
        """F1 of the joints found, percent, within 0.4 m."""
        return _scores(self._held_out, self._grid, self.network, self._device)

    def products(self, metrics: dict[str, float]) -> list[Product]:
        """Both networks: they run as any pair of LoCO."""
        dataset, grid = self._source.dataset, self._grid
        decoder = Config(
            kind="autoencoder", level=self._config.level, grid=grid, trained_on=(dataset,), metrics=metrics
        )
        return [
            Product(
                self.network.predictor, _predictor_config(self.network.predictor, grid, dataset, metrics)
            ),
            Product(self.network.decoder, decoder),
        ]


class _Decoded(nn.Module):
    """Image -> volumes."""

    def __init__(self, predictor: Predictor, decoder: Autoencoder) -> None:
        super().__init__()
        self.predictor, self.decoder = predictor, decoder

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.decoder.decode(self.predictor(images))


def _fresh_predictor(level: int, grid: GridConfig, config: ImageConfig) -> Predictor:
    """The network to begin with: new, with the trunk of others, or as trained before."""
    network = Predictor(level, grid.depth_bins, config.width)
    initialise(network.main)  # the trunk has batch norms, which do without
    if config.trunk:
        load_trunk(Path(config.trunk), network)
    if config.start:
        fit(network, read_tensors(Path(config.start))[0], Path(config.start))
    return network


def _predictor_config(
    network: Predictor, grid: GridConfig, dataset: str, metrics: dict[str, float]
) -> Config:
    return Config(
        kind="predictor",
        level=network.level,
        width=network.width,
        grid=grid,
        trained_on=(dataset,),
        metrics=metrics,
    )


def _batch(source: Source, size: int, grid: GridConfig, pad_to: int, random: np.random.Generator) -> Batch:
    samples = [source.draw(random) for _ in range(size)]
    images = [sample.seen().image for sample in samples]
    if len({image.shape for image in images}) > 1:
        raise UsageError(
            "the images of a batch have different sizes", expected="one size", action="set batch = 1"
        )
    height, width = images[0].shape[:2]
    centres = [sample.centres(grid.joints) for sample in samples]
    return Batch(images, grid.grid(height, width).padded(pad_to), centres)


def _images(batch: Batch, device: torch.device) -> torch.Tensor:
    return torch.cat([image_tensor(image, device) for image in batch.images])


def _scores(
    samples: Sequence[Sample], config: GridConfig, network: _Decoded, device: torch.device
) -> dict[str, float]:
    """Precision, recall and F1 of the joints found in whole frames, percent, within 0.4 m."""
    truth, found = [], []
    for sample in samples:
        seen = sample.seen()
        if seen.camera is None:
            raise InputError(
                f"the frame {seen.id} has no intrinsics",
                expected="a calibrated camera",
                action="leave frames without one out of `validation` in the settings",
            )
        ((places, _),) = found_peaks(network(image_tensor(seen.image, device)), PEAK_RULES["validation"])
        grid = config.grid(*seen.image.shape[:2])
        points = np.column_stack([places[:, 0], to_camera(grid, places, seen.camera)])
        found.append(points[np.isfinite(points).all(axis=1)])
        truth.append(sample.joints(grid))
    starts = [np.cumsum([0, *map(len, rows)]) for rows in (truth, found)]
    scores = joint_f1_frames(np.concatenate(truth), np.concatenate(found), *starts, threshold=_REACH_M)
    return {f"{name}.joint@0.4m": 100 * getattr(scores, name) for name in ("f1", "precision", "recall")}


def _check_grid(sample: Sample, config: GridConfig, path: Path) -> None:
    """The centres of the frames must mean what the autoencoder's volumes mean."""
    stored = GridConfig.of(sample.grid(config.joints))
    for name in GridConfig.__struct_fields__:
        if getattr(stored, name) != getattr(config, name):
            raise InputError(
                f"the heatmaps of the frames have {name} = {getattr(stored, name)}",
                expected=f"{getattr(config, name)}, as {path} was trained with",
                action="use an autoencoder of this data set",
            )
