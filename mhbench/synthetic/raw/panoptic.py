"""A scene as a sequence of CMU Panoptic: calibration, body3DScene files and HD images.

The world of the files has y down and centimetres: a scene's (x, y, z) is their (x, -z, y) times 100. Numbers
are rounded as the official files are, six digits for joints and intrinsics and ten for poses of cameras.
Source of the layout: CMU-Perceptual-Computing-Lab/panoptic-toolbox (README, scripts) and its sample files.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import UsageError
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.pictures import write_pictures

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.cameras import Camera
    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

# the five cameras of VoxelPose and the two of Zanfir's protocol
CAMERAS: tuple[str, ...] = ("00_03", "00_06", "00_12", "00_13", "00_16", "00_23", "00_30")
SEQUENCE: Final = "170101_synthetic1"
FIRST_FRAME: Final = 137
FOLDERS: Final = {19: "hdPose3d_stage1_coco19", 15: "hdPose3d_stage1"}

_TO_WORLD: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # scene -> Panoptic
_CENTIMETRES: Final = 100.0
_HD: Final = re.compile(r"00_(0\d|1\d|2\d|30)")
_MISSING: Final = "0, 0, 0, -1"


def write(
    scene: Scene,
    folder: Path,
    *,
    seed: int = 0,
    images: bool = True,
    sequence: str = SEQUENCE,
    first_frame: int = FIRST_FRAME,
    joints: int = 19,
    archive: bool = False,
    uncertain: bool = True,
    empty: Collection[int] = (),
    absent: Collection[int] = (),
) -> Written:
    """Write a scene as the sequence `folder/<sequence>`.

    Args:
        scene: its cameras must be called as HD cameras are, 00_00 to 00_30.
        folder: the raw root.
        seed: of the confidences.
        images: whether to render the HD images.
        sequence: name of the sequence.
        first_frame: number of the scene's first frame, in file names.
        joints: 19, or 15 for the older files, whose joint 1 is the head top.
        archive: write the poses as the tar that is downloaded, and not as the extracted folder.
        uncertain: whether some joints have a confidence of at most 0.1, or are missing (0, 0, 0, -1).
        empty: indices into the scene's frames whose file has no bodies.
        absent: indices into the scene's frames that have no file.

    Raises:
        UsageError: a camera or a number of joints that Panoptic does not have.
        OutputError: the sequence is already there, or the disk does not take it.
    """
    wrong = [name for name in scene.cameras if not _HD.fullmatch(name)]
    if wrong or joints not in FOLDERS:
        raise UsageError(
            f"Panoptic has no HD camera {wrong[0]!r}"
            if wrong
            else f"Panoptic has no files of {joints} joints",
            expected="cameras 00_00 to 00_30, and 19 or 15 joints",
            action="name the scene's cameras so",
        )
    parts = {"frames": scene.frames, "people": scene.people, "cameras": len(scene.cameras)}
    files = (
        (f"body3DScene_{first_frame + frame:08d}.json", text)
        for frame, text in _frames(scene, joints, seed, set(empty), uncertain=uncertain)
        if frame not in absent
    )
    with new_folder(folder / sequence) as part:
        _write_calibration(scene, part / f"calibration_{sequence}.json")
        parts["pose files"] = _write_poses(files, part / FOLDERS[joints], archive=archive)
        if images:
            shots = (
                (frame, name, part / "hdImgs" / name / f"{name}_{first_frame + frame:08d}.jpg")
                for frame in range(scene.frames)
                for name in scene.cameras
            )
            parts["images"] = write_pictures(scene, shots)
    return Written(folder, parts)


def _frames(
    scene: Scene, joints: int, seed: int, empty: set[int], *, uncertain: bool
) -> Iterator[tuple[int, str]]:
    """Text of every body3DScene file, laid out (and with line ends) as the official ones."""
    placed = scene.joints(f"panoptic_{joints}") @ _TO_WORLD.T * _CENTIMETRES
    sure = _confidences(placed.shape[:3], seed, uncertain=uncertain)
    for frame in range(scene.frames):
        here = () if frame in empty else np.flatnonzero(scene.present[frame])
        bodies = [
            f'\r\n{{ "id": {n},\r\n"joints{joints}": [{_numbers(placed[frame, n], sure[frame, n])}]\r\n}}'
            for n in here
        ]
        yield (
            frame,
            '{ "version": 0.7, \r\n'
            f'"univTime" :{47884.218 + 1000.0 * frame / scene.fps:.3f},\r\n'
            '"fpsType" :"hd_29_97",\r\n"bodies" :\r\n[' + ",".join(bodies) + "\r\n] }",
        )


def _numbers(joints: Floats, confidences: Floats) -> str:
    return ", ".join(
        _MISSING if c < 0 else f"{x:.6g}, {y:.6g}, {z:.6g}, {c:.6g}"
        for (x, y, z), c in zip(joints, confidences, strict=True)
    )


def _confidences(shape: tuple[int, ...], seed: int, *, uncertain: bool) -> Floats:
    """Confidences (F, P, J) like the official ones: 0.14 to 0.71, a few below 0.1, a few -1 (missing)."""
    rng = np.random.default_rng((seed, 10))
    sure = rng.uniform(0.14, 0.71, shape)
    chance = rng.random(shape)
    if uncertain:
        sure = np.where(chance < 0.04, 0.1 * rng.random(shape), sure)
        sure = np.where(chance < 0.02, -1.0, sure)
    return sure


def _write_poses(files: Iterable[tuple[str, str]], folder: Path, *, archive: bool) -> int:
    """Write the pose files as a folder, or as the tar of that folder; the number of files."""
    count = 0
    if archive:
        with tarfile.open(folder.with_suffix(".tar"), "w") as tar:
            for count, (file, text) in enumerate(files, start=1):  # noqa: B007 - the last count is the result
                member = tarfile.TarInfo(f"{folder.name}/{file}")
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode("ascii")))
        return count
    folder.mkdir()
    for count, (file, text) in enumerate(files, start=1):  # noqa: B007 - the last count is the result
        (folder / file).write_text(text, encoding="ascii", newline="")
    return count


def _write_calibration(scene: Scene, path: Path) -> None:
    """The HD cameras of the scene and one of each other type, as real files hold more than HD ones."""
    cameras = [_camera(name, "hd", camera) for name, camera in scene.cameras.items()]
    if cameras:
        first = next(iter(scene.cameras.values()))
        cameras.insert(0, _camera("01_01", "vga", first, size=(640, 480)))
        cameras.append(_camera("50_01", "kinect-color", first))
    text = json.dumps({"calibDataSource": "synthetic", "cameras": cameras}, indent="\t")
    # matrices are written one row per line
    rows = re.compile(r"\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]")
    text = rows.sub(lambda row: "[" + "".join(row[1].split()) + "]", text)
    path.write_text(text + "\n", encoding="ascii")


def _camera(name: str, kind: str, camera: Camera, size: tuple[int, int] | None = None) -> dict[str, Any]:
    width, height = size or (camera.width, camera.height)
    scale = np.array([[width / camera.width], [height / camera.height], [1.0]])
    return {
        "name": name,
        "type": kind,
        "resolution": [width, height],
        "panel": int(name[:2]),
        "node": int(name[3:]),
        "K": _rounded(camera.K * scale, 6),
        "distCoef": _rounded(camera.distortion[:5], 6),
        "R": _rounded(camera.R @ _TO_WORLD.T, 10),
        "t": _rounded(camera.t[:, None] * _CENTIMETRES, 10),
    }


def _rounded(values: Floats, digits: int) -> Any:
    """Nested lists of numbers with so many significant digits."""
    if values.ndim > 1:
        return [_rounded(row, digits) for row in values]
    numbers = [float(f"{value:.{digits}g}") for value in values]
    return [int(number) if number.is_integer() else number for number in numbers]
