"""A scene as MPI-INF-3DHP: annot.mat and camera.calibration in training, annot_data.mat in the test set.

Every person becomes one training sequence (S1/Seq1, S1/Seq2, S2/Seq1, ...), and the first six a test sequence
as well, as the data set has one actor at a time. The world of the files has y up and millimetres: a scene's
(x, y, z) is their (x, z, -y) times 1000.
Sources of the layout: the data set's README and util; akanazawa/hmr, vegesm/pose_refinement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.cameras import Camera
from mhbench.errors import UsageError
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.matlab_files import new_matlab73, save_matlab5
from mhbench.synthetic.raw.pictures import write_pictures

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

CAMERAS: tuple[str, ...] = tuple(str(number) for number in range(14))
WITH_IMAGES: Final = ("0", "1", "2", "4", "5", "6", "7", "8")  # as the default download
SUBJECTS: Final = 8
TEST_SEQUENCES: Final = 6
TEST_CAMERAS: Final = {"ts1-4": ("8", 2048, 2048, 10.0), "ts5-6": ("0", 1920, 1080, 5.625)}
THIGH: Final = 0.45  # metres, of the universal skeleton
DISTANCE: Final = 4.5  # metres from the cameras to the middle of the room
_SIZE: Final = 2048
_SENSOR: Final = 10.0  # mm
_MILLIMETRES: Final = 1000.0
_TO_WORLD: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # scene -> files
_MIDDLE: Final = np.array([0.0, 0.0, 0.9])


def write(
    scene: Scene,
    folder: Path,
    *,
    seed: int = 0,
    images: bool = True,
    splits: Collection[str] = ("train", "test"),
    doubled: bool = False,
    calibrated: bool = True,
) -> Written:
    """Write a scene as training and test sequences.

    Args:
        scene: with the cameras 0 to 13; who is absent is filmed anyhow.
        folder: the raw root.
        seed: not used; nothing here is random.
        images: whether to render the images: of the 8 cameras of the default download, and of the test set.
        splits: which of train and test to write.
        doubled: whether the folder of the test set is doubled, as some programs unzip it.
        calibrated: whether the test set has the calibrations of its test_util.

    Raises:
        UsageError: other cameras, or more people than the data set has sequences.
        OutputError: the files are already there, or the disk does not take them.
    """
    del seed
    if tuple(scene.cameras) != CAMERAS or not 1 <= scene.people <= 2 * SUBJECTS:
        raise UsageError(
            f"MPI-INF-3DHP has no {scene.people} sequences of the cameras {', '.join(scene.cameras)}",
            expected="1 to 16 people and the cameras 0 to 13",
            action="make a scene with these",
        )
    filmed = as_filmed(scene)
    parts = {"frames": scene.frames}
    if "train" in splits:
        parts["training sequences"] = scene.people
        for first in range(0, scene.people, 2):
            with new_folder(folder / f"S{first // 2 + 1}") as subject:
                for person in range(first, min(first + 2, scene.people)):
                    _write_training(filmed, person, subject / f"Seq{person % 2 + 1}", images=images)
    if "test" in splits:
        parts["test sequences"] = min(scene.people, TEST_SEQUENCES)
        with new_folder(folder / "mpi_inf_3dhp_test_set") as part:
            inner = part / "mpi_inf_3dhp_test_set" if doubled else part
            for person in range(parts["test sequences"]):
                _write_test(filmed, person, inner / f"TS{person + 1}", images=images)
            if calibrated:
                _write_test_calibrations(filmed, inner / "test_util" / "camera_calibration")
    return Written(folder, parts)


def as_filmed(scene: Scene) -> Scene:
    """The scene with everybody present, and with cameras that MPI-INF-3DHP can have.

    They are square pinholes with the scene's horizontal angle of view, all equally far from the middle of the
    room, so that everybody is in front of all of them.
    """
    cameras = {}
    for name, camera in scene.cameras.items():
        depth = float(np.einsum("j,j->", camera.R[2], _MIDDLE) + camera.t[2])
        cameras[name] = _cut(replace(camera, t=camera.t + np.array([0, 0, DISTANCE - depth])), _SIZE, _SIZE)
    return replace(scene, cameras=cameras, present=np.ones_like(scene.present))


def tested_camera(filmed: Scene, sequence: str) -> Camera:
    """The camera of a test sequence of a scene from `as_filmed`."""
    name, width, height, _ = TEST_CAMERAS["ts5-6" if sequence in {"TS5", "TS6"} else "ts1-4"]
    return _cut(filmed.cameras[name], width, height)


def universal(joints: Floats, skeleton_joints: tuple[str, ...]) -> Floats:
    """Joints (..., J, 3) scaled about the pelvis to a right thigh of the universal length."""
    hip, knee, pelvis = (
        joints[..., skeleton_joints.index(one), :] for one in ("right_hip", "right_knee", "pelvis")
    )
    scale = THIGH / np.linalg.norm(knee - hip, axis=-1)
    return np.asarray(pelvis[..., None, :] + scale[..., None, None] * (joints - pelvis[..., None, :]))


def _cut(camera: Camera, width: int, height: int) -> Camera:
    """The camera without distortion, with another image size and the same horizontal angle of view."""
    scale = width / camera.width
    K = camera.K * np.array([[scale], [scale], [1.0]])
    K[1, 2] += (height - scale * camera.height) / 2
    return Camera(K=K, R=camera.R, t=camera.t, width=width, height=height)


def _annotation(scene: Scene, person: int, camera: Camera, skeleton: str) -> tuple[Floats, Floats, Floats]:
    """annot2 (F, J, 2) px, annot3 and univ_annot3 (F, J, 3) mm."""
    from mhbench.skeletons import skeleton as named  # noqa: PLC0415 - the name of the argument

    world = scene.joints(skeleton)[:, person]
    points = np.einsum("ij,fnj->fni", camera.R, world) + camera.t
    pixels = np.einsum("ij,fnj->fni", camera.K, points)
    scaled = universal(points, named(skeleton).joints)
    return pixels[..., :2] / pixels[..., 2:], points * _MILLIMETRES, scaled * _MILLIMETRES


def _write_training(scene: Scene, person: int, folder: Path, *, images: bool) -> None:
    folder.mkdir(parents=True)
    names = ("annot2", "annot3", "univ_annot3")
    content: dict[str, Any] = {name: np.full((len(CAMERAS), 1), None, dtype=object) for name in names}
    for cell, camera in enumerate(scene.cameras.values()):
        for name, values in zip(names, _annotation(scene, person, camera, "mpi_28"), strict=True):
            content[name][cell, 0] = values.reshape(scene.frames, -1)
    content["cameras"] = np.arange(len(CAMERAS), dtype=np.float64)[None]
    content["frames"] = np.arange(scene.frames, dtype=np.float64)[:, None]
    save_matlab5(folder / "annot.mat", content)
    (folder / "camera.calibration").write_text(_calibration(scene), encoding="ascii")
    if images:
        for name in WITH_IMAGES:
            _write_images(scene, person, scene.cameras[name], folder / "imageSequence" / f"img_{name}_")


def _calibration(scene: Scene) -> str:
    lines = ["Skeletool Camera Calibration File V1.0"]
    for name, camera in scene.cameras.items():
        intrinsic, extrinsic = np.eye(4), np.eye(4)
        intrinsic[:3, :3] = camera.K
        extrinsic[:3, :3] = np.einsum("ij,kj->ik", camera.R, _TO_WORLD)
        extrinsic[:3, 3] = camera.t * _MILLIMETRES
        lines += [
            f"name          {name}",
            "  sensor      10 10",
            f"  size        {camera.width} {camera.height}",
            "  animated    0",
            f"  intrinsic   {_row(intrinsic.ravel())} ",
            f"  extrinsic   {_row(extrinsic.ravel())} ",
            "  radial      0",
        ]
    return "\n".join(lines) + "\n"


def _write_test(scene: Scene, person: int, folder: Path, *, images: bool) -> None:
    folder.mkdir(parents=True)
    camera = tested_camera(scene, folder.name)
    annot2, annot3, univ_annot3 = _annotation(scene, person, camera, "mpi_17")
    rows = np.arange(scene.frames)
    with new_matlab73(folder / "annot_data.mat") as file:
        columns = {
            "activity_annotation": 1.0 + ((person + rows // 2) % 7)[:, None],
            "annot2": annot2[:, None],
            "annot3": annot3[:, None],
            "univ_annot3": univ_annot3[:, None],
            "valid_frame": 1.0 * (rows % 3 != 1)[:, None],
        }
        for name, values in columns.items():
            file.create_dataset(name, data=values).attrs["MATLAB_class"] = np.bytes_("double")
    if images:
        _write_images(scene, person, camera, folder / "imageSequence" / "img_")


def _write_test_calibrations(scene: Scene, folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, (stem, (name, width, height, sensor)) in enumerate(TEST_CAMERAS.items()):
        camera = _cut(scene.cameras[name], width, height)
        K, R = camera.K, np.einsum("ij,kj->ik", camera.R, _TO_WORLD)
        focal = K[0, 0] * _SENSOR / width
        aspect = K[1, 1] * sensor / height / focal
        offset = [(K[0, 2] - width / 2) * _SENSOR / width, (K[1, 2] - height / 2) * sensor / height]
        lines = [
            "tc camera calibration v0.3",
            f"camera\t{number}\tsynthetic",
            "#frame 0",
            f"  sensorSize\t{_SENSOR:g} {sensor:g}",
            f"  focalLength\t{focal:.12g}",
            f"  pixelAspect\t{aspect:.12g}",
            f"  centerOffset\t{_row(offset, 12)}",
            "  distortionModel\tOpenCV",
            "  distortion\t0 0 0 0 0",
            f"  origin\t{_row(-np.einsum('ji,j->i', R, camera.t) * _MILLIMETRES, 12)}",
            f"  up\t{_row(-R[1], 12)}",
            f"  right\t{_row(R[0], 12)}",
        ]
        (folder / f"{stem}cameras.calib").write_text("\n".join(lines) + "\n", encoding="ascii")


def _row(values: Floats | list[float], digits: int = 7) -> str:
    return " ".join(f"{value:.{digits}g}" for value in values)


def _write_images(scene: Scene, person: int, camera: Camera, start: Path) -> None:
    """Images with one person alone, numbered from 1 behind the start of their name."""
    here = scene.present & (np.arange(scene.people) == person)
    alone = replace(scene, present=here, cameras={"one": camera})
    shots = (
        (frame, "one", start.with_name(f"{start.name}{frame + 1:06d}.jpg")) for frame in range(scene.frames)
    )
    write_pictures(alone, shots)
