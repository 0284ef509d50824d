"""A scene as MuPoTS-3D: annot.mat and occlusion.mat of each sequence, nested as MATLAB saves them.

Every camera of the scene is a sequence, and called as it is. No real file was ever seen: the layout is what
ROMP, pose_refinement and MuPoTS3D-Evaluation read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.cameras import Camera
from mhbench.errors import UsageError
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.matlab_files import save_matlab5
from mhbench.synthetic.raw.mpi_inf_3dhp import universal
from mhbench.synthetic.raw.pictures import write_pictures

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

SEQUENCES: Final = tuple(f"TS{number}" for number in range(1, 21))
INDOORS: Final = SEQUENCES[:5]  # 2048 x 2048; the others 1920 x 1080
CAMERAS: tuple[str, ...] = ("TS1", "TS10")
DISTANCE: Final = 5.0  # metres from the cameras to the middle of the room
_MILLIMETRES: Final = 1000.0
_MIDDLE: Final = np.array([0.0, 0.0, 0.9])


def write(scene: Scene, folder: Path, *, seed: int = 0, images: bool = True, noise: float = 0.0) -> Written:
    """Write a scene as the sequences its cameras are called after.

    Args:
        scene: its cameras are called TS1 to TS20.
        folder: the raw root.
        seed: of the occlusion labels, of the noise, and of what stands in slots that are not valid.
        images: whether to render the images.
        noise: standard deviation in pixels by which annot2 is no projection of annot3.

    Raises:
        UsageError: a camera that is called otherwise, or nobody to annotate.
        OutputError: the files are already there, or the disk does not take them.
    """
    if not set(scene.cameras) <= set(SEQUENCES) or not scene.people:
        raise UsageError(
            f"MuPoTS-3D has no sequences {', '.join(scene.cameras)} of {scene.people} people",
            expected="cameras called TS1 to TS20, and at least one person",
            action="name the scene's cameras so",
        )
    filmed = as_filmed(scene)
    rng = np.random.default_rng((seed, 11))
    with new_folder(folder / "MultiPersonTestSet") as part:
        for name, camera in filmed.cameras.items():
            (part / name).mkdir()
            _write_annotations(filmed, camera, part / name, rng, noise)
            if images:
                shots = ((frame, name, part / name / f"img_{frame:06d}.jpg") for frame in range(scene.frames))
                write_pictures(filmed, shots)
    slots = scene.frames * scene.people * len(scene.cameras)
    parts = {"sequences": len(scene.cameras), "frames": scene.frames * len(scene.cameras)}
    return Written(folder, parts | {"person slots": slots})


def as_filmed(scene: Scene) -> Scene:
    """The scene before cameras that MuPoTS-3D can have: without distortion, far enough to see everybody."""
    cameras = {}
    for name, camera in scene.cameras.items():
        width, height = (2048, 2048) if name in INDOORS else (1920, 1080)
        scale = width / camera.width
        K = camera.K * np.array([[scale], [scale], [1.0]])
        K[1, 2] += (height - scale * camera.height) / 2
        depth = float(np.einsum("j,j->", camera.R[2], _MIDDLE) + camera.t[2])
        t = camera.t + np.array([0, 0, DISTANCE - depth])
        cameras[name] = Camera(K=K, R=camera.R, t=t, width=width, height=height)
    return replace(scene, cameras=cameras)


def _write_annotations(
    scene: Scene, camera: Camera, folder: Path, rng: np.random.Generator, noise: float
) -> None:
    everybody = replace(scene, present=np.ones_like(scene.present))
    points = np.einsum("ij,fpnj->fpni", camera.R, everybody.joints("mpi_17")) + camera.t
    pixels = np.einsum("ij,fpnj->fpni", camera.K, points)
    pixels = pixels[..., :2] / pixels[..., 2:] + noise * rng.standard_normal((*points.shape[:3], 2))
    scaled = universal(points, skeleton("mpi_17").joints)
    size = (scene.frames, scene.people)
    annotations = np.full(size, None, dtype=object)
    occlusion = np.full(size, None, dtype=object)
    for slot in np.ndindex(size):
        there = bool(scene.present[slot])
        annotations[slot] = {
            "annot2": _columns(pixels[slot], 1.0, rng, there=there),
            "annot3": _columns(points[slot], _MILLIMETRES, rng, there=there),
            "univ_annot3": _columns(scaled[slot], _MILLIMETRES, rng, there=there),
            "isValidFrame": np.array([[float(there)]]),
        }
        occlusion[slot] = 1.0 * (rng.random((1, 17)) < 0.25)
    save_matlab5(folder / "annot.mat", {"annotations": annotations})
    save_matlab5(folder / "occlusion.mat", {"occlusion_labels": occlusion})


def _columns(joints: Floats, unit: float, rng: np.random.Generator, *, there: bool) -> npt.NDArray[Any]:
    """Joints as columns; anything, also nothing, where nobody is."""
    if there:
        return np.asarray(joints.T * unit)
    garbage = (np.zeros((0, 0)), np.zeros(joints.T.shape), np.full(joints.T.shape, np.nan))
    return np.asarray(garbage[int(rng.integers(3))])
