"""VoxelPose's maps: people in a world-space volume of roots, and 2D heatmaps that grow with the person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.checks import check_shape
from mhbench.heatmaps.flat_maps import draw_flat

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_SIGMA_MM: Final = 200.0
_REFERENCE_CELLS: Final = 96.0


@dataclass(frozen=True, slots=True)
class RootSpace:
    """The space people are searched in, millimetres of the world frame; nodes lie on its faces.

    Attributes:
        size: x, y, z extent.
        centre: its middle.
        cells: nodes along x, y, z.
    """

    size: tuple[float, float, float] = (8000.0, 8000.0, 2000.0)
    centre: tuple[float, float, float] = (0.0, -500.0, 800.0)
    cells: tuple[int, int, int] = (80, 80, 20)

    def nodes(self) -> tuple[Floats, Floats, Floats]:
        """Coordinates of the nodes along x, y, z; their spacing is size / (cells - 1)."""
        x, y, z = (
            np.linspace(middle - size / 2, middle + size / 2, cells)
            for size, middle, cells in zip(self.size, self.centre, self.cells, strict=True)
        )
        return x, y, z


def root_volume(
    roots: npt.NDArray[np.floating[Any]], space: RootSpace | None = None
) -> npt.NDArray[np.float32]:
    """The volume of roots: exp(-d^2 / (2 200^2)) with d in mm, cut to a box of 3 x 200 mm, the largest wins.

    Args:
        roots: (P, 3) mm, world frame.
        space: by default the one of the Panoptic experiments.

    Returns:
        (X, Y, Z) float32.
    """
    check_shape("roots", roots, "P 3")
    axes = (space or RootSpace()).nodes()
    volume = np.zeros([len(axis) for axis in axes])
    for root in np.asarray(roots, dtype=np.float64):
        away = [axis - place for axis, place in zip(axes, root, strict=True)]
        factors = [
            np.where(np.abs(one) <= 3 * _SIGMA_MM, np.exp(-(one**2) / (2 * _SIGMA_MM**2)), 0) for one in away
        ]
        np.maximum(volume, np.einsum("i,j,k->ijk", *factors), out=volume)
    return volume.astype(np.float32)


def read_root_volume(
    volume: npt.NDArray[np.floating[Any]],
    space: RootSpace | None = None,
    *,
    most: int = 10,
    above: float = 0.3,
) -> tuple[Floats, npt.NDArray[np.floating[Any]]]:
    """People of a root volume: nodes that equal the maximum of their 3 x 3 x 3 cube, the best ones first.

    Returns:
        (N, 3) mm, world frame; (N,) values.
    """
    padded = np.pad(volume, 1, constant_values=-np.inf)
    largest = np.lib.stride_tricks.sliding_window_view(padded, (3, 3, 3)).max(axis=(-3, -2, -1))
    found = np.argwhere((volume == largest) & (volume > above))
    values = volume[tuple(found.T)]
    order = np.argsort(-values, kind="stable")[:most]
    axes = (space or RootSpace()).nodes()
    return np.column_stack([axis[found[order, k]] for k, axis in enumerate(axes)]), values[order]


def person_scaled_maps(
    joints: npt.NDArray[np.floating[Any]], *, height: int = 128, width: int = 240, sigma: float = 3.0
) -> npt.NDArray[np.float32]:
    """2D heatmaps whose Gaussians grow with the person.

    Sigma is multiplied by sqrt(2 s / 96^2), where s is the squared longer side of the box of the person's
    joints in cells, at least 96^2 / 4 and at most 4 x 96^2.

    Args:
        joints: (P, J, 2) cells of the map; NaN = not drawn. Centres are truncated to whole cells.
        height: of the maps.
        width: of the maps.
        sigma: cells.

    Returns:
        (J, H, W) float32, exp(-d^2 / (2 sigma^2)) cut at 3 sigma.
    """
    check_shape("joints", joints, "P J 2")
    person, joint = np.nonzero(np.all(np.isfinite(joints), axis=-1))
    widths = np.full(len(joints), np.nan)
    for row in np.unique(person):
        seen = joints[row, joint[person == row]]
        area = float(np.max(seen.max(axis=0) - seen.min(axis=0))) ** 2
        scale = np.clip(area, _REFERENCE_CELLS**2 / 4, 4 * _REFERENCE_CELLS**2)
        widths[row] = sigma * np.sqrt(2 * scale / _REFERENCE_CELLS**2)
    cells = np.trunc(joints[person, joint]).astype(np.int64)
    reach = np.trunc(3 * widths[person]).astype(np.int64)[:, None]
    return draw_flat(
        (joints.shape[1], height, width),
        joint,
        cells,
        sigma=widths[person],
        halved=True,
        first=cells - reach,
        last=cells + reach,
    )
