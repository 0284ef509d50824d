"""Frames for training that are made when they are needed: synthetic crowds, no two of them alike.

Frames to validate and to test on come from other random numbers, and their people from other actors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.heatmaps import locate, select_joints
from mhbench.models.loco.checkpoints import GridConfig
from mhbench.models.protocol import InputFrame
from mhbench.models.training_frames import Whole, placed_joints
from mhbench.skeletons import skeleton
from mhbench.synthetic.crowd_pictures import draw_picture
from mhbench.synthetic.crowds import KINDS, SKELETON, draw_crowd, people_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mhbench.heatmaps import Grid
    from mhbench.models.training_config import CrowdConfig
    from mhbench.models.training_frames import Purpose
    from mhbench.synthetic.crowds import Crowd, Kind

    Floats = npt.NDArray[np.float64]
    Centres = npt.NDArray[np.int16]

# the last number of a generator's seed; trainings draw with (seed, number), which ends in an implicit 0
_SCENES: Final = {"validation": 1, "test": 2}


class CrowdSource:
    """Crowds of one kind.

    Args:
        config: what they look like and how many are held out.

    Raises:
        UsageError: no crowd can be so.
    """

    def __init__(self, config: CrowdConfig) -> None:
        self._config = config
        self.dataset = f"synthetic-{config.kind}"
        self.kind = kind_of(config)
        self.grid = grid_of(config)

    def draw(self, random: np.random.Generator) -> CrowdSample:
        """A crowd nobody has seen."""
        return CrowdSample(self, random.bit_generator.random_raw(2).tolist(), held_out=False)

    def held_out(self) -> list[CrowdSample]:
        """The crowds to validate on: the same ones in every training."""
        return self.scenes("validation", self._config.validation)

    def scenes(self, purpose: str, count: int) -> list[CrowdSample]:
        """The first crowds held out for `validation` or for `test`."""
        return [CrowdSample(self, [number, 0, _SCENES[purpose]], held_out=True) for number in range(count)]

    def people(self, purpose: Purpose) -> Whole:
        """All poses the crowds are made of, in front of no camera: the floor at y = 0."""
        return Whole(skeleton(SKELETON).joints, people_of(held_out=purpose != "train"))


@dataclass(frozen=True, slots=True)
class CrowdSample:
    """A crowd, made anew from its seed whenever it is asked for; see `training_frames.Sample`."""

    source: CrowdSource
    seed: list[int]
    held_out: bool

    def grid(self, joints: Sequence[str] | None = None) -> Grid:
        """The grid of its heatmaps."""
        kind, whole = self.source.kind, self.source.grid
        return replace(whole.grid(kind.height, kind.width), joints=tuple(joints or whole.joints))

    def centres(self, joints: Sequence[str] | None = None) -> Centres:
        """(N, 4) channel, depth bin, row, column of the drawn joints."""
        crowd, grid = self._crowd()[0], self.grid()
        centres: Centres = locate(grid, crowd.joints2d, crowd.joints3d).centres
        return centres if joints is None else select_joints(grid, centres, joints)[1]

    def seen(self) -> InputFrame:
        """Its picture and camera."""
        crowd, random = self._crowd()
        name = "-".join(map(str, self.seed))
        return InputFrame(
            f"{name}/0/0", draw_picture(self.source.kind, crowd, random), self.source.kind.camera
        )

    def joints(self, grid: Grid) -> Floats:
        """(N, 4) channel of the grid, x, y, z in metres, of every joint inside the image."""
        crowd = self._crowd()[0]
        columns = list(skeleton(SKELETON).indices(grid.joints))
        return placed_joints(grid, crowd.joints2d[:, columns], crowd.joints3d[:, columns])

    def _crowd(self) -> tuple[Crowd, np.random.Generator]:
        random = np.random.default_rng(self.seed)
        return draw_crowd(self.source.kind, random, held_out=self.held_out), random


def kind_of(config: CrowdConfig) -> Kind:
    """The kind of the settings, with what they change."""
    changes = {
        name: getattr(config, name)
        for name in ("width", "height", "people", "most", "near", "far")
        if getattr(config, name)
    }
    return replace(KINDS[config.kind].smaller(config.smaller), **changes)


def grid_of(config: CrowdConfig) -> GridConfig:
    """The grid of the settings: that of the data set, unless they change it."""
    kind = KINDS[config.kind]
    return GridConfig(
        depth_min=kind.depth[0],
        depth_max=config.depth_max or kind.depth[1],
        depth_bins=config.depth_bins,
        pixel_rounding="truncate" if kind.whole_pixels else "none",
    )
