"""SMPL bodies fitted to their own volumes: how near they come, and what a fit costs.

Synthetic people with random poses and shapes become volumes of 128 cells; joints are given with 20 mm of
noise. Each way of fitting sees the same people. There is no peer: the published fit needs Python 2 and
licensed data.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from measuring import Measurement, Report, arguments, claim, machine, show, summarise, write
from scipy.ndimage import gaussian_filter

from mhbench.bodies import BodyModel, body_model
from mhbench.metrics import surface_error
from mhbench.models.body_fit import FitOptions, fit_body
from mhbench.synthetic import body
from mhbench.volumes import voxelize
from mhbench.volumes.isosurface import Isosurface, isosurface

Floats = npt.NDArray[np.float64]

CELLS: Final = 128
JOINT_NOISE: Final = 0.02  # metres
BLUR: Final = 1.0  # cells, of volumes that are not sure


class Way(NamedTuple):
    """One way of making a volume and of fitting a body to it."""

    conservative: bool
    blurred: bool
    options: FitOptions


PAPER: Final = FitOptions(tangential=1.0)
WAYS: Final = {
    "centres": Way(conservative=False, blurred=False, options=FitOptions()),
    "centres, Chamfer of the paper": Way(conservative=False, blurred=False, options=PAPER),
    "conservative, thinned": Way(conservative=True, blurred=False, options=FitOptions(thinned=True)),
    "conservative, as it is": Way(conservative=True, blurred=False, options=FitOptions()),
    "conservative, as it is, Chamfer of the paper": Way(conservative=True, blurred=False, options=PAPER),
    "conservative, blurred, thinned": Way(conservative=True, blurred=True, options=FitOptions(thinned=True)),
}


def person(model: BodyModel, random: np.random.Generator) -> tuple[Floats, Floats]:
    pose = random.normal(0, 0.25, (1, 3 * len(model.parents)))
    pose[0, :3] = random.normal((np.pi, 0, 0), 1)
    betas = random.normal(0, 1, (1, 10))
    joints = model.joints(pose, betas)[0]
    return model.vertices(pose, betas)[0], joints + random.normal(0, JOINT_NOISE, joints.shape)


def surface_of(mesh: Floats, model: BodyModel, way: Way) -> tuple[Isosurface, Floats]:
    volume, box = voxelize(mesh, model.faces, CELLS, conservative=way.conservative)
    cell = np.full(3, box.side / CELLS)
    if way.blurred:
        edge = 4  # cells, into which the blur reaches
        padded = np.pad(volume.astype(np.float32), edge)
        return isosurface(gaussian_filter(padded, BLUR), box.corner - edge * cell, cell), cell
    return isosurface(volume, box.corner, cell), cell


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--people", type=int, default=8)
    options = parser.parse_args()
    model = body_model(dict(body().model_arrays()), "neutral", "the synthetic body")
    random = np.random.default_rng(options.seed)
    people = [person(model, random) for _ in range(options.people)]
    found: list[Measurement] = []
    claims = []
    for name, way in WAYS.items():
        seconds, errors = [], []
        for mesh, joints in people:
            surface, cell = surface_of(mesh, model, way)
            start = time.process_time()
            fit = fit_body(model, surface, cell, joints, options=way.options, free=False)
            seconds.append(time.process_time() - start)
            errors.append(surface_error(model.vertices(fit.pose[None], fit.betas), mesh[None])[0])
        found.append(summarise(name, seconds, note="seconds of processor"))
        claims.append(claim(f"surface error, {name}", float(np.mean(errors)), "mm"))
    report = Report(
        benchmark="body_fit",
        about="SMPL bodies fitted to volumes of synthetic people",
        seed=options.seed,
        settings={"people": options.people, "cells": CELLS, "joint_noise_m": JOINT_NOISE, "blur_cells": BLUR},
        machine=machine(["smplx", "torch", "scikit-image"]),
        measurements=found,
        claims=claims,
    )
    show(report)
    write(report, options.out)


if __name__ == "__main__":
    main()
