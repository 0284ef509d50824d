"""The pose refiner: fills holes and corrects joints of one person, as vectors from the root (the head).

A vector is divided by twice the joint's longest distance and shifted to [0, 1]; a hole enters as -1, -1, -1.
The equation of the paper has neither shift nor factor 2; the public weights are made for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mhbench.checks import check_shape
from mhbench.errors import ShapeError
from mhbench.heatmaps.association import REFINER_LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

HOLE: Final = -1.0
HOLE_CONFIDENCE: Final = 0.2  # joints up to this enter as holes
TRUSTED_CONFIDENCE: Final = 1.0  # joints above this stay as detected: the root and, in practice, no other
_HIDDEN: Final = 128


class Refiner(nn.Module):
    """(P, 3 (J - 1)) normalised vectors, holes -1 -> refined vectors.

    Args:
        limits: (J,) longest distance of each joint from the root, metres; the root's own is not used.
        root: channel of the root.

    Raises:
        ShapeError: a limit is not above 0.
    """

    def __init__(self, limits: Sequence[float] = REFINER_LIMITS, root: int = 0) -> None:
        super().__init__()
        self.limits, self.root = tuple(limits), root
        if any(not limit > 0 for n, limit in enumerate(limits) if n != root):
            raise ShapeError(
                f"the limits {list(limits)} hold a length that is none",
                expected="metres above 0",
                action="give the greatest distance from the root for each joint",
            )
        size = 3 * (len(limits) - 1)
        self.fc1 = nn.Sequential(nn.Linear(size, _HIDDEN), nn.ReLU())
        self.fc2 = nn.Sequential(nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU())
        self.fc3 = nn.Sequential(nn.Linear(_HIDDEN, size))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Refined vectors: a correction of what is there; a hole starts from 0."""
        correction: torch.Tensor = self.fc3(self.fc2(self.fc1(vectors)))
        return correction + functional.relu(vectors)

    @torch.no_grad()
    def refine(
        self, joints: npt.NDArray[np.floating[Any]], confidence: npt.NDArray[np.floating[Any]]
    ) -> Floats:
        """Whole people from detected ones.

        Args:
            joints: (P, J, 3) metres, NaN = not found; the root must be there.
            confidence: (P, J), 0 where not found.

        Returns:
            (P, J, 3) metres; the root and joints with a confidence above 1 as they were.

        Raises:
            ShapeError: the arrays do not fit each other or the network, or a root is missing.
        """
        sizes = check_shape("joints", joints, "P J 3", {"J": len(self.limits)})
        check_shape("confidence", confidence, "P J", sizes)
        roots = np.asarray(joints[:, self.root], dtype=np.float64)
        if not np.isfinite(roots).all():
            raise ShapeError(
                "a person has no root",
                expected="people that the root started",
                action="leave people without a root out of what is refined",
            )
        vectors = normalise(joints, self.limits, self.root)
        vectors[self.others(confidence) <= HOLE_CONFIDENCE] = HOLE
        flat = torch.from_numpy(vectors).flatten(start_dim=1).to(next(self.parameters()))
        refined = self(flat)
        free = restore(refined.reshape(vectors.shape).double().cpu().numpy(), roots, self.limits, self.root)
        kept = (confidence > TRUSTED_CONFIDENCE) & np.isfinite(joints).all(axis=2)
        return np.where(kept[..., None], joints, free)

    def others(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The columns (axis 1) of all joints but the root."""
        return np.delete(array, self.root, axis=1)


def normalise(joints: npt.NDArray[np.floating[Any]], limits: Sequence[float], root: int) -> Floats:
    """(P, J, 3) metres -> (P, J - 1, 3) vectors from the root, 0.5 = the root itself; holes are -1."""
    longest = np.delete(np.asarray(limits, dtype=np.float64), root)[:, None]
    away = np.delete(joints, root, axis=1) - np.asarray(joints[:, root : root + 1], dtype=np.float64)
    vectors = 0.5 + away / (2 * longest)
    return np.where(np.isfinite(vectors).all(axis=2, keepdims=True), vectors, HOLE)


def restore(vectors: Floats, roots: Floats, limits: Sequence[float], root: int) -> Floats:
    """(P, J - 1, 3) vectors and (P, 3) roots -> (P, J, 3) metres: the inverse of `normalise`."""
    longest = np.delete(np.asarray(limits, dtype=np.float64), root)[:, None]
    others = roots[:, None] + (vectors - 0.5) * (2 * longest)
    return np.insert(others, root, roots, axis=1)
