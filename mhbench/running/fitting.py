"""The fitting pipeline: predicted volumes -> their surfaces -> bodies -> predictions.

Each volume is an item of its own, done by any number of workers; its journal is the fitted parameters, so a
killed run goes on with the volumes it had not finished, and a volume that cannot be fitted is listed.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path  # noqa: TC003 - a field of a dataclass that is shown
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import numpy as np

from mhbench import __version__
from mhbench.errors import InputError, UsageError
from mhbench.jobs.journal import Failure, read_journals
from mhbench.jobs.scheduling import run_jobs
from mhbench.predictions.predicted_volumes import header_of, holds_predictions
from mhbench.predictions.reading import HDF5_SUFFIXES, read_predictions
from mhbench.predictions.writing import check_suffix, write_predictions
from mhbench.running.fit_items import Alignment, FitTask, FittedRecord, fit_volume
from mhbench.running.fitted_predictions import completed_predictions, new_predictions
from mhbench.running.oracle_grids import true_bodies_of
from mhbench.running.parts import claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from mhbench.models.body_fit import FitOptions
    from mhbench.predictions.volume_files import VolumeHeader
    from mhbench.running.oracle_grids import TrueBody

    Floats = npt.NDArray[np.float64]


class _Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What decides a fit."""

    volumes: str
    alignment: str
    bodies: dict[str, str]
    options: dict[str, Any]
    level: float
    truth: str
    tool_version: str


@dataclass(frozen=True, slots=True)
class FitReport:
    """What a run of fits did.

    Attributes:
        out: the predictions file.
        frames: frames with predictions.
        alignment: how the volumes were placed.
        distances_mm: of the fitted volumes, root of the mean squared distance of surface and body.
        failures: volumes that could not be fitted, by frame and number, and why.
        done_before: volumes an earlier, unfinished run had fitted.
    """

    out: Path
    frames: int
    alignment: Alignment
    distances_mm: Floats
    failures: Mapping[str, Failure]
    done_before: int

    def __str__(self) -> str:
        before = f" ({self.done_before} by the run before)" if self.done_before else ""
        oracle = "" if self.alignment == "file" else ", which no model knows"
        lines = [
            f"{len(self.distances_mm)} bodies{before} in {self.frames} frames -> {self.out}",
            f"placed by: {self.alignment}{oracle}",
            f"surface to nearest vertex: {self.distances_mm.mean():.1f} mm (rms, mean of all volumes)",
        ]
        if self.failures:
            lines.append(f"{len(self.failures)} volumes were not fitted:")
            lines += [f"  {name}: {failure.what}" for name, failure in list(self.failures.items())[:20]]
            lines += ["  ..."] * (len(self.failures) > 20)
        return "\n".join(lines)


