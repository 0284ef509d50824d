"""Training of the pose refiner: whole people from people with joints taken out and noise on the rest.

The paper gives neither the share of joints, nor the noise, nor the optimiser; the settings are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from mhbench.heatmaps import head_limits
from mhbench.heatmaps.association import REFINER_LIMITS
from mhbench.models.loco.checkpoints import Config, GridConfig, Product
from mhbench.models.loco.refiner import HOLE, Refiner, normalise
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import nn

    from mhbench.models.training_config import RefinerConfig
    from mhbench.models.training_frames import Source

    Floats = npt.NDArray[np.float64]

_PUBLISHED: Final = "loco_14"


class Batch(NamedTuple):
    """(P, 3 (J - 1)) float32 vectors: what is seen, and what is true."""

    seen: npt.NDArray[np.float32]
    truth: npt.NDArray[np.float32]


class RefinerTask:
    """A task of `mhbench.models.training_loop`.

    The joints of LoCO get the published length limits; others the longest distance from the root in the
    training poses.

    Args:
        source: whole people.
        config: how to train.
        device: of the network.

    Raises:
        UsageError: nobody is whole, or no joint can be the root.
    """

    best_by = "mpjpe"
    higher_is_better = False
    schedule = None

    def __init__(self, source: Source, config: RefinerConfig, device: torch.device) -> None:
        self._config, self._device, self._dataset = config, device, source.dataset
        self._joints, self._train = source.people("train")
        self._validation = source.people("validation").poses
        self._root, _ = head_limits(self._joints)
        published = self._joints == skeleton(_PUBLISHED).joints
        self._limits = REFINER_LIMITS if published else _longest(self._train, self._root)
        torch.manual_seed(config.seed)
        self.network = Refiner(self._limits, self._root).to(device)

    def batch(self, random: np.random.Generator) -> Batch:
        """Random people, disturbed."""
        return self._disturbed(
            self._train[random.integers(len(self._train), size=self._config.batch)], random
        )

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error of the normalised vectors."""
        seen, truth = (torch.from_numpy(one).to(self._device) for one in batch)
        return functional.mse_loss(network(seen), truth)

    def validate(self) -> dict[str, float]:
        """Mean error in mm of the refined joints of disturbed people, and of undisturbed ones."""
        disturbed = self._disturbed(self._validation, np.random.default_rng(self._config.seed))
        truth = disturbed.truth
        return {"mpjpe": self._error(disturbed.seen, truth), "mpjpe.undisturbed": self._error(truth, truth)}

    def products(self, metrics: dict[str, float]) -> list[Product]:
        """The refiner."""
        config = Config(
            kind="refiner",
            grid=GridConfig(joints=self._joints),
            limits=self._limits,
            root=self._root,
            trained_on=(self._dataset,),
            metrics=metrics,
        )
        return [Product(self.network, config)]

    def _disturbed(self, poses: Floats, random: np.random.Generator) -> Batch:
        """Noise on every joint but the root, some of them taken out."""
        config = self._config
        hard = random.random(len(poses)) < config.hard
        share = np.where(hard, config.drop_many, config.drop)[:, None]
        noise = random.normal(0.0, config.noise_m, poses.shape)
        noise[:, self._root] = 0.0
        seen = normalise(poses + noise, self._limits, self._root)
        seen[random.random(seen.shape[:2]) < share] = HOLE
        truth = normalise(poses, self._limits, self._root)
        return Batch(*(one.reshape(len(poses), -1).astype(np.float32) for one in (seen, truth)))

    def _error(self, seen: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]) -> float:
        refined = self.network(torch.from_numpy(seen).to(self._device)).float().cpu().numpy()
        metres = 2 * np.delete(np.asarray(self._limits), self._root)[:, None]
        away = (refined - truth).astype(np.float64).reshape(len(truth), -1, 3) * metres
        return float(1000 * np.sqrt((away**2).sum(axis=-1)).mean())


def _longest(poses: Floats, root: int) -> tuple[float, ...]:
    away = np.sqrt(((poses - poses[:, root : root + 1]) ** 2).sum(axis=-1)).max(axis=0)
    return tuple(np.round(away, 2).tolist())
