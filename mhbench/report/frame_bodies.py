"""The bodies of one frame, gathered for a picture: of predictions, or of shards with SMPL parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.errors import UsageError
from mhbench.matching import hungarian
from mhbench.predictions.table import PredictionTable, frame_key
from mhbench.report.mesh_picture import DepthOrder, FrameBodies, draw_bodies
from mhbench.scoring.body_collisions import frame_meshes
from mhbench.scoring.placed_bodies import gives_meshes
from mhbench.scoring.scored import Choices
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.figure import Figure

    from mhbench.frames import FrameTable

    Floats = npt.NDArray[np.float64]

_BODY_COLUMNS = ("smpl_pose", "smpl_betas", "smpl_transl", "gender", "joints3d")


def bodies_figure(
    table: FrameTable, predictions: PredictionTable | None, image: npt.NDArray[np.uint8] | None
) -> Figure:
    """The picture of a frame's bodies.

    Args:
        table: one frame of shards.
        predictions: whose bodies are drawn; those of the shards if None.
        image: of the frame, if it is at hand.

    Raises:
        UsageError: nobody in the frame has a body.
        PredictionError: the meshes are no SMPL bodies.
        MissingInputError: there is no model file.
    """
    frame = str(table.frames["id"][0])
    given = true_bodies_of(table) if predictions is None else predictions
    row = given.frame_keys.index(frame_key(frame)) if frame_key(frame) in given.frame_keys else -1
    if row < 0 or not gives_meshes(given) or given.people(row).start == given.people(row).stop:
        raise UsageError(
            f"nobody in {frame} has a body in {given.source or 'the shards'}",
            expected="vertices, or SMPL parameters with transl or a pelvis in joints3d, in space camera",
            action="give predictions of bodies with --preds, or shards of a data set that has them",
        )
    meshes, faces = frame_meshes(given, row, None, Choices().bodies)
    if not np.isfinite(meshes).all(axis=(1, 2)).any():
        raise UsageError(
            f"every body in {frame} has coordinates that are not finite",
            expected="(V, 3) finite vertices of at least one person",
            action="check the predictions: mhbench validate FILE",
        )
    # the truth by its tracks, as in the picture of joints; predictions by their place in the frame
    known = predictions is None and "track" in table.persons
    names = tuple(map(str, table.persons["track"].tolist() if known else range(len(meshes))))
    model = f", {given.model}" if given.model else ""
    order = None if predictions is None else depth_order_of(table, predictions, row, meshes)
    return draw_bodies(
        FrameBodies(meshes, faces, names, f"{frame}{model}"), table.camera(0), image=image, order=order
    )


def true_bodies_of(table: FrameTable) -> PredictionTable:
    """The SMPL bodies of one frame of shards, as if they were predictions; nobody's if it has none."""
    persons: dict[str, Any] = {name: table.persons[name] for name in _BODY_COLUMNS if name in table.persons}
    return PredictionTable(
        dataset=table.dataset,
        frame_ids=table.frames["id"].astype(np.str_),
        person_start=np.array([0, table.person_count]),
        persons={
            name: column if column.dtype.kind == "U" else column.astype(np.float64)
            for name, column in persons.items()
        },
        space="camera",
        skeleton=table.skeleton if "joints3d" in persons else None,
        body_model="smpl" if "smpl_pose" in persons else None,
    )


def depth_order_of(
    table: FrameTable, predictions: PredictionTable, row: int, meshes: Floats
) -> DepthOrder | None:
    """True and predicted depths of the people whose bodies are at the same place of the image.

    People meet by the distance of their middles in pixels, at most half the height of the true one.
    A predicted depth is what the file calls so, else the root's, else the mean of the mesh.
    """
    if "joints3d" not in table.persons:
        return None
    pixels = table.persons["joints2d"].astype(np.float64)
    joints = table.persons["joints3d"].astype(np.float64)
    if not len(joints):
        return None
    known = np.isfinite(pixels).all(axis=2, keepdims=True)
    count = np.maximum(known.sum(axis=1), 1)
    middle = np.where(known, pixels, 0.0).sum(axis=1) / count
    height = np.where(known, pixels, -np.inf)[..., 1].max(axis=1) - np.where(known, pixels, np.inf)[
        ..., 1
    ].min(axis=1)
    given = table.camera(0).project(meshes.mean(axis=1))
    apart = np.linalg.norm(middle[:, None] - given[None], axis=2)
    match = hungarian(np.where(apart <= height[:, None] / 2, apart, np.nan))
    true = root_depths(joints, table.skeleton)
    predicted, ordinal = _predicted_depths(predictions, row, meshes)
    hit = np.flatnonzero((match >= 0) & np.isfinite(true))
    hit = hit[np.isfinite(predicted[match[hit]])]
    return DepthOrder(match[hit], true[hit], predicted[match[hit]], ordinal)


def root_depths(joints: Floats, skeleton_name: str) -> Floats:
    """(P,) camera z of the skeleton's root; NaN where it is not known."""
    known = skeleton(skeleton_name)
    root: Floats = joints[:, known.indices(known.root), 2].mean(axis=1)
    return root


def _predicted_depths(predictions: PredictionTable, row: int, meshes: Floats) -> tuple[Floats, bool]:
    people = predictions.people(row)
    if "depth" in predictions.persons:
        return predictions.persons["depth"][people], predictions.depth_kind == "ordinal"
    if "joints3d" in predictions.persons and predictions.skeleton is not None:
        return root_depths(predictions.persons["joints3d"][people], predictions.skeleton), False
    return meshes.mean(axis=1)[:, 2], False
