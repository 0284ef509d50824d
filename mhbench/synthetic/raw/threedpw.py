"""A scene as sequences of 3DPW: one pickle of Python 2 for each camera, and its images.

The scene's first two people are the actors, who carry sensors and are annotated in every frame; all others
are bystanders, seen in the images only. Who is absent from the scene has neither 2D pose nor aligned camera.
The phone that films has no lens distortion and sways in the hand.
Sources of the layout: the readme of the data set (as in chen4011/3DPW), mkocabas/VIBE, nkolot/SPIN,
Arthur151/ROMP, aymenmir1/3dpw-eval.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.bodies import axis_angles_of
from mhbench.errors import UsageError
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.pictures import write_pictures
from mhbench.synthetic.raw.python2_pickles import python2_pickle

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.cameras import Camera
    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

CAMERAS: tuple[str, ...] = ("0", "1", "2")
SPLITS: Final = ("train", "validation", "test")  # the n-th camera films a sequence of the n-th split, in turn
SEQUENCE: Final = "studio_synthetic"
ACTORS: Final = 2
FEWEST_KEYPOINTS: Final = 6  # with fewer detections the data set writes a block of zeros
_GENDERS: Final = {"female": "f", "male": "m"}
_JUNK: Final = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "  # how an AppleDouble file begins


def write(
    scene: Scene,
    folder: Path,
    *,
    seed: int = 0,
    images: bool = True,
    sequence: str = SEQUENCE,
    doubled: bool = False,
) -> Written:
    """Write a scene as the sequences `<sequence>_00`, `<sequence>_01`, ..., one for each camera.

    Args:
        scene: it is filmed as `as_filmed` and `held` say.
        folder: the raw root.
        seed: of the 2D confidences and of what a detector misses.
        images: whether to render the images.
        sequence: name of the sequences, before their number.
        doubled: lay it out as some programs unpack it: the folder inside a folder of its own name, and files
            of macOS beside it.

    Raises:
        UsageError: nobody is in the scene.
        OutputError: the files are already there, or the disk does not take them.
    """
    if not scene.people:
        raise UsageError(
            "3DPW has no sequence without actors", expected="a scene with people", action="add some"
        )
    filmed = as_filmed(scene)
    parts = {"sequences": len(filmed.cameras), "frames": filmed.frames, "actors": filmed_actors(filmed)}
    with new_folder(folder / "sequenceFiles") as part:
        root = part / "sequenceFiles" if doubled else part
        for number, camera in enumerate(filmed.cameras.values()):
            path = root / SPLITS[number % len(SPLITS)] / f"{sequence}_{number:02d}.pkl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(python2_pickle(_content(filmed, camera, path.stem, seed + number)))
            if doubled:
                junk = part / "__MACOSX" / path.relative_to(part).with_name(f"._{path.name}")
                junk.parent.mkdir(parents=True, exist_ok=True)
                junk.write_bytes(_JUNK)
                path.with_name(junk.name).write_bytes(_JUNK)
    if images:
        with new_folder(folder / "imageFiles") as part:
            parts["images"] = _write_images(filmed, part, sequence)
    return Written(folder, parts)


def as_filmed(scene: Scene) -> Scene:
    """The scene as 3DPW can tell it: no lens, the principal point in the middle, no neutral gender."""
    cameras = {}
    for name, camera in scene.cameras.items():
        K = np.array(
            [[camera.K[0, 0], 0, camera.width / 2], [0, camera.K[1, 1], camera.height / 2], [0, 0, 1]]
        )
        cameras[name] = replace(camera, K=K, distortion=np.zeros(8), lens="pinhole")
    known = tuple(
        ("female", "male")[n % 2] if gender == "neutral" else gender for n, gender in enumerate(scene.genders)
    )
    return replace(scene, cameras=cameras, genders=known)


def filmed_actors(scene: Scene) -> int:
    """Number of people with annotations."""
    return min(scene.people, ACTORS)


def held(camera: Camera, frame: int) -> Camera:
    """The camera of one frame: a hand turns it by up to one degree and moves it by up to two centimetres."""
    angle = np.radians(np.sin(0.7 * frame))
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    shift = 0.02 * np.array([np.sin(0.4 * frame), np.sin(0.9 * frame), 0.0])
    return replace(camera, R=turn @ camera.R, t=turn @ camera.t + shift)


def _content(scene: Scene, camera: Camera, name: str, seed: int) -> dict[str, object]:
    """A pickle's dictionary, in the order of the readme."""
    actors = range(filmed_actors(scene))
    views = [held(camera, frame) for frame in range(scene.frames)]
    poses = axis_angles_of(scene.rotations).reshape(scene.frames, scene.people, 72)
    everybody = replace(scene, present=np.ones_like(scene.present))
    joints = everybody.joints("smpl_24").reshape(scene.frames, scene.people, 72)
    keypoints = _keypoints(everybody, views, scene.present, seed)
    rest = scene.body.shaped(scene.betas)[0]
    fast = np.repeat(np.arange(scene.frames), 2)[:-1]  # at 60 Hz every image but the last has two samples
    return {
        "sequence": name,
        "genders": [_GENDERS[scene.genders[n]] for n in actors],
        "poses": [poses[:, n] for n in actors],
        "trans": [scene.translation[:, n] for n in actors],
        "betas": [scene.betas[n] for n in actors],
        "poses_60Hz": [poses[fast, n] for n in actors],
        "trans_60Hz": [scene.translation[fast, n] for n in actors],
        "betas_clothed": [scene.betas[n] for n in actors],
        "v_template_clothed": [rest[n] for n in actors],
        "texture_maps": [np.full((8, 8, 3), 60 + 90 * n, dtype=np.uint8) for n in actors],
        "jointPositions": [joints[:, n] for n in actors],
        "poses2d": [keypoints[:, n] for n in actors],
        "cam_poses": np.stack([_matrix(view) for view in views]),
        "campose_valid": [scene.present[:, n].astype(np.int64) for n in actors],
        "cam_intrinsics": camera.K,
        "img_frame_ids": np.arange(0, 2 * scene.frames, 2),
    }


