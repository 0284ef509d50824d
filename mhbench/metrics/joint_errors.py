"""Distances between predicted and true points: MPJPE, N-MPJPE, PVE, MPJVE and acceleration error.

Positions are in metres, in one common frame; results are in millimetres, one per pose. A pose with a
coordinate that is not finite, or with no valid joint, gets NaN: the caller counts it as missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mhbench.checks import check_shape
from mhbench.metrics import pose_kernels
from mhbench.metrics.pose_arrays import pose_pair, root_joints

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_MM = 1000.0


def mpjpe(
    predicted: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    root: int | Sequence[int] | None = None,
    valid: npt.ArrayLike | None = None,
) -> Floats:
    """Mean per joint position error.

    Args:
        predicted: (N, J, 3) m.
        target: (N, J, 3) m, same frame.
        root: joint that is subtracted on both sides first, or several whose mean is; none: absolute error.
            The root is read from the coordinates whether or not it is valid, so a root that is not to be
            scored is masked; one that is missing is NaN, never a sentinel number.
        valid: (N, J) bool, the joints that are averaged; none: all.

    Returns:
        (N,) mm. A root joint that is averaged counts an exact 0.

    Raises:
        ShapeError: shapes that do not belong together.
        UsageError: the root is no joint of the poses.
    """
    p, g, mask = pose_pair(predicted, target, valid)
    return _mean_distances(p, g, mask, root=root)


def n_mpjpe(predicted: npt.ArrayLike, target: npt.ArrayLike, *, valid: npt.ArrayLike | None = None) -> Floats:
    """MPJPE after the best scale s = <p, g> / <p, p> of each pose (VideoPose3D, mmpose).

    Nothing is centred: the scale acts about the origin, so the caller subtracts the root it wants.

    Args:
        predicted: (N, J, 3) m, centred by the caller.
        target: (N, J, 3) m, likewise.
        valid: (N, J) bool, the joints that take part in scale and mean; none: all.

    Returns:
        (N,) mm. A prediction that is all zero has the scale 0.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    p, g, mask = pose_pair(predicted, target, valid)
    errors = np.zeros(len(p))
    pose_kernels.scaled_distances(p, g, mask, errors)
    return errors * _MM


def pve(
    vertices_p: npt.ArrayLike,
    vertices_t: npt.ArrayLike,
    *,
    root_p: npt.ArrayLike | None = None,
    root_t: npt.ArrayLike | None = None,
) -> Floats:
    """Per vertex error (also MPVPE, MVE): mean distance of corresponding vertices.

    Args:
        vertices_p: (N, V, 3) m, predicted.
        vertices_t: (N, V, 3) m, true, same topology.
        root_p: (N, 3) m, subtracted from the predicted vertices; none: 0. Which point it is differs between
            evaluators (midpoint of the hips, pelvis), so it is given, not guessed.
        root_t: (N, 3) m, subtracted from the true vertices; none: 0.

    Returns:
        (N,) mm.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    p, g, mask = pose_pair(vertices_p, vertices_t, None)
    shift = np.zeros((len(p), 3))
    for name, root, sign in (("root_p", root_p, 1.0), ("root_t", root_t, -1.0)):
        if root is not None:
            point = np.asarray(root, dtype=np.float64)
            check_shape(name, point, "N 3", {"N": len(p)})
            shift += sign * point
    return _mean_distances(p, g, mask, shift=shift)


def mpjve(predicted: npt.ArrayLike, target: npt.ArrayLike, *, valid: npt.ArrayLike | None = None) -> Floats:
    """Mean per joint velocity error of one person's sequence: MPJPE of the steps from frame to frame.

    Args:
        predicted: (F, J, 3) m, consecutive frames of one person.
        target: (F, J, 3) m.
        valid: (F, J) bool; a joint counts in a step if it is valid at both ends.

    Returns:
        (F - 1,) mm per frame.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    return _difference_error(predicted, target, valid, order=1)


def acceleration_error(
    predicted: npt.ArrayLike, target: npt.ArrayLike, *, valid: npt.ArrayLike | None = None
) -> Floats:
    """Mean distance of the accelerations x[t] - 2 x[t+1] + x[t+2] of one person's sequence.

    Args:
        predicted: (F, J, 3) m, consecutive frames of one person.
        target: (F, J, 3) m.
        valid: (F, J) bool; a joint counts where it is valid in all three frames.

    Returns:
        (F - 2,) mm per squared frame.

    Raises:
        ShapeError: shapes that do not belong together.
    """
    return _difference_error(predicted, target, valid, order=2)


def _difference_error(
    predicted: npt.ArrayLike, target: npt.ArrayLike, valid: npt.ArrayLike | None, *, order: int
) -> Floats:
    p, g, mask = pose_pair(predicted, target, valid)
    steps = max(len(p) - order, 0)
    if len(mask):
        mask = np.logical_and.reduce([mask[first : first + steps] for first in range(order + 1)])
    return _mean_distances(np.diff(p, n=order, axis=0), np.diff(g, n=order, axis=0), mask)


def _mean_distances(
    p: Floats,
    g: Floats,
    mask: npt.NDArray[np.bool_],
    *,
    root: int | Sequence[int] | None = None,
    shift: Floats | None = None,
) -> Floats:
    errors = np.zeros(len(p))
    roots = root_joints(root, p.shape[1])
    pose_kernels.mean_distances(p, g, roots, np.zeros((0, 3)) if shift is None else shift, mask, errors)
    return errors * _MM
