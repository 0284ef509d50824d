"""A scene as SURREAL: each person a motion capture sequence of her own, in clips of several runs.

The files' world has y down; a camera on its x axis looks back along it and shows everything mirrored. A body
stands upright along z in its pose, is turned about z by `zrot`, and then laid into that world.
Source of the layout: gulvarol/surreal (README, datageneration); the axes are those of published clips.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.bodies import axis_angles_of
from mhbench.cameras import Camera
from mhbench.errors import MissingExtraError, UsageError
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.matlab_files import save_matlab5

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

CAMERAS: tuple[str, ...] = ("0",)
RUNS: Final = 3
SIZE: Final = (320, 240)
FOCAL: Final = 600.0
DISTANCE: Final = 7.5  # metres, as most clips have
_LAY: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # scene -> world of the files
_HEIGHT: Final = 0.9  # metres above the floor, at which the camera looks
_FPS: Final = 10


@dataclass(frozen=True, slots=True)
class _Clip:
    split: str
    run: int
    person: int
    number: int  # from 1
    frames: range

    @property
    def place(self) -> str:
        sequence = f"{self.person + 1:02d}_{2 if self.split == 'train' else 1:02d}"
        return f"{self.split}/run{self.run}/{sequence}/{sequence}_c{self.number:04d}"


def write(
    scene: Scene,
    folder: Path,
    *,
    seed: int = 0,
    images: bool = True,
    splits: Collection[str] = ("train", "val", "test"),
    length: int = 100,
) -> Written:
    """Write a scene as clips: all of them in train and test, one of each sequence in val.

    Args:
        scene: who is absent is filmed anyhow; the cameras are not used.
        folder: the raw root.
        seed: of the angles `zrot`.
        images: whether to render the videos.
        splits: which to write.
        length: frames of a clip; the last one of a sequence may be shorter.

    Raises:
        UsageError: a scene without people, or clips without frames.
        MissingExtraError: PyAV is not installed, and videos are wanted.
        OutputError: the files are already there, or the disk does not take them.
    """
    if not scene.people or length < 1:
        raise UsageError(
            f"SURREAL has no clips of {length} frames of {scene.people} people",
            expected="at least one person and one frame",
            action="correct the numbers",
        )
    clips = [clip for clip in _clips(scene, length) if clip.split in splits]
    with new_folder(folder / "cmu") as part:
        for clip in clips:
            path = part / clip.place
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_info(scene, clip, path, seed)
            if images:
                _write_video(scene, clip, path.with_name(f"{path.name}.mp4"))
    parts = {
        "clips": len(clips),
        "sequences": scene.people,
        "frames": sum(len(clip.frames) for clip in clips),
    }
    return Written(folder, parts | ({"videos": len(clips)} if images else {}))


def camera_place(clip_number: int) -> Floats:
    """(3,) m where the camera of a clip stands in the files' world; y points down."""
    return np.array([DISTANCE, -_HEIGHT, 0.1 * np.sin(clip_number)])


def _clips(scene: Scene, length: int) -> list[_Clip]:
    found = []
    starts = range(0, scene.frames, length)
    for person in range(scene.people):
        cuts = [range(start, min(start + length, scene.frames)) for start in starts]
        for number, frames in enumerate(cuts, start=1):
            found += [_Clip(split, person % RUNS, person, number, frames) for split in ("train", "test")]
            if number == (len(cuts) + 1) // 2:
                found.append(_Clip("val", person % RUNS, person, number, frames))
    return found


