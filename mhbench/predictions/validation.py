"""Validation of a predictions file: every fault, what it holds, and what is allowed and yet looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.names import dataset_id
from mhbench.errors import PredictionError
from mhbench.manifests import manifest_names
from mhbench.plausibility import body_extents, handedness, repeated_people, uprightness
from mhbench.predictions.coverage import Coverage, cover
from mhbench.predictions.impossible import BODY_M, distance_faults, no_rotations, unit_faults
from mhbench.predictions.reading import read_predictions
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mhbench.predictions.table import PredictionTable

MAX_FAULTS: Final = 20
_ENOUGH: Final = 20  # people; fewer say nothing about a whole file
_MOST: Final = 0.8


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What a predictions file holds and what is wrong with it; prints as lines.

    Attributes:
        path: the file.
        table: its frames that are without fault; None where the file as a whole cannot be read.
        faults: what keeps it from being scored, in file order; at most `MAX_FAULTS` of them.
        fault_count: how many there are.
        warnings: what is allowed and yet looks wrong, one sentence each.
        coverage: its frames against the shards, where a folder was given.
    """

    path: Path
    table: PredictionTable | None
    faults: tuple[PredictionError, ...]
    fault_count: int
    warnings: tuple[str, ...]
    coverage: Coverage | None = None

    def __str__(self) -> str:
        lines = [str(self.path)] if self.table is None else [str(self.path), *summary(self.table)]
        if self.coverage is not None:
            lines += _coverage_lines(self.coverage)
        lines += [f"  warning      {warning}" for warning in self.warnings]
        lines += [f"fault: {fault}" for fault in self.faults]
        if self.fault_count > len(self.faults):
            lines.append(f"... and {self.fault_count - len(self.faults)} more")
        plural = "" if self.fault_count == 1 else "s"
        lines.append(f"{self.fault_count} fault{plural}" if self.fault_count else "no faults")
        return "\n".join(lines)


def validate_file(
    path: str | Path, data: str | Path | None = None, *, dataset: str | None = None
) -> ValidationReport:
    """Read a predictions file as evaluation would, but gather all faults instead of stopping at the first.

    Args:
        path: the file, in any form `read_predictions` reads.
        data: folder of the shards, to compare the frames with.
        dataset: data set of COCO keypoint results, which do not name it.

    Raises:
        MhbenchError: the file is not there or cannot be opened, or `data` holds no such data set. What is
            wrong inside the file is in the report.
    """
    path = Path(path)
    faults: list[PredictionError] = []
    table = None
    try:
        table = read_predictions(path, dataset=dataset, report=faults.append)
    except PredictionError as fault:
        faults.append(fault)
    if table is None:
        return ValidationReport(path, None, tuple(faults[:MAX_FAULTS]), len(faults), ())
    faults += [*unit_faults(table), *distance_faults(table)]
    coverage = None if data is None else cover(table, Path(data))
    if coverage is not None:
        faults += _unknown_frames(table, coverage)
    return ValidationReport(
        path, table, tuple(faults[:MAX_FAULTS]), len(faults), tuple(_warnings(table)), coverage
    )


def summary(table: PredictionTable) -> list[str]:
    """Lines that say what a table holds."""
    counts = np.diff(table.person_start)
    trained = "not declared" if table.trained_on is None else ", ".join(table.trained_on) or "nothing"
    space = f"{table.space} ({table.root})" if table.root else table.space
    rows = [
        ("model", table.model or "not named"),
        ("data set", table.dataset),
        ("skeleton", table.skeleton or "none"),
        ("space, units", f"{space or 'none'}, {table.units or 'none'}"),
        ("trained on", trained),
        ("frames", f"{table.frame_count:,}, {np.count_nonzero(counts == 0):,} of them claim to be empty"),
        ("people", f"{table.person_count:,}, at most {counts.max(initial=0)} in a frame"),
        ("columns", ", ".join(table.persons) or "none"),
    ]
    if table.loose_start is not None:
        rows.append(("loose joints", f"{table.loose_start[-1]:,}"))
    rows += [(name, _given(table, name)) for name in ("joints3d", "joints2d") if name in table.persons]
    if "joints3d" in table.persons and table.person_count:
        extents = body_extents(table.persons["joints3d"])
        if np.isfinite(extents).any():
            rows.append(("body extent", f"median {np.nanmedian(extents):.2f} m"))
    return [f"  {name:<12} {value}" for name, value in rows]


