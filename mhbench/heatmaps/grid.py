"""The grid of a volumetric heatmap: which joint, depth, row and column a voxel stands for.

Axes are (channel, depth bin, row, column); voxel 0 of an axis stands for its lower end, and a coordinate
belongs to the nearest voxel (Fabbri et al., "Compressed Volumetric Heatmaps for Multi-Person 3D Pose
Estimation", 2020).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Final, Literal

from mhbench.errors import UsageError

_INT16_SIZE: Final = 2**15
_INT32_SIZE: Final = 2**31


@dataclass(frozen=True, slots=True)
class Grid:
    """Grid of the heatmap of one camera.

    Args:
        joints: joint names in channel order.
        depth_min: depth of bin 0, metres.
        depth_max: depth of the last bin, metres.
        height: image height, px.
        width: image width, px.
        depth_bins: number of depth bins D.
        stride: image pixels per row and column.
        sigma: width of the Gaussian in voxels; the value at distance r is exp(-r^2 / sigma^2).
        depth_axis: what depth means: the Euclidean distance to the camera centre, or the z coordinate.
        pixel_rounding: whether pixels are truncated to integers before they are assigned (JTA) or not.
        pad_to: rows and columns are padded at their ends up to a multiple of this (see `padded`).

    Raises:
        UsageError: a value makes no grid, or its indices leave int16 (a voxel number: int32).
    """

    joints: tuple[str, ...]
    _: KW_ONLY
    depth_min: float
    depth_max: float
    height: int
    width: int
    depth_bins: int = 316
    stride: int = 8
    sigma: float = 2.0
    depth_axis: Literal["distance", "z"] = "distance"
    pixel_rounding: Literal["none", "truncate"] = "none"
    pad_to: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "joints", tuple(self.joints))
        if not self.joints or len(set(self.joints)) != len(self.joints):
            raise _refused(f"the joints {list(self.joints)}", "at least one name, none of them twice")
        if not self.depth_max > self.depth_min:
            raise _refused(f"depths {self.depth_min} .. {self.depth_max} m", "depth_min < depth_max")
        if self.depth_bins < 2 or self.stride < 1 or self.pad_to < 1:
            numbers = f"{self.depth_bins} depth bins, stride {self.stride}, padded to {self.pad_to}"
            raise _refused(numbers, "at least 2 depth bins, a stride and a multiple of at least 1")
        if not self.sigma > 0:
            raise _refused(f"sigma {self.sigma}", "a width above 0 voxels")
        if self.depth_axis not in {"distance", "z"} or self.pixel_rounding not in {"none", "truncate"}:
            choices = f"depth_axis {self.depth_axis!r}, pixel_rounding {self.pixel_rounding!r}"
            raise _refused(choices, "depth_axis distance or z, pixel_rounding none or truncate")
        if min(self.shape) < 1 or max(self.shape) >= _INT16_SIZE or self.voxels >= _INT32_SIZE:
            raise _refused(
                f"the shape {self.shape}", "1 to 32,767 voxels per axis and fewer than 2^31 in all"
            )

    @property
    def channels(self) -> int:
        """Number of joints J."""
        return len(self.joints)

    @property
    def rows(self) -> int:
        """Number of rows H': the whole strides in the height, padded."""
        return _padded(self.height // self.stride, self.pad_to)

    @property
    def columns(self) -> int:
        """Number of columns W': the whole strides in the width, padded."""
        return _padded(self.width // self.stride, self.pad_to)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(J, D, H', W')."""
        return (self.channels, self.depth_bins, self.rows, self.columns)

    @property
    def voxels(self) -> int:
        """Number of voxels of the volume."""
        return self.channels * self.depth_bins * self.rows * self.columns

    @property
    def depth_step(self) -> float:
        """Metres between neighbouring depth bins."""
        return (self.depth_max - self.depth_min) / (self.depth_bins - 1)

    @property
    def radius(self) -> int:
        """Half the side of the cube a Gaussian is cut to: the side is 5 sigma, or the next odd number.

        A fractional 5 sigma is cut down first (the reference knows integer sigmas only).
        """
        side = int(5 * self.sigma)
        return (side if side % 2 else side + 1) // 2

    def padded(self, multiple: int) -> Grid:
        """The same grid with rows and columns up to a multiple of 4 or 8, for networks that halve and double.

        Centres do not depend on it: index and pixel of a voxel stay the same.
        """
        return replace(self, pad_to=multiple)


def _padded(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _refused(what: str, expected: str) -> UsageError:
    return UsageError(f"no heatmap grid can have {what}", expected=expected, action="correct the grid")
