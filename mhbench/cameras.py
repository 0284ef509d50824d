"""Cameras: world, camera and pixel coordinates through the lens models of the data sets, both ways.

Camera frame: x right, y down, z forward, metres. Pixel (0, 0) is the centre of the top-left pixel.
Lens models take normalised coordinates x = X / Z, y = Y / Z, with r^2 = x^2 + y^2 and
s = 1 + k1 r^2 + k2 r^4 + k3 r^6:

    opencv      x' = x s + 2 (p1 x y + p2 x^2) + p2 r^2     y' = y s + 2 (p1 y^2 + p2 x y) + p1 r^2
    human36m    x' = x s +   (p1 x y + p2 x^2) + p2 r^2     y' = y s +   (p1 y^2 + p2 x y) + p1 r^2

The second is Human3.6M's own (its code multiplies x and y by s + p1 y + p2 x) and differs from OpenCV's by up
to 0.2 px on its images. Beyond the first maximum of r s a lens model folds the scene back into the image; no
point is projected from there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import ShapeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

Lens = Literal["pinhole", "opencv", "human36m"]

# Factor of the tangential terms that depend on the direction: the only difference between the two models.
_CROSS: Final[Mapping[str, float]] = {"opencv": 2.0, "human36m": 1.0}
_COEFFICIENTS: Final = 8
_BRACKETINGS: Final = 64  # bisection alone halves the bracket to the last bit of a float64
_REFINEMENTS: Final = 16  # Newton's method doubles the correct digits; what needs more has no solution
_TOLERANCE: Final = 1e-11  # of the normalised plane: 1e-8 px at a focal length of 1000 px


def project(
    points: npt.ArrayLike, K: npt.ArrayLike, distortion: npt.ArrayLike, lens: Lens = "pinhole"
) -> Floats:
    """Pixels of points in the camera frame.

    Args:
        points: (..., 3) metres, camera frame (any unit will do); (N, ..., 3) with stacked cameras.
        K: (3, 3) or (N, 3, 3) intrinsics, px; skew is used.
        distortion: (8,) or (N, 8): k1 k2 p1 p2 k3 0 0 0.
        lens: the model of `distortion`; pinhole ignores it.

    Returns:
        (..., 2) float64 px; NaN for points that are not in front of the camera (z <= 0), NaN, or beyond the
        lens's fold-back.

    Raises:
        ShapeError: the shapes do not fit each other.
        UsageError: there is no such lens model.
    """
    points = np.asarray(points, dtype=np.float64)
    check_shape("points", points, "... 3")
    matrix = _per_point("K", K, (3, 3), points)
    depth = np.where(points[..., 2] > 0, points[..., 2], np.nan)
    # A point grazing the image plane overflows; it is beyond every fold-back, or infinitely far outside.
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = points[..., 0] / depth, points[..., 1] / depth
        if _is_distorted(lens):
            coefficients = _per_point("distortion", distortion, (_COEFFICIENTS,), points)
            inside = np.hypot(x, y) <= _fold_back_radii(coefficients)
            x, y = np.where(inside, x, np.nan), np.where(inside, y, np.nan)
            x, y = _distort(x, y, coefficients, _CROSS[lens])
        u = matrix[..., 0, 0] * x + matrix[..., 0, 1] * y + matrix[..., 0, 2]
        v = matrix[..., 1, 1] * y + matrix[..., 1, 2]
    return _all_or_nothing([u, v])


def unproject(
    pixels: npt.ArrayLike, K: npt.ArrayLike, distortion: npt.ArrayLike, lens: Lens = "pinhole"
) -> Floats:
    """Rays through pixels: the true inverse of `project`.

    The radial part is inverted by Newton's method in a bracket, so that it stays before the fold-back; Newton
    steps on the full model then account for the tangential terms.

    Args:
        pixels: (..., 2) px; (N, ..., 2) with stacked cameras.
        K: (3, 3) or (N, 3, 3) intrinsics, px.
        distortion: (8,) or (N, 8), as in `project`.
        lens: the model of `distortion`.

    Returns:
        (..., 3) float64 with z = 1; NaN where no point before the fold-back is seen.

    Raises:
        ShapeError: the shapes do not fit each other.
        UsageError: there is no such lens model.
    """
    pixels = np.asarray(pixels, dtype=np.float64)
    check_shape("pixels", pixels, "... 2")
    matrix = _per_point("K", K, (3, 3), pixels)
    y = (pixels[..., 1] - matrix[..., 1, 2]) / matrix[..., 1, 1]
    x = (pixels[..., 0] - matrix[..., 0, 2] - matrix[..., 0, 1] * y) / matrix[..., 0, 0]
    if _is_distorted(lens):
        x, y = _undistort(x, y, _per_point("distortion", distortion, (_COEFFICIENTS,), pixels), _CROSS[lens])
    return _all_or_nothing([x, y, np.ones_like(x)])


def to_camera(points: npt.ArrayLike, R: npt.ArrayLike, t: npt.ArrayLike) -> Floats:
    """World to camera: `R X + t`.

    Args:
        points: (..., 3) metres, world; (N, ..., 3) with stacked cameras.
        R: (3, 3) or (N, 3, 3) rotation world -> camera.
        t: (3,) or (N, 3) translation, in the unit of the points.

    Returns:
        (..., 3) float64, camera frame.

    Raises:
        ShapeError: the shapes do not fit each other.
    """
    points = np.asarray(points, dtype=np.float64)
    check_shape("points", points, "... 3")
    return _rotate(points, _per_point("R", R, (3, 3), points)) + _per_point("t", t, (3,), points)


def to_world(points: npt.ArrayLike, R: npt.ArrayLike, t: npt.ArrayLike) -> Floats:
    """Camera to world: the inverse of `to_camera`, same arguments."""
    points = np.asarray(points, dtype=np.float64)
    check_shape("points", points, "... 3")
    back = np.swapaxes(_per_point("R", R, (3, 3), points), -1, -2)
    return _rotate(points - _per_point("t", t, (3,), points), back)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """One camera, or a stack of N for as many poses: intrinsics, lens and place.

    Attributes:
        K: (3, 3) or (N, 3, 3) px.
        distortion: (8,) or (N, 8), see the module.
        lens: model of the distortion.
        R: (3, 3) or (N, 3, 3) rotation world -> camera.
        t: (3,) or (N, 3) translation world -> camera, metres.
        width: image width, px; 0 = unknown.
        height: image height, px; 0 = unknown.
    """

    K: Floats
    distortion: Floats = field(default_factory=lambda: np.zeros(_COEFFICIENTS))
    lens: Lens = "pinhole"
    R: Floats = field(default_factory=lambda: np.eye(3))
    t: Floats = field(default_factory=lambda: np.zeros(3))
    width: int = 0
    height: int = 0

    def project(self, points: npt.ArrayLike) -> Floats:
        """Pixels (..., 2) of points (..., 3) in the camera frame (see `project`)."""
        return project(points, self.K, self.distortion, self.lens)

    def unproject(self, pixels: npt.ArrayLike) -> Floats:
        """Rays (..., 3) with z = 1 through pixels (..., 2) (see `unproject`)."""
        return unproject(pixels, self.K, self.distortion, self.lens)

    def to_camera(self, points: npt.ArrayLike) -> Floats:
        """World points (..., 3) in the camera frame."""
        return to_camera(points, self.R, self.t)

    def to_world(self, points: npt.ArrayLike) -> Floats:
        """Camera points (..., 3) in the world frame."""
        return to_world(points, self.R, self.t)


def _is_distorted(lens: str) -> bool:
    if lens != "pinhole" and lens not in _CROSS:
        raise UsageError(
            f"there is no lens model {lens!r}",
            expected=f"one of: pinhole, {', '.join(_CROSS)}",
            action="name the model the distortion belongs to",
        )
    return lens != "pinhole"


def _per_point(name: str, value: npt.ArrayLike, shape: tuple[int, ...], points: Floats) -> Floats:
    """A camera parameter shaped to meet points: as it is, or one for each entry of their first axis."""
    parameter = np.asarray(value, dtype=np.float64)
    if parameter.shape == shape:
        return parameter
    if points.ndim < 2 or parameter.shape != (len(points), *shape):
        raise ShapeError(
            f"{name} has shape {parameter.shape} for points of shape {points.shape}",
            expected=f"{shape}, or one for each entry of the first axis of the points",
            action="stack one camera for each frame, or give a single one",
        )
    return parameter.reshape(len(points), *(1,) * (points.ndim - 2), *shape)


def _all_or_nothing(coordinates: list[Floats]) -> Floats:
    """Stack coordinates into a last axis; where one is NaN, all are."""
    stacked = np.stack(coordinates, axis=-1)
    return np.where(np.isnan(stacked).any(axis=-1, keepdims=True), np.nan, stacked)


def _rotate(points: Floats, R: Floats) -> Floats:
    # Written out: a matrix product gives other last bits for other batch shapes.
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([R[..., i, 0] * x + R[..., i, 1] * y + R[..., i, 2] * z for i in range(3)], axis=-1)


def _radial(r2: Floats, coefficients: Floats) -> Floats:
    k1, k2, k3 = coefficients[..., 0], coefficients[..., 1], coefficients[..., 4]
    return 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))


def _distort(x: Floats, y: Floats, coefficients: Floats, cross: float) -> tuple[Floats, Floats]:
    p1, p2 = coefficients[..., 2], coefficients[..., 3]
    r2 = x * x + y * y
    factor = _radial(r2, coefficients) + cross * (p1 * y + p2 * x)
    return x * factor + p2 * r2, y * factor + p1 * r2


def _undistort(x: Floats, y: Floats, coefficients: Floats, cross: float) -> tuple[Floats, Floats]:
    """Inverse of `_distort` before the fold-back, NaN where there is none."""
    fold = _fold_back_radii(coefficients)
    distance = np.hypot(x, y)
    radius = _undistorted_radius(distance, coefficients, fold)
    scale = np.divide(radius, distance, out=np.ones_like(distance), where=distance > 0)
    goal_x, goal_y, x, y = x, y, x * scale, y * scale
    k1, k2, p1, p2, k3 = (coefficients[..., i] for i in range(5))
    # Pixels without a solution run away; the residual below finds them out.
    with np.errstate(all="ignore"):
        for _ in range(_REFINEMENTS):
            r2 = x * x + y * y
            at_x, at_y = _distort(x, y, coefficients, cross)
            factor = _radial(r2, coefficients) + cross * (p1 * y + p2 * x)
            slope = 2.0 * (
                k1 + r2 * (2.0 * k2 + 3.0 * k3 * r2)
            )  # the radial factor's gradient is slope (x, y)
            xx = factor + x * (slope * x + cross * p2) + 2.0 * p2 * x
            xy = x * (slope * y + cross * p1) + 2.0 * p2 * y
            yx = y * (slope * x + cross * p2) + 2.0 * p1 * x
            yy = factor + y * (slope * y + cross * p1) + 2.0 * p1 * y
            determinant = xx * yy - xy * yx
            off_x, off_y = at_x - goal_x, at_y - goal_y
            if not np.any(np.hypot(off_x, off_y) > _TOLERANCE / 1e3):
                break
            x = x - (yy * off_x - xy * off_y) / determinant
            y = y - (xx * off_y - yx * off_x) / determinant
        at_x, at_y = _distort(x, y, coefficients, cross)
        solved = (np.hypot(at_x - goal_x, at_y - goal_y) <= _TOLERANCE) & (np.hypot(x, y) <= fold)
    return np.where(solved, x, np.nan), np.where(solved, y, np.nan)


def _undistorted_radius(distance: Floats, coefficients: Floats, fold: Floats) -> Floats:
    """Radius r <= fold with r s(r) = distance; the tangential terms are left out.

    Newton's method in a bracket that shrinks in each step; a distance out of reach ends just before the fold.
    """
    k1, k2, k3 = coefficients[..., 0], coefficients[..., 1], coefficients[..., 4]
    low = np.zeros_like(distance)
    high = np.broadcast_to(np.where(np.isinf(fold), 1.0, fold), distance.shape).copy()
    with np.errstate(all="ignore"):
        while np.any(short := np.isinf(fold) & (high * _radial(high * high, coefficients) < distance)):
            high = np.where(short, 2.0 * high, high)
        radius = np.minimum(distance, 0.99 * high)
        for _ in range(_BRACKETINGS):
            r2 = radius * radius
            off = radius * _radial(r2, coefficients) - distance
            if not np.any(np.abs(off) > _TOLERANCE):
                break
            low, high = np.where(off < 0, radius, low), np.where(off > 0, radius, high)
            step = radius - off / (1.0 + r2 * (3.0 * k1 + r2 * (5.0 * k2 + r2 * 7.0 * k3)))
            radius = np.where((step > low) & (step < high), step, (low + high) / 2.0)
    return np.minimum(radius, 0.999 * fold)


def _fold_back_radii(coefficients: Floats) -> Floats:
    """Fold-back radius of each lens; (...,) for coefficients (..., 8)."""
    if np.any(coefficients[..., 5:]):
        raise ShapeError(
            "the last three of the eight distortion coefficients are not 0",
            expected="k1 k2 p1 p2 k3 0 0 0",
            action="fit the lens with five coefficients, or undistort the images",
        )
    radial = coefficients[..., [0, 1, 4]]
    lenses, which = np.unique(radial.reshape(-1, 3), axis=0, return_inverse=True)
    radii = np.array([_first_maximum(*map(float, lens)) for lens in lenses])
    return radii[which.reshape(radial.shape[:-1])]


@functools.lru_cache(maxsize=4096)
def _first_maximum(k1: float, k2: float, k3: float) -> float:
    """Smallest r > 0 at which r (1 + k1 r^2 + k2 r^4 + k3 r^6) stops rising; inf if it always rises."""
    derivative = np.polynomial.Polynomial([1.0, 3.0 * k1, 5.0 * k2, 7.0 * k3])  # in r^2
    # Coefficients this small act only at angles of view that no lens has, and their roots overflow.
    roots = derivative.trim(1e-12).roots()
    squares = np.sort(roots.real[(np.abs(roots.imag) <= 1e-9 * np.abs(roots)) & (roots.real > 0)])
    # Beyond a maximum the derivative is negative; where it only touches zero the lens goes on rising.
    ends = np.append(squares[1:], squares[-1:] + 1.0)
    falling = derivative((squares + ends) / 2.0) < 0
    return float(np.sqrt(squares[falling][0])) if falling.any() else float("inf")
