"""Where a predicted volume lies, told from the truth: BodyNet's evaluation, an oracle and named as one.

A network's volume has no unit. BodyNet's published fit takes the box, the scale and the padding of the true
volume, and the true body's gender and place; no model knows them. Its formula reads a value as if it stood at
the corner of its cell and not at the centre, half a cell off: `oracle-as-coded` does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mhbench.errors import InputError
from mhbench.predictions.table import frame_key
from mhbench.predictions.volume_files import VolumeGrid
from mhbench.scoring.placed_bodies import origins, true_places
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.bodies import BodyModel
    from mhbench.frames import FrameTable

    Floats = npt.NDArray[np.float64]


class TrueBody(NamedTuple):
    """The annotated body of a person: what SMPL needs, and where it is, camera frame, metres.

    `transl` or `pelvis` is NaN where the data set does not have it.
    """

    pose: Floats
    betas: Floats
    gender: str
    transl: Floats
    pelvis: Floats

    def place(self, model: BodyModel) -> Floats:
        """(3,) m, where the model's origin is; NaN if nobody knows."""
        return origins(self.transl, self.pelvis, model.rest_joints(self.betas[None])[0, 0])


def true_bodies_of(
    data: Path, dataset: str, wanted: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], TrueBody]:
    """The annotated bodies of some people of shards.

    Args:
        data: folder of the shards.
        dataset: id of the data set.
        wanted: frame and person of each; the person "" is the only one of the frame.

    Raises:
        InputError: a frame or person is not in the shards, or has no SMPL parameters.
    """
    keys = {(frame_key(frame), person): (frame, person) for frame, person in wanted}
    frames = {frame for frame, _ in keys}
    found = {}
    for table in open_shards(data, dataset=dataset).tables():
        for row, frame in enumerate(map(frame_key, table.frames["id"].tolist())):
            if frame not in frames:
                continue
            people = range(*table.people(row).indices(table.person_count))
            for person in people:
                names = {str(table.persons["track"][person])} if "track" in table.persons else set()
                for name in names | ({""} if len(people) == 1 else set()):
                    if (frame, name) in keys:
                        found[keys[frame, name]] = _true_body(table, person)
    for missing_frame, name in wanted:
        if (missing_frame, name) not in found:
            raise InputError(
                f"{data} has no {f'person {name}' if name else 'single person'} in the frame {missing_frame}",
                expected="the annotated person of every volume, from whom the oracle alignment is told",
                action="convert the frames, and name the person where a frame has several",
            )
    return found


def oracle_grid(
    target: npt.NDArray[np.bool_], mesh: Floats, resolution: int, *, as_coded: bool
) -> VolumeGrid:
    """The grid on which the true volume fills the box of the true mesh.

    Args:
        target: (X, Y, Z) bool, the true volume as the network's grid has it.
        mesh: (V, 3) m, the true mesh.
        resolution: cells along the longest side of the box in the volume it was made from, 128 in BodyNet.
        as_coded: half a cell off, as the published code is.

    Raises:
        InputError: the true volume is empty.
    """
    if not target.any():
        raise InputError(
            "the true volume is empty, so nothing tells where the predicted one lies",
            expected="a volume with the true body in it",
            action="leave the frame out: BodyNet's alignment leaves it empty where the body does not fit",
        )
    corner, sides = mesh.min(axis=0), mesh.max(axis=0) - mesh.min(axis=0)
    filled = [np.flatnonzero(target.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    cells = np.array([rows[-1] - rows[0] + 1 for rows in filled])
    # the sides were cut to whole cells of the first volume before they were scaled to those of the grid
    cell = sides.max() / resolution * np.round(resolution * sides / sides.max()) / cells
    first = np.array([rows[0] for rows in filled])
    return VolumeGrid(corner - (first + 0.5 * as_coded) * cell, cell)


def _true_body(table: FrameTable, person: int) -> TrueBody:
    columns = table.persons
    if "smpl_pose" not in columns:
        raise InputError(
            f"the shards of {table.dataset} have no SMPL parameters",
            expected="the column smpl_pose, of which the true mesh is made",
            action="give the volumes a corner and a cell in their file",
        )
    transl, pelvis = true_places(table, np.array([person]))
    return TrueBody(
        pose=columns["smpl_pose"][person].astype(np.float64),
        betas=columns["smpl_betas"][person].astype(np.float64),
        gender=str(columns["gender"][person]) if "gender" in columns else "neutral",
        transl=transl[0],
        pelvis=pelvis[0],
    )
