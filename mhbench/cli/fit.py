"""`mhbench fit`: SMPL bodies fitted to predicted volumes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import click

from mhbench.cli.options import data_option


@click.command(context_settings={"show_default": True})
@click.argument("volumes", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Predictions to write (.json or .h5)."
)
@click.option(
    "--bodies",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("MHBENCH_BODIES", "bodies")),
    show_default="MHBENCH_BODIES or bodies",
    help="Folder of the SMPL models.",
)
@click.option(
    "--alignment",
    type=click.Choice(["file", "oracle", "oracle-as-coded"]),
    default="file",
    help="Volumes lie where their file says; or in the box of the true body, as in BodyNet's evaluation; or"
    " half a cell beside it, as in BodyNet's code.",
)
@data_option
@click.option(
    "--distance",
    type=click.Choice(["normals", "points"]),
    default="normals",
    help="Distances count along the body's normals, or as a whole as in BodyNet's paper, which takes longer"
    " to settle.",
)
@click.option(
    "--occupancy",
    type=click.Choice(["centres", "conservative"]),
    help="Cells are occupied if their centre is inside, or if a body touches them; the latter makes a body"
    " too thick, which is taken off.  [default: as the file says]",
)
@click.option(
    "--level", type=click.FloatRange(0, 1, max_open=True), default=0.5, help="Occupancy of the surface."
)
@click.option("--joint-weight", type=click.FloatRange(min=0), default=5.0, help="Of joints, as BodyNet's.")
@click.option(
    "--shape-weight",
    type=click.FloatRange(min=0),
    default=0.0025,
    help="By which the shape is held at the mean; more suits volumes with limbs missing.",
)
@click.option("--steps", type=click.IntRange(min=1), default=20, help="Most steps of a fit.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many volumes.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, help="Worker processes.")
def command(
    volumes: Path,
    out: Path,
    bodies: Path,
    alignment: Literal["file", "oracle", "oracle-as-coded"],
    data: Path,
    distance: str,
    occupancy: str | None,
    level: float,
    joint_weight: float,
    shape_weight: float,
    steps: int,
    limit: int | None,
    jobs: int,
) -> int:
    """Fit a SMPL body to each volume of VOLUMES and write the bodies as predictions.

    VOLUMES is a predictions file (.h5) whose people have volumes: the bodies are added to it. Or it is an
    HDF5 file with attributes format = mhbench-volumes/1 and dataset, /frame (N,) frame ids, /volumes
    (N, D, H, W) occupancies or probabilities, /corner and /cell (N, 3) metres, and optionally /joints3d,
    /target, /person, /gender: `python -m pydoc mhbench.predictions.volume_files` says all of it. After an
    interruption, run the same command again.

    \b
    mhbench fit volumes.h5 --bodies smpl --out fitted.h5
    mhbench fit bodynet.h5 --alignment oracle --data shards/surreal --out fit.h5
    mhbench fit bodynet.h5 --alignment oracle-as-coded --distance points \\
        --occupancy centres --out paper.h5
    mhbench evaluate fitted.h5 --protocol surreal/test
    """
    from dataclasses import replace  # noqa: PLC0415 - commands import their work when called

    from mhbench.models.body_fit import FitOptions  # noqa: PLC0415
    from mhbench.predictions.predicted_volumes import header_of  # noqa: PLC0415
    from mhbench.running.fitting import fit_volumes  # noqa: PLC0415

    options = FitOptions(
        joint_weight=joint_weight,
        shape_weight=shape_weight,
        steps=steps,
        thinned=(occupancy or header_of(volumes).occupancy) == "conservative",
    )
    if distance == "points":
        options = replace(options, tangential=1.0)
    report = fit_volumes(
        volumes,
        out,
        bodies=bodies,
        alignment=alignment,
        data=data,
        options=options,
        level=level,
        limit=limit,
        jobs=jobs,
        progress=True,
    )
    click.echo(str(report))
    return 1 if report.failures else 0
