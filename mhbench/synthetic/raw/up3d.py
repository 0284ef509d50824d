"""A scene as UP-3D: an image for each person and frame, with her body as if it had been fitted to it.

Bodies are fitted from far away with a long lens, some of them in a part of the image; images, masks and
detections are of the image itself. Images go to train, val and test in turn, and so do their sources.
Sources of the layout: classner/up; gulvarol/bodynet (preprocessing); nkolot/SPIN.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.bodies import axis_angles_of
from mhbench.cameras import Camera, project
from mhbench.errors import UsageError
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.python2_pickles import python2_pickle

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

CAMERAS: tuple[str, ...] = ("0", "1", "2", "3")
SPLITS: Final = ("train", "val", "test")
SOURCES: Final = ("lsp", "lspext", "mpii")
SIZES: Final = ((145, 201), (180, 160))  # width and height of images, in turn
FOCAL: Final = 5000.0
ENLARGED: Final = 2
MARGIN: Final = 12  # px, around the part of the image in which every other body is fitted
_SHARE: Final = 0.7  # of the height of the part of the image that a body of 1.7 m takes
_TURN: Final = 2.0 * np.pi


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One image: of whom and when, from which source, and its part x1, y1, x2, y2 a body was fitted in."""

    number: int
    frame: int
    person: int
    camera: str
    split: str
    source: str
    size: tuple[int, int]
    part: tuple[int, int, int, int]

    @property
    def corner(self) -> Floats:
        """(2,) px."""
        return np.array(self.part[:2], dtype=np.float64)

    @property
    def extent(self) -> Floats:
        """(2,) px, width and height of the part."""
        return np.array(self.part[2:], dtype=np.float64) - self.corner


def write(
    scene: Scene, folder: Path, *, seed: int = 0, images: bool = True, masks: bool = True, second: bool = True
) -> Written:
    """Write a scene as images of single people.

    Args:
        scene: who is absent has no images.
        folder: the raw root.
        seed: of what a detector misses, and of turns too many in the angles.
        images: whether to render the images.
        masks: whether to write masks, except for the last image.
        second: whether to write the list of T2: every other image of lsp in test.

    Raises:
        UsageError: a scene without people or cameras.
        OutputError: the files are already there, or the disk does not take them.
    """
    shots = shots_of(scene)
    if not shots:
        raise UsageError(
            "UP-3D has no images without a person",
            expected="people and cameras",
            action="make a scene with them",
        )
    with new_folder(folder / "up-3d") as part:
        for split in SPLITS:
            lines = [f"/{shot.number:05d}_image.png\n" for shot in shots if shot.split == split]
            (part / f"{split}.txt").write_text("".join(lines), encoding="ascii")
        for shot in shots:
            _write_annotation(scene, shot, part, np.random.default_rng((seed, shot.number)))
    written = {"images": len(shots), "people": scene.people}
    if images or masks:
        written["masks"] = _write_pictures(scene, shots, folder, images=images, masks=masks)
    if second:
        chosen = [f"{shot.number:05d}" for shot in shots if shot.split == "test" and shot.source == "lsp"][
            ::2
        ]
        with new_folder(folder / "bmvc_subset") as part:
            (part / "testlist").write_text(str(chosen), encoding="ascii")
    return Written(folder, written)


