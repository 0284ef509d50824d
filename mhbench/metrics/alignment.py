"""Procrustes alignment of a predicted pose to the true one, and the error that remains (PA-MPJPE, PMPJPE).

Minimises sum |s R p_j + t - g_j|^2 over scale s, proper rotation R and translation t, per person: a mirrored
pose is never aligned by a reflection. Agrees with SPIN, HMR, VideoPose3D, mmpose, mmhuman3d, 4D-Humans and
the 3DPW challenge, also where those need care:

    masked joints            take no part in the alignment, nor in the mean
    predicted pose a point   R = I, s = 0: what remains is the distance to the true centroid
                             (the rule of the 3DPW challenge)
    true pose a point        s = 0, the error is 0
    pose on a line, tie      the error is unique, R is one of many
    not finite, no joint     NaN everywhere; no exception
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mhbench.checks import check_shape
from mhbench.metrics import alignment_kernels
from mhbench.metrics.pose_arrays import pose_pair

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_MM = 1000.0


class Alignment(NamedTuple):
    """Similarity transforms of N poses: point -> scale * rotation @ point + translation.

    Attributes:
        rotation: (N, 3, 3), determinant +1.
        scale: (N,).
        translation: (N, 3) m.
    """

    rotation: Floats
    scale: Floats
    translation: Floats

    def apply(self, points: npt.ArrayLike) -> Floats:
        """Move points (N, J, 3) m, each row by its own transform.

        Raises:
            ShapeError: not (N, J, 3) with the N of the transforms.
        """
        array = np.asarray(points, dtype=np.float64)
        check_shape("points", array, "N J 3", {"N": len(self.scale)})
        turned = np.einsum("nab,njb->nja", self.rotation, array)
        moved: Floats = self.scale[:, None, None] * turned + self.translation[:, None, :]
        return moved


def procrustes(
    predicted: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    valid: npt.ArrayLike | None = None,
    scale: bool = True,
) -> Alignment:
    """Best similarity (or rigid) transform from each predicted pose to its target.

    Args:
        predicted: (N, J, 3) m.
        target: (N, J, 3) m, same frame.
        valid: (N, J) bool, the joints that take part; none: all.
        scale: False keeps s = 1 (the rigid alignment of PoseNet and RootNet).

    Returns:
        rotation (N, 3, 3), scale (N,), translation (N, 3) m; degenerate poses as the module says.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    p, g, mask = pose_pair(predicted, target, valid)
    result = Alignment(np.zeros((len(p), 3, 3)), np.zeros(len(p)), np.zeros((len(p), 3)))
    alignment_kernels.align(p, g, mask, scale, *result, np.zeros(0))
    return result


def pmpjpe(
    predicted: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    valid: npt.ArrayLike | None = None,
    scale: bool = True,
) -> Floats:
    """MPJPE after the Procrustes alignment of each pose.

    Args:
        predicted: (N, J, 3) m.
        target: (N, J, 3) m, same frame.
        valid: (N, J) bool, the joints that are aligned and averaged; none: all.
        scale: False aligns rigidly.

    Returns:
        (N,) mm; degenerate poses as the module says.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    p, g, mask = pose_pair(predicted, target, valid)
    errors = np.zeros(len(p))
    alignment_kernels.align(p, g, mask, scale, np.zeros((0, 3, 3)), np.zeros(0), np.zeros((0, 3)), errors)
    return errors * _MM
