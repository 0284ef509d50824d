"""One predicted volume -> its surface -> a fitted body: what a worker of the fitting pipeline does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a field of a dataclass that travels to the workers
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np

from mhbench.bodies import gender_name
from mhbench.datasets.raw.body_models import body_model_path, read_body_model
from mhbench.errors import InputError
from mhbench.predictions.predicted_volumes import item_of
from mhbench.running.oracle_grids import oracle_grid
from mhbench.skeletons import conversion, skeleton
from mhbench.volumes.isosurface import isosurface

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.bodies import BodyModel
    from mhbench.models.body_fit import FitOptions
    from mhbench.predictions.volume_files import VolumeGrid, VolumeHeader, VolumeItem
    from mhbench.running.oracle_grids import TrueBody

    Floats = npt.NDArray[np.float64]

Alignment = Literal["file", "oracle", "oracle-as-coded"]
MODEL_SKELETON: Final = "smpl_24"
ORACLE_RESOLUTION: Final = 128  # cells along the longest side of the true volumes that BodyNet was given


@dataclass(frozen=True, eq=False)
class FitTask:
    """One volume to be fitted; `truth` only where an oracle places it."""

    path: Path
    number: int
    header: VolumeHeader
    bodies: Path
    options: FitOptions
    level: float
    alignment: Alignment
    truth: TrueBody | None


class FittedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The fitted body of one volume, as its journal keeps it; `distance` in metres."""

    pose: tuple[float, ...]
    betas: tuple[float, ...]
    transl: tuple[float, float, float]
    gender: str
    distance: float
    steps: int


def fit_volume(task: FitTask) -> FittedRecord:
    """Fit a body to one volume.

    Raises:
        InputError: the volume cannot be read, lies nowhere, or is empty; or a body model cannot be used.
        MissingExtraError: scikit-image, smplx or torch is not installed.
    """
    from mhbench.models.body_fit import fit_body  # noqa: PLC0415 - loads torch, in the worker

    item = item_of(task.path, task.header, task.number)
    gender = gender_name(
        item.gender or (task.truth.gender if task.truth else "neutral"), task.header.frames[task.number]
    )
    model = read_body_model(body_model_path(task.bodies, gender), gender)
    grid, place = _placed(task, item, model)
    # an oracle and a root-relative file place the model's origin; all else is to be found
    free = task.alignment == "file" and task.header.space == "camera"
    fit = fit_body(
        model,
        isosurface(item.volume, grid.corner, grid.cell, level=task.level),
        grid.cell,
        _joints_of_model(item, task.header, model, absolute=free),
        options=task.options,
        free=free,
    )
    x, y, z = (fit.transl + place).tolist()
    return FittedRecord(
        pose=tuple(fit.pose.tolist()),
        betas=tuple(fit.betas.tolist()),
        transl=(x, y, z),
        gender=gender,
        distance=fit.distance,
        steps=fit.steps,
    )


def _placed(task: FitTask, item: VolumeItem, model: BodyModel) -> tuple[VolumeGrid, Floats]:
    """The grid in which the body is fitted, and where its origin is in the space of the predictions."""
    if task.truth is None:
        if item.grid is None:
            raise InputError(
                f"{task.path} does not say where its volumes lie",
                expected="the columns /corner and /cell",
                action="write them, or place the volumes by the truth: --alignment oracle --data SHARDS",
            )
        return item.grid, np.zeros(3)
    if item.target is None:
        raise InputError(
            f"{task.path} has no true volumes",
            expected="the column /target, the true volume on the grid of each predicted one",
            action="write it, or write /corner and /cell",
        )
    mesh = model.vertices(task.truth.pose[None], task.truth.betas)[0]
    as_coded = task.alignment == "oracle-as-coded"
    return oracle_grid(item.target, mesh, ORACLE_RESOLUTION, as_coded=as_coded), task.truth.place(model)


def _joints_of_model(
    item: VolumeItem, header: VolumeHeader, model: BodyModel, *, absolute: bool
) -> Floats | None:
    """Predicted joints as joints of the model; where they are relative, to the model at its origin."""
    if item.joints is None or header.skeleton is None:
        return None
    given = item.joints
    if not absolute:
        own = skeleton(header.skeleton)
        root = item.joints[list(own.indices(own.root))].mean(axis=0)
        given = given - root + model.rest_joints(np.zeros((1, 1)))[0, 0]
    mapping = conversion(header.skeleton, MODEL_SKELETON)
    return np.where(mapping.approximate[:, None], np.nan, mapping.apply(given))
