"""What a training is made of: the task, where it stands, what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from mhbench.heatmaps import SigmaSchedule
    from mhbench.models.loco.checkpoints import Product


class Task(Protocol):
    """What is trained.

    Attributes:
        network: on its device.
        best_by: the metric of the validation that selects the weights.
        higher_is_better: its direction.
        schedule: what becomes harder when the loss stalls; only weights of its last width are selected.
    """

    network: nn.Module
    best_by: str
    higher_is_better: bool
    schedule: SigmaSchedule | None

    def batch(self, random: np.random.Generator) -> Any:
        """Data of one batch: a function of the generator only (it is called ahead, in another thread)."""

    def loss(self, network: nn.Module, batch: Any) -> torch.Tensor:
        """The loss of a batch; `network` is the task's own or a wrapper around it."""

    def validate(self) -> dict[str, float]:
        """Metrics by name."""

    def products(self, metrics: dict[str, float]) -> list[Product]:
        """The networks to keep, and the configurations to be stored with them."""


class State(msgspec.Struct, kw_only=True):
    """Where a training is.

    `rows` are those of the log, `seconds` are counted against a limit only, `gradient` is the usual length of
    one (0 = none yet).
    """

    settings: dict[str, Any]
    step: int = 0
    seconds: float = 0.0
    over: bool = False
    loss_sum: float = 0.0
    gradient: float = 0.0
    best: float | None = None
    schedule: dict[str, int | float | None] = {}
    rows: list[dict[str, int | float]] = []
    groups: list[dict[str, Any]] = []
    scaler: dict[str, Any] = {}


class Outcome(msgspec.Struct, frozen=True):
    """What a training came to.

    Attributes:
        step: steps done.
        best: best value of its metric; None = no weights were selected yet.
        seconds: of training that were counted against its minutes; 0 without such a limit.
        finished: it came to its end.
        leads: this process is the one that wrote the weights.
    """

    step: int
    best: float | None
    seconds: float
    finished: bool
    leads: bool
