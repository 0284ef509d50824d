"""Human3.6M's metadata.xml of a scene: names of takes, lengths of videos, and cameras as angles in `w0`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

import numpy as np

if TYPE_CHECKING:
    from mhbench.cameras import Camera
    from mhbench.synthetic.scenes import Scene

SUBJECTS: Final = tuple(f"S{number}" for number in range(1, 12))
EXTRA_FRAMES: Final = (1, 3, 3, 1)  # by which the videos of the four cameras are longer than the poses
ACTIONS: Final = (
    "Miscellaneous",
    "Directions",
    "Discussion",
    "Eating",
    "Greeting",
    "Phoning",
    "Posing",
    "Purchases",
    "Sitting",
    "SittingDown",
    "Smoking",
    "TakingPhoto",
    "Waiting",
    "Walking",
    "WalkingDog",
    "WalkingTogether",
)
SHORT: Final = {
    "Miscellaneous": "_ALL",
    "TakingPhoto": "Photo",
    "WalkingDog": "WalkDog",
    "WalkingTogether": "WalkTogether",
}
_MILLIMETRES: Final = 1000.0


def metadata(scene: Scene) -> str:
    """The text of the file; every subject has every take, all equally long."""
    takes = [(action, subaction) for action in range(1, len(ACTIONS) + 1) for subaction in (1, 2)]
    mapping = [["Action", "subaction", *SUBJECTS]]
    mapping += [[str(a), str(s), *(take_name(subject, a, s) for subject in SUBJECTS)] for a, s in takes]
    mapping += [["", "", *("" for _ in SUBJECTS)]]
    lengths = [scene.frames + extra for extra in EXTRA_FRAMES]
    cell = f"[{' '.join(map(str, [*lengths, sum(lengths)]))}]"
    frames = [["", *(cell for _ in takes)] for _ in SUBJECTS]
    extrinsics = [_extrinsics(camera) for camera in scene.cameras.values()]
    numbers = [number for camera in extrinsics for _ in SUBJECTS for number in camera]
    numbers += [number for camera in scene.cameras.values() for number in _intrinsics(camera)]
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<a>\n'
        f"   <mapping>\n{_rows(mapping)}   </mapping>\n"
        f"   <frames>\n{_rows(frames)}   </frames>\n"
        "   <train_subjects>[1 7 8 9 11]</train_subjects>\n"
        "   <val_subjects>[5 6]</val_subjects>\n"
        "   <test_subjects>[2 3 4 10]</test_subjects>\n"
        f"   <w0>[{' '.join(f'{number:.15g}' for number in numbers)}]</w0>\n"
        f"   <dbcameras>\n      <index2id>\n{_list(tuple(scene.cameras))}      </index2id>\n   </dbcameras>\n"
        f"   <actionnames>\n{_list(ACTIONS)}   </actionnames>\n</a>\n"
    )


def _rows(rows: list[list[str]]) -> str:
    return "".join(
        "      <tr>\n" + "".join(f"         <td>{escape(cell)}</td>\n" for cell in row) + "      </tr>\n"
        for row in rows
    )


def _list(names: tuple[str, ...]) -> str:
    return "".join(f"         <item>{name}</item>\n" for name in names)


def _extrinsics(camera: Camera) -> list[float]:
    """Angles of R = Rx Ry Rz and the position in millimetres."""
    R = camera.R
    angles = [np.arctan2(-R[1, 2], R[2, 2]), np.arcsin(R[0, 2]), np.arctan2(-R[0, 1], R[0, 0])]
    return [*map(float, angles), *map(float, -R.T @ camera.t * _MILLIMETRES)]


def _intrinsics(camera: Camera) -> list[float]:
    k1, k2, p1, p2, k3 = map(float, camera.distortion[:5])
    K = camera.K
    return [float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]), k1, k2, k3, p1, p2]


def take_name(subject: str, action: int, subaction: int) -> str:
    """The stem of a take's files; official names differ between subjects, and these are some of the ways."""
    name = ACTIONS[action - 1]
    if subject != "S1" or name not in {"TakingPhoto", "WalkingDog"}:
        name = SHORT.get(name, name)
    if subject == "S5" and name == "Directions":
        return f"{name} {subaction}"
    if subject in {"S5", "S9"} and name == "SittingDown":  # the other way round
        return name if subaction == 1 else f"{name} 1"
    return f"{name} 1" if subaction == 1 else name
