"""What a table must fulfil beyond its shapes, whoever made it; JSON is checked record by record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.predictions.building import check_whole
from mhbench.predictions.frame_checks import POSE_SIZE, ROTATION_COUNT
from mhbench.predictions.header_checks import REQUIRED, HeaderCheck, IdCheck
from mhbench.predictions.schema import FORMAT, HEADER_FIELDS, Header
from mhbench.predictions.table import PAYLOADS, PERSON_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from mhbench.predictions.table import PredictionTable

MOST_LABELS: Final = 6
_VOLUME: Final = ("volume", "volume_corner", "volume_cell")


def checked(table: PredictionTable) -> PredictionTable:
    """A table put together from the files of another program, checked as a file of ours is.

    Raises:
        PredictionError: with the column and, where it is one person's or one frame's, the row.
    """
    header = Header(format=FORMAT, **{name: getattr(table, name) for name in HEADER_FIELDS})
    check_columns(table, HeaderCheck(header, table.source))
    return table


def check_columns(table: PredictionTable, check: HeaderCheck) -> None:
    """Check what the shapes of a PredictionTable cannot say.

    Raises:
        PredictionError: with the path inside the file.
    """
    ids = IdCheck(check, "/frames/id[{}]")
    for index, frame_id in enumerate(table.frame_ids.tolist()):
        ids.check(index, frame_id)
    for name, column in table.persons.items():
        if name in REQUIRED:
            check.require(name, "/persons")
        _check_width(name, column, table.body_model, check)
        if column.dtype.kind == "f" and np.isinf(column).any():
            raise check.error(f"/persons/{name}", "holds an infinite number", expected="numbers or NaN")
    if table.loose:
        check.require("loose_joints", "/loose_joints")
        _check_loose(table.loose, check)
    _check_payload(table, check)
    _check_volumes(table, check)
    _check_identities(table, check)
    check_whole(table)


def _check_width(name: str, column: npt.NDArray[Any], body_model: str | None, check: HeaderCheck) -> None:
    header = check.header
    wanted: dict[str, int] = {}
    if PERSON_COLUMNS[name].row[:1] == ("J",):
        wanted[name] = check.joint_count
    if name == "rotations" and header.rotation_set is not None:
        wanted[name] = ROTATION_COUNT[header.rotation_set]
    if name == "smpl_pose":
        if body_model is None:
            raise check.error("attribute body_model", "is missing", expected=f"one of {', '.join(POSE_SIZE)}")
        wanted[name] = POSE_SIZE[body_model]
    if name in wanted and column.shape[1] != wanted[name]:
        of = header.skeleton if "J" in PERSON_COLUMNS[name].row else header.rotation_set or body_model
        raise check.error(
            f"/persons/{name}",
            f"has {column.shape[1]} entries a person",
            expected=f"{wanted[name]}, as {of} has",
            action="declare what the columns hold, or write NaN where nothing is predicted",
        )


def _check_loose(loose: Mapping[str, npt.NDArray[Any]], check: HeaderCheck) -> None:
    joint = loose["joint"]
    if joint.size and not (joint.min() >= 0 and joint.max() < check.joint_count):
        raise check.error(
            "/loose_joints/joint",
            "holds an index that is no joint",
            expected=f"0 to {check.joint_count - 1} of {check.header.skeleton}",
        )
    if not np.isfinite(loose["position"]).all():
        raise check.error("/loose_joints/position", "is not finite", expected="numbers")


def _check_payload(table: PredictionTable, check: HeaderCheck) -> None:
    given = [name for name in PAYLOADS if name in table.persons]
    if table.person_count and not given:
        raise check.error(
            "/persons",
            "predicts nothing",
            expected=f"at least one of {', '.join(PAYLOADS)}",
            action="give the joints, or leave the people out",
        )
    if "smpl_pose" not in table.persons:
        return
    posed = ~np.isnan(table.persons["smpl_pose"][:, 0])
    shaped = ~np.isnan(table.persons["smpl_betas"][:, 0]) if "smpl_betas" in table.persons else ~posed
    if (posed != shaped).any():
        raise check.error(
            f"/persons/smpl_betas[{int(np.argmax(posed != shaped))}]",
            "and smpl_pose are not both there",
            expected="pose and betas of the same people",
            action="write zeros for a body of the mean shape",
        )


def _check_volumes(table: PredictionTable, check: HeaderCheck) -> None:
    columns = table.persons
    given = [name for name in _VOLUME if name in columns]
    if given and len(given) < len(_VOLUME):
        lacking = next(name for name in _VOLUME if name not in given)
        raise check.error(
            f"/persons/{lacking}", "is missing", expected=f"all of {', '.join(_VOLUME)}, or none"
        )
    if not given:
        return
    if columns["volume"].max(initial=0) > MOST_LABELS:
        raise check.error(
            "/persons/volume",
            f"holds {columns['volume'].max()}",
            expected=f"0 for nothing and 1 for the body, or its parts 1 to {MOST_LABELS}",
            action="apply the threshold, or take the arg max over the channels, before writing",
        )
    flat = (columns["volume_cell"] <= 0).any(axis=1)
    if flat.any():
        person = int(np.argmax(flat))
        raise check.error(
            f"/persons/volume_cell[{person}]",
            f"is {columns['volume_cell'][person].tolist()}",
            expected="lengths, or NaN for a person without a volume",
        )


def _check_identities(table: PredictionTable, check: HeaderCheck) -> None:
    """No `person` or `track` twice in a frame; "" and -1 are nobody's."""
    for name, nobody in (("person", ""), ("track", -1)):
        keys = table.persons.get(name)
        if keys is None:
            continue
        rows = np.flatnonzero(keys != nobody)
        order = rows[np.lexsort((keys[rows], table.frame_of_person[rows]))]
        frame = table.frame_of_person[order]
        again = np.flatnonzero((frame[1:] == frame[:-1]) & (keys[order][1:] == keys[order][:-1]))
        if again.size:
            row = int(order[again[0] + 1])
            raise check.error(
                f"/persons/{name}[{row}]",
                f"is {keys[row].item()!r}, which another person of the frame has too",
                expected=f"every {name} once in a frame",
                action="give everybody a key of their own, or leave the worse of the two out",
            )
