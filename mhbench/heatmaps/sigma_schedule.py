"""Widths of the Gaussians during training: LoCO starts at 8 voxels and halves at each plateau, 8, 4, 2."""

from __future__ import annotations

import math
from typing import Any

from mhbench.errors import UsageError


class SigmaSchedule:
    """Sigma as a function of the losses so far.

    The paper and its code name the widths; how long a plateau is, is ours.

    Args:
        start: first sigma, voxels.
        final: last sigma; `start` halved some times.
        patience: epochs without improvement that make a plateau.
        improvement: share by which a loss must be below the best one.

    Raises:
        UsageError: the widths or the patience make no schedule.
    """

    def __init__(
        self, start: float = 8.0, final: float = 2.0, *, patience: int = 3, improvement: float = 0.01
    ) -> None:
        halvings = math.log2(start / final) if final > 0 and start > 0 else -1.0
        if halvings < 0 or halvings != int(halvings) or patience < 1:
            raise UsageError(
                f"no schedule leads from sigma {start:g} to {final:g} with patience {patience}",
                expected="a start that halves to the final width, such as 8 and 2, and at least 1 epoch",
                action="choose the start as the final width times 2, 4 or 8",
            )
        self.start = start
        self.sigma = start
        self.final = final
        self.patience = patience
        self.improvement = improvement
        self._best = math.inf
        self._waited = 0

    def step(self, loss: float, progress: float = 0.0) -> float:
        """Take the loss of an epoch; returns the sigma of the next one.

        A loss of another sigma is no measure for the new one, so each width starts afresh.

        Args:
            loss: of the epoch.
            progress: share of a training of limited time that is over: the widths before the last share its
                first half, plateau or not.
        """
        if loss < self._best * (1 - self.improvement):
            self._best, self._waited = loss, 0
        else:
            self._waited += 1
        halvings, done = math.log2(self.start / self.final), math.log2(self.start / self.sigma)
        late = 2 * progress * halvings > done + 1
        if (self._waited >= self.patience or late) and self.sigma > self.final:
            self.sigma, self._best, self._waited = self.sigma / 2, math.inf, 0
        return self.sigma

    def state_dict(self) -> dict[str, Any]:
        """All that must be kept to continue."""
        return {"sigma": self.sigma, "best": self._best, "waited": self._waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where another schedule was."""
        self.sigma, self._best, self._waited = state["sigma"], state["best"], state["waited"]