def fit_volumes(
    volumes: Path,
    out: Path,
    *,
    bodies: Path,
    alignment: Alignment = "file",
    data: Path | None = None,
    options: FitOptions | None = None,
    level: float = 0.5,
    limit: int | None = None,
    jobs: int = 1,
    progress: bool = False,
) -> FitReport:
    """Fit a body to each predicted volume and write the bodies as predictions.

    Args:
        volumes: predictions whose people have volumes (.h5), to which the bodies are added; or a file of
            `mhbench.predictions.volume_files`.
        out: predictions to write (.json, .json.gz or .h5); `<out>.parts` is used meanwhile.
        bodies: folder of the SMPL models.
        alignment: `file`: by the corner and cell of each volume; `oracle`: by its true volume and the true
            body of the shards; `oracle-as-coded`: half a cell off, as BodyNet's code is.
        data: folder of the shards, for an oracle.
        options: weights of the fit; those of the file's `occupancy` by default.
        level: occupancy at which the surface is.
        limit: only so many volumes, from the first on.
        jobs: worker processes; 1 is this one.
        progress: show progress on stderr.

    Raises:
        UsageError: an unknown alignment, or an oracle without shards.
        InputError: the volumes, the shards or a body model cannot be used, or no volume could be fitted.
        PredictionError: the volumes break their format.
        OutputError: the place cannot be written, or holds parts of another run.
        MissingExtraError: scikit-image, smplx or torch is not installed.
    """
    from mhbench.models.body_fit import FitOptions  # noqa: PLC0415 - loads torch

    check_suffix(out)
    header = header_of(volumes)
    given = read_predictions(volumes) if holds_predictions(volumes) else None
    chosen = options or FitOptions(thinned=header.occupancy == "conservative")
    count = len(header.frames) if limit is None else min(limit, len(header.frames))
    truths = _truths(header, count, alignment, data)
    folder = out.with_name(f"{out.name}.parts")
    claim(folder, _recipe(volumes, alignment, bodies, chosen, level, truths))
    tasks = {
        f"{number:06d}": FitTask(
            volumes, number, header, bodies, chosen, level, alignment, truths[number] if truths else None
        )
        for number in range(count)
    }
    fitted, failures, before = _fitted(tasks, folder / "items", jobs, progress=progress)
    if not fitted:
        raise _nothing_fitted(volumes, list(failures.values()))
    if given is not None:
        keep = out.suffix in HDF5_SUFFIXES
        table = completed_predictions(given, header, fitted, bodies, volumes=keep)
    else:
        table = new_predictions(header, fitted, bodies, alignment)
    write_predictions(table, out)
    shutil.rmtree(folder)
    return FitReport(
        out=out,
        frames=table.frame_count,
        alignment=alignment,
        distances_mm=1000 * np.array([one.distance for one in fitted.values()]),
        failures=failures,
        done_before=before,
    )


def _fitted(
    tasks: Mapping[str, FitTask], journals: Path, jobs: int, *, progress: bool
) -> tuple[dict[int, FittedRecord], dict[str, Failure], int]:
    """The fitted bodies by number, why the others have none, and how many an earlier run had fitted."""
    before = {item for item, journal in read_journals(journals).items() if journal.failure is None}
    run_jobs(
        {item: task for item, task in tasks.items() if item not in before},
        fit_volume,
        journals,
        engine_name="serial" if jobs == 1 else "processes",
        jobs=jobs,
        label="fit" if progress else "",
    )
    found = read_journals(journals)
    fitted, failures = {}, {}
    for item, task in tasks.items():
        failure = found[item].failure
        if failure is None:
            fitted[task.number] = msgspec.json.decode(found[item].result, type=FittedRecord)
        else:
            failures[f"{task.header.frames[task.number]}, volume {task.number}"] = failure
    return fitted, failures, len(before & set(tasks))


def _truths(header: VolumeHeader, count: int, alignment: str, data: Path | None) -> list[TrueBody]:
    if alignment not in get_args(Alignment):
        raise UsageError(
            f"there is no alignment {alignment!r}",
            expected=f"one of: {', '.join(get_args(Alignment))}",
            action="check the spelling",
        )
    if alignment == "file":
        return []
    if data is None:
        raise UsageError(
            "an oracle alignment needs the truth", expected="shards", action="give their folder by --data"
        )
    names = list(zip(header.frames[:count], header.persons[:count], strict=True))
    found = true_bodies_of(data, header.dataset, set(names))
    return [found[name] for name in names]


def _recipe(
    volumes: Path, alignment: str, bodies: Path, options: FitOptions, level: float, truths: Sequence[TrueBody]
) -> _Recipe:
    told = volumes.stat()
    models = sorted(bodies.glob("*.pkl")) if bodies.is_dir() else []
    return _Recipe(
        # of a file that may be larger than the memory, its size and time must do
        volumes=f"{volumes.name}, {told.st_size} bytes, {told.st_mtime_ns}",
        alignment=alignment,
        bodies={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in models},
        options=asdict(options),
        level=level,
        truth=hashlib.sha256(
            b"".join(one.pose.tobytes() + one.betas.tobytes() for one in truths)
        ).hexdigest(),
        tool_version=__version__,
    )


def _nothing_fitted(volumes: Path, failures: Sequence[Failure]) -> InputError:
    first = failures[0] if failures else Failure(what="the file holds no volumes")
    return InputError(
        f"none of the {len(failures)} volumes of {volumes} could be fitted; the first: {first.what}",
        expected=first.expected,
        action=first.action,
    )
