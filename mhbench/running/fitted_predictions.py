"""Fitted bodies as predictions: a file of their own, or columns of the predictions that held the volumes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mhbench.predictions.table import PredictionTable
from mhbench.scoring.bodies import Bodies, body_vertices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.predictions.volume_files import VolumeHeader
    from mhbench.running.fit_items import Alignment, FittedRecord

    Ints = npt.NDArray[np.int64]
    Columns = dict[str, npt.NDArray[Any]]


def new_predictions(
    header: VolumeHeader, fitted: Mapping[int, FittedRecord], bodies: Path, alignment: Alignment
) -> PredictionTable:
    """Predictions of fitted bodies only, frame by frame in the order of the volumes.

    Args:
        header: of the volumes.
        fitted: the bodies by the number of their volume.
        bodies: folder of the SMPL models.
        alignment: how the volumes were placed; the model's name says so.
    """
    order: dict[str, list[int]] = {}
    for number in fitted:
        order.setdefault(header.frames[number], []).append(number)
    numbers = [number for some in order.values() for number in some]
    persons = _columns([fitted[number] for number in numbers], bodies)
    space = "root" if alignment == "file" and header.space == "root" else "camera"
    if space == "root":
        del persons["smpl_transl"]
    if any(header.persons[number] for number in numbers):
        persons["person"] = np.array([header.persons[number] for number in numbers])
    return PredictionTable(
        dataset=header.dataset,
        frame_ids=np.array(list(order)),
        person_start=np.cumsum([0, *map(len, order.values())]),
        persons=persons,
        model=_named(header, alignment),
        space=space,
        topology="smpl",
        body_model="smpl",
    )


def completed_predictions(
    table: PredictionTable,
    header: VolumeHeader,
    fitted: Mapping[int, FittedRecord],
    bodies: Path,
    *,
    volumes: bool,
) -> PredictionTable:
    """Predictions with volumes, and the bodies fitted to them; people without one have none.

    Vertices, which a file has for everybody or for nobody, are left out if anybody is without.

    Args:
        table: the predictions; their people are the volumes, in order.
        header: of the volumes.
        fitted: the bodies by the number of their volume.
        bodies: folder of the SMPL models.
        volumes: keep the volumes, which only HDF5 holds.
    """
    rows = np.array(list(fitted))
    persons = dict(table.persons)
    for name, column in _columns(list(fitted.values()), bodies).items():
        empty: Any = "" if column.dtype.kind == "U" else np.nan
        persons[name] = np.full((table.person_count, *column.shape[1:]), empty, dtype=column.dtype)
        persons[name][rows] = column
    if len(rows) < table.person_count:
        del persons["vertices"]
    if not volumes:
        persons = {name: column for name, column in persons.items() if not name.startswith("volume")}
    return replace(table, persons=persons, model=_named(header, "file"), topology="smpl", body_model="smpl")


def _columns(records: list[FittedRecord], bodies: Path) -> Columns:
    made = Bodies(
        np.array([one.pose for one in records]),
        np.array([one.betas for one in records]),
        np.array([one.gender for one in records]),
    )
    transl = np.array([one.transl for one in records])
    return {
        "smpl_pose": made.pose,
        "smpl_betas": made.betas,
        "smpl_transl": transl,
        "gender": made.gender,
        "vertices": (body_vertices(made, bodies) + transl[:, None]).astype(np.float32),
    }


def _named(header: VolumeHeader, alignment: Alignment) -> str:
    oracle = "" if alignment == "file" else f", placed by the truth ({alignment})"
    return f"{header.model}, SMPL fitted to its volumes{oracle}"