def _matrix(camera: Camera) -> Floats:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = camera.R, camera.t
    return matrix


def _keypoints(everybody: Scene, views: list[Camera], present: npt.NDArray[np.bool_], seed: int) -> Floats:
    """What OpenPose would find: (F, P, 3, 18) rows x, y, confidence; zeros for what it misses."""
    rng = np.random.default_rng((seed, 11))
    world = everybody.joints("coco_18")
    found = np.zeros((*world.shape[:2], 3, world.shape[2]))
    confidence = rng.uniform(0.35, 0.95, world.shape[:3])
    missed = rng.random(world.shape[:3]) < 0.05
    for frame, view in enumerate(views):
        pixels = view.project(view.to_camera(world[frame]))
        size = np.array([view.width, view.height])
        seen = np.all((pixels >= 0) & (pixels <= size - 1), axis=-1) & ~missed[frame]
        seen &= (seen.sum(axis=1) >= FEWEST_KEYPOINTS)[:, None] & present[frame][:, None]
        values = np.concatenate([pixels, confidence[frame][..., None]], axis=-1)
        found[frame] = np.moveaxis(np.where(seen[..., None], values, 0.0), -1, 1)
    return found


def _write_images(scene: Scene, folder: Path, sequence: str) -> int:
    """Images of every camera and frame; the number of files."""
    count = 0
    for frame in range(scene.frames):
        moment = replace(scene, cameras={name: held(camera, frame) for name, camera in scene.cameras.items()})
        count += write_pictures(
            moment,
            (
                (frame, name, folder / f"{sequence}_{number:02d}" / f"image_{frame:05d}.jpg")
                for number, name in enumerate(scene.cameras)
            ),
        )
    return count