def _given(table: PredictionTable, name: str) -> str:
    """Share of the joints given, and the joints that are given least."""
    given = ~np.isnan(table.persons[name]).any(axis=2)
    if not given.size:
        return "none"
    assert table.skeleton is not None  # the reader asks for it
    text = f"{100 * given.mean():.1f} % of the joints given"
    shares = given.mean(axis=0)
    least = [joint for joint in np.argsort(shares, kind="stable")[:3] if shares[joint] < 1]
    names = skeleton(table.skeleton).joints
    lacking = ", ".join(f"{names[joint]} {100 * shares[joint]:.1f} %" for joint in least)
    return f"{text}; least {lacking}" if lacking else text


def _unknown_frames(table: PredictionTable, coverage: Coverage) -> Iterator[PredictionError]:
    for frame in coverage.unknown.tolist():
        yield PredictionError(
            f"{table.source}: {table.where_frame(frame)}.frame is {str(table.frame_ids[frame])!r},"
            f" which the converted {table.dataset} does not have",
            expected="<sequence>/<camera>/<index> or the official image path of a converted frame",
            action="correct the id, or convert the sequence and camera it belongs to",
        )


def _warnings(table: PredictionTable) -> Iterator[str]:
    if table.dataset not in manifest_names("datasets"):
        known = dataset_id(table.dataset)
        meant = f"; {known!r} is its id here" if known != table.dataset else ""
        yield f"no data set {table.dataset!r} is known: no protocol will take the file{meant}"
    if table.person_count and "score" not in table.persons:
        yield "nobody has a score: measures that rank people (ap) treat all alike"
    if table.trained_on is None:
        yield "trained_on is not declared: under a protocol with a training rule the result is not comparable"
    if "joints3d" in table.persons and table.skeleton is not None:
        yield from _body_warnings(table)
    if "rotations" in table.persons and (wrong := np.count_nonzero(no_rotations(table))):
        yield f"{wrong:,} rotations are none (zero, flat, mirrored): protocols that score them refuse them"
    for name in ("joints3d", "joints2d"):
        if name in table.persons:
            copies = repeated_people(table.persons[name], table.person_start)
            if copies:
                yield f"{copies:,} people have exactly the {name} of another one of their frame"


def _body_warnings(table: PredictionTable) -> Iterator[str]:
    assert table.skeleton is not None  # the caller
    joints, known = table.persons["joints3d"], skeleton(table.skeleton)
    extents = body_extents(joints)
    judged = extents[np.isfinite(extents)]
    if len(judged) and not BODY_M[0] <= np.median(judged) <= BODY_M[1]:
        side = "smaller" if np.median(judged) < BODY_M[0] else "larger"
        yield f"half of the people are {side} than {np.median(judged):.3g} m: check the units"
    hands = handedness(joints, known)
    if np.isfinite(hands).sum() >= _ENOUGH and np.nanmean(hands < 0, where=np.isfinite(hands)) > _MOST:
        yield (
            f"{100 * np.nanmean(hands < 0, where=np.isfinite(hands)):.0f} % of the people have left and right"
            " exchanged, or one axis is mirrored (x is right, y down, z forward)"
        )
    if table.space == "world":
        return
    trunks = uprightness(joints, known)
    judged = trunks[np.isfinite(trunks)]
    if len(judged) >= _ENOUGH and np.mean(judged < 0) > _MOST:
        yield f"{100 * np.mean(judged < 0):.0f} % of the people are upside down (y points down in the camera)"
    if table.space == "camera":
        behind = np.count_nonzero((joints[..., 2] <= 0).any(axis=1))
        if behind:
            yield f"{behind:,} people have joints behind the camera (z <= 0)"


def _coverage_lines(coverage: Coverage) -> list[str]:
    share = 100 * coverage.predicted / coverage.frames if coverage.frames else 0.0
    line = f"  coverage     {coverage.predicted:,} of {coverage.frames:,} converted frames ({share:.1f} %)"
    return [f"{line}; missing: {', '.join(coverage.missing)}" if coverage.missing else line]