def _write_info(scene: Scene, clip: _Clip, path: Path, seed: int) -> None:
    count = len(clip.frames)
    world = _world_joints(scene, clip)
    place = camera_place(clip.number)
    zrot = np.random.default_rng((seed, clip.person, clip.number)).uniform(0.0, 2.0 * np.pi)
    cells: npt.NDArray[np.object_] = np.full((1, count), "none.jpg", dtype=object)
    content: dict[str, Any] = {
        "joints3D": np.moveaxis(world, 0, -1).swapaxes(0, 1).astype(np.float32),
        "joints2D": np.moveaxis(np.rint(_seen(world, place)), 0, -1).swapaxes(0, 1).astype(np.float32),
        "pose": _pose(scene, clip, zrot).T.astype(np.float32),
        "shape": np.repeat(scene.betas[clip.person][:, None], count, axis=1).astype(np.float32),
        "gender": np.full((count, 1), _is_male(scene, clip), dtype=np.uint8),
        "zrot": np.full((count, 1), zrot, dtype=np.float32),
        "camLoc": place[:, None].astype(np.float32),
        "camDist": np.array([[DISTANCE]], dtype=np.float32),
        "light": np.full((9, count), 0.5, dtype=np.float32),
        "bg": cells,
        "cloth": cells,
        "clipNo": np.array([[clip.number]], dtype=np.uint8),
        "stride": np.array([[(50, 30, 70)[clip.run]]], dtype=np.uint8),
        "source": "cmu",
        "sequence": path.name,
    }
    if count == 1:  # MATLAB knows no last axes of length one
        content |= {name: content[name][..., 0] for name in ("joints2D", "joints3D")}
    save_matlab5(path.with_name(f"{path.name}_info.mat"), content)


def _is_male(scene: Scene, clip: _Clip) -> bool:
    return scene.genders[clip.person] == "male"


def _at_origin(scene: Scene, clip: _Clip, points: Floats) -> Floats:
    """Points of the scene, moved so that the person walks around the vertical through its origin."""
    middle = scene.pelvis[:, clip.person].mean(axis=0)
    moved: Floats = points - middle * np.array([1.0, 1.0, 0.0])
    return moved


def _world_joints(scene: Scene, clip: _Clip) -> Floats:
    """(F, 24, 3) m in the files' world."""
    everybody = replace(scene, present=np.ones_like(scene.present))
    joints = everybody.joints("smpl_24")[list(clip.frames), clip.person]
    laid: Floats = np.einsum("ij,fkj->fki", _LAY, _at_origin(scene, clip, joints))
    return laid


def _seen(world: Floats, place: Floats) -> Floats:
    """(F, 24, 2) px: the camera looks along -x, its right is -z, and its down is y."""
    x, y, z = np.moveaxis(world - place, -1, 0)
    return np.stack([160.0 + FOCAL * -z / -x, 120.0 + FOCAL * y / -x], axis=-1)


def _pose(scene: Scene, clip: _Clip, zrot: float) -> Floats:
    """(F, 72) rad; turning the root by `zrot` about z gives the body of the scene."""
    rotations = scene.rotations[list(clip.frames), clip.person].copy()
    cosine, sine = np.cos(zrot), np.sin(zrot)
    back = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    rotations[:, 0] = np.einsum("ij,fjk->fik", back, rotations[:, 0])
    return axis_angles_of(rotations).reshape(-1, 72)


def _write_video(scene: Scene, clip: _Clip, path: Path) -> None:
    """The mirror image of what a camera in the same place sees."""
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError.of("av", "video", "writing videos (--no-images does without)") from error
    from mhbench.synthetic.images import picture  # noqa: PLC0415 - compiles kernels

    alone = _filmed(scene, clip)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.bit_rate = 4_000_000
        for frame in clip.frames:
            vertices = _at_origin(scene, clip, scene.vertices(frame))
            image = np.ascontiguousarray(picture(alone, frame, "0", vertices=vertices).image[:, ::-1])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _filmed(scene: Scene, clip: _Clip) -> Scene:
    """The scene with nobody but the person of a clip, and a camera without the mirror."""
    width, height = SIZE
    # turning the image round moves the middle of its 320 pixels from 160 to 319 - 160
    K = np.array([[FOCAL, 0.0, width - 1 - width / 2], [0.0, FOCAL, height / 2], [0.0, 0.0, 1.0]])
    R = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]) @ _LAY
    place = np.linalg.solve(_LAY, camera_place(clip.number))
    present = np.zeros_like(scene.present)
    present[:, clip.person] = True
    camera = Camera(K=K, R=R, t=-R @ place, width=width, height=height)
    stools = np.zeros_like(scene.stools)
    return replace(scene, cameras={"0": camera}, present=present, stools=stools)