def shots_of(scene: Scene) -> list[Shot]:
    """The images of a scene, in order of their numbers (from 0)."""
    pairs = [(f, p) for f in range(scene.frames) for p in range(scene.people) if scene.present[f, p]]
    cameras = list(scene.cameras)
    shots = []
    for number, (frame, person) in enumerate(pairs if cameras else []):
        width, height = SIZES[number // 9 % 2]
        inside = MARGIN if number // 9 % 2 else 0
        shots.append(
            Shot(
                number=number,
                frame=frame,
                person=person,
                camera=cameras[number % len(cameras)],
                split=SPLITS[number % 3],
                source=SOURCES[number // 3 % 3],
                size=(width, height),
                part=(inside, 2 * inside, width - inside, height),
            )
        )
    return shots


def fitted_camera(scene: Scene, shot: Shot) -> Camera:
    """The camera of an image, which sees the person in the middle of the part of it."""
    focal = FOCAL / ENLARGED
    K = np.array([[focal, 0.0, 0.0], [0.0, focal, 0.0], [0.0, 0.0, 1.0]])
    K[:2, 2] = shot.corner + shot.extent / 2
    R = scene.cameras[shot.camera].R
    pelvis = np.array([0.01, 0.05, focal * 1.7 / (_SHARE * shot.extent[1])])
    t = pelvis - R @ scene.pelvis[shot.frame, shot.person]
    return Camera(K=K, R=R, t=t, width=shot.size[0], height=shot.size[1])


def _write_annotation(scene: Scene, shot: Shot, folder: Path, rng: np.random.Generator) -> None:
    camera = fitted_camera(scene, shot)
    body, where = _fitted_body(scene, shot, camera), folder / f"{shot.number:05d}_"
    points = _pixels(scene, shot, camera, [*skeleton("smpl_24").points, "head_top"])
    if shot.number % 2:  # some angles of the release are several turns, about the same axes
        angles = body["pose"].reshape(-1, 3)
        length = np.maximum(np.sqrt((angles**2).sum(axis=1, keepdims=True)), 1e-9)
        body["pose"] = (angles - _TURN * rng.integers(0, 4) * angles / length).ravel()
    zeros = np.zeros(3)
    content = {**body, "j2d": (points - shot.corner) * ENLARGED, "rt": zeros, "trans": zeros, "f": FOCAL}
    (folder / f"{where.name}body.pkl").write_bytes(python2_pickle(content))
    left, top, right, bottom = shot.part
    width, height = (ENLARGED * shot.extent).astype(int)
    crop = f"{height} {width} {top} {bottom} {left} {right}"
    (folder / f"{where.name}fit_crop_info.txt").write_text(crop, encoding="ascii")
    source = f"{shot.source} {shot.number + 1}"
    (folder / f"{where.name}dataset_info.txt").write_text(source, encoding="ascii")
    found = rng.random(14) >= 0.05
    pixels = _pixels(scene, shot, camera, list(skeleton("lsp_14").points))
    detected = np.where(found, np.concatenate([pixels.T, np.ones((1, 14))]), 0.0)
    np.save(folder / f"{where.name}joints.npy", detected, allow_pickle=False)


def _fitted_body(scene: Scene, shot: Shot, camera: Camera) -> dict[str, Floats]:
    """Pose (72,), betas (10,) and t (3,) of a person in the frame of a camera."""
    rotations = scene.rotations[shot.frame, shot.person].copy()
    rotations[0] = camera.R @ rotations[0]
    betas = scene.betas[shot.person]
    rest = scene.body.shaped(betas[None])[1][0, 0]
    pelvis = camera.to_camera(scene.pelvis[shot.frame, shot.person])
    return {"pose": axis_angles_of(rotations).ravel(), "betas": betas, "t": pelvis - rest}


def _pixels(scene: Scene, shot: Shot, camera: Camera, points: list[str]) -> Floats:
    """(N, 2) px of points of the vocabulary."""
    world = np.stack([scene.points[point][shot.frame, shot.person] for point in points])
    return project(camera.to_camera(world), camera.K, np.zeros(8))


def _write_pictures(scene: Scene, shots: list[Shot], folder: Path, *, images: bool, masks: bool) -> int:
    """Images and masks; the number of masks."""
    from PIL import Image  # noqa: PLC0415 - only trees with images need it

    from mhbench.synthetic.images import picture  # noqa: PLC0415 - compiles kernels

    places = {"lsp": "lsp/im{:04d}", "lspext": "lsp_extended/im{:05d}", "mpii": "mpii/images/{:05d}"}
    drawn = shots[:-1] if masks else []
    for shot in shots:
        present = np.zeros_like(scene.present)
        present[shot.frame, shot.person] = True
        camera = fitted_camera(scene, shot)
        alone = replace(scene, cameras={"0": camera}, present=present, stools=np.zeros_like(scene.stools))
        seen = picture(alone, shot.frame, "0")
        if images:
            Image.fromarray(seen.image).save(folder / f"up-3d/{shot.number:05d}_image.png")
        if shot in drawn:
            path = folder / "upi-s1h" / f"{places[shot.source].format(shot.number + 1)}_segmentation.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.where(seen.labels == shot.person, 255, 0).astype(np.uint8)).save(path)
    return len(drawn)
