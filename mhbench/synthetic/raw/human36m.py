"""A scene as a subject of Human3.6M: metadata.xml, pose files in one of the folder trees, and images.

Every person becomes a take, as the data set has one actor at a time. World, camera and pixels are those of
the files: millimetres, z up; camera positions and Euler angles in `w0`; a lens of its own. The real
metadata.xml holds more (skeletons, measurements, thresholds) than is written here.
Sources of the layout: una-dinosauria/3d-pose-baseline, anibali/h36m-fetch, facebookresearch/VideoPose3D.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mhbench.errors import UsageError
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.human36m_metadata import ACTIONS, SHORT, SUBJECTS, metadata, take_name
from mhbench.synthetic.raw.matlab_files import new_matlab73

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.cameras import Camera
    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

Tree = Literal["official", "renamed", "derived"]

CAMERAS: tuple[str, ...] = ("54138969", "55011271", "58860488", "60457274")
HEIGHTS: Final = (1002, 1000, 1000, 1002)
WIDTH: Final = 1000
SUBJECT: Final = "S9"
KINDS: Final = ("D3_Positions", "D3_Positions_mono", "D2_Positions")
_FOLDERS: Final = {"official": "MyPoseFeatures/", "renamed": "Poses_"}
BOXES: Final = "MySegmentsMat/ground_truth_bb"
_MILLIMETRES: Final = 1000.0
_CDF_FLOAT: Final = 44
_DISTANCE: Final = 5.0  # metres from a camera to the middle of the room, at the height of a pelvis
_MIDDLE: Final = (0.0, 0.0, 0.95)
_LARGEST_ROOM: Final = 1.2  # metres from its middle, as far as an actor walks
FOCAL: Final = 1147.0  # px, between those of the real cameras, which are 1145 to 1150


def write(
    scene: Scene,
    folder: Path,
    *,
    seed: int = 0,
    images: bool = True,
    subject: str = SUBJECT,
    tree: Tree = "official",
    kinds: Collection[str] = KINDS,
) -> Written:
    """Write a scene as the takes of one subject: one take for each person, in the order of actions.

    Args:
        scene: its first four cameras are taken, as `as_filmed` makes them; who is absent is filmed anyhow.
        folder: the raw root.
        seed: not used; nothing here is random.
        images: whether to render the images, as tools that cut the videos write them (`images/`), and the
            masks that the boxes are taken from.
        subject: S1 to S11.
        tree: folders as the archives unpack, as h36m-fetch renames them, or the derived HDF5 files, which
            hold world poses only.
        kinds: which kinds of pose files to write.

    Raises:
        UsageError: an unknown subject or tree, not four cameras, or more people than a subject has takes.
        OutputError: the files are already there, or the disk does not take them.
    """
    del seed
    if subject not in SUBJECTS or tree not in {*_FOLDERS, "derived"} or scene.people > 2 * len(ACTIONS) - 2:
        raise UsageError(
            f"Human3.6M has no subject {subject!r} with {scene.people} takes in a tree {tree!r}",
            expected="S1 to S11, at most 30 people, and one of: official, renamed, derived",
            action="correct the argument",
        )
    filmed = as_filmed(scene)
    poses = filmed.joints("h36m_32") * _MILLIMETRES
    parts = {"takes": scene.people, "frames": scene.frames, "cameras": len(CAMERAS), "pose files": 0}
    with new_folder(folder / "Release-v1.2") as release, new_folder(folder / subject) as part:
        (release / "metadata.xml").write_text(metadata(filmed), encoding="utf-8")
        for person in range(scene.people):
            stem = take_name(subject, 2 + person // 2, 1 + person % 2)
            if tree == "derived":
                parts["pose files"] += _write_derived(part, stem, poses[:, person])
                continue
            for kind, name, values in _pose_files(filmed, stem, poses[:, person]):
                if kind in kinds:
                    _write_cdf(part / f"{_FOLDERS[tree]}{kind}" / f"{name}.cdf", values)
                    parts["pose files"] += 1
    if images:
        with new_folder(folder / "images") as part, new_folder(folder / subject / BOXES) as masks:
            parts["images"] = _write_images(filmed, part, masks, subject)
    return Written(folder, parts)


def as_filmed(scene: Scene) -> Scene:
    """The scene with everybody present, in the middle of the room, and with cameras that Human3.6M can have.

    Every person is a take of their own. The first four cameras get the names and image sizes of Human3.6M,
    its focal length and its lens model, and stand five metres from the middle.

    Raises:
        UsageError: the scene has fewer than four cameras.
    """
    if len(scene.cameras) < len(CAMERAS):
        raise UsageError(
            f"Human3.6M has four cameras, and the scene has {len(scene.cameras)}",
            expected=f"cameras called {', '.join(CAMERAS)}",
            action="make a scene with four cameras",
        )
    cameras = {}
    for name, height, camera in zip(CAMERAS, HEIGHTS, scene.cameras.values(), strict=False):
        K = np.array([[FOCAL, 0.0, WIDTH / 2], [0.0, FOCAL, height / 2], [0.0, 0.0, 1.0]])
        depth = (camera.R @ np.array(_MIDDLE) + camera.t)[2]
        t = camera.t + np.array([0.0, 0.0, _DISTANCE - depth])
        cameras[name] = replace(camera, K=K, lens="human36m", t=t, width=WIDTH, height=height)
    pelvis = scene.pelvis.copy()
    pelvis[..., :2] -= pelvis[..., :2].mean(axis=0)
    farthest = np.hypot(pelvis[..., 0], pelvis[..., 1]).max(axis=0)
    pelvis[..., :2] *= np.minimum(1.0, _LARGEST_ROOM / np.maximum(farthest, _LARGEST_ROOM))[:, None]
    return replace(scene, cameras=cameras, pelvis=pelvis, present=np.ones_like(scene.present))


def _pose_files(scene: Scene, stem: str, world: Floats) -> Iterator[tuple[str, str, Floats]]:
    """Pose files of a take: their kind, their name and (F, 32, 3) mm or (F, 32, 2) px."""
    yield "D3_Positions", stem, world
    for name, camera in scene.cameras.items():
        place = -camera.R.T @ camera.t * _MILLIMETRES
        seen = np.einsum("ij,fnj->fni", camera.R, world - place)
        yield "D3_Positions_mono", f"{stem}.{name}", seen
        yield "D2_Positions", f"{stem}.{name}", _filmed_pixels(seen, camera)


def _filmed_pixels(points: Floats, camera: Camera) -> Floats:
    """Human3.6M's lens as its own code has it: one factor for the radial and both tangential terms."""
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    k1, k2, p1, p2, k3 = camera.distortion[:5]
    square = x**2 + y**2
    factor = 1 + k1 * square + k2 * square**2 + k3 * square**3 + p1 * y + p2 * x
    u = camera.K[0, 0] * (x * factor + p2 * square) + camera.K[0, 2]
    v = camera.K[1, 1] * (y * factor + p1 * square) + camera.K[1, 2]
    return np.stack([u, v], axis=-1)


def _write_cdf(path: Path, values: Floats) -> None:
    from cdflib.cdfwrite import CDF  # noqa: PLC0415 - slow to import

    path.parent.mkdir(parents=True, exist_ok=True)
    record = values.reshape(1, len(values), -1).astype(np.float32)
    file = CDF(path, cdf_spec={"rDim_sizes": []})
    variable = {
        "Variable": "Pose",
        "Data_Type": _CDF_FLOAT,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Var_Type": "zVariable",
        "Dim_Sizes": list(record.shape[1:]),
        "Compress": 0,
    }
    file.write_var(variable, var_data=record)
    file.close()


def _write_derived(part: Path, stem: str, world: Floats) -> int:
    import h5py  # noqa: PLC0415 - only this tree needs it

    for long, short in SHORT.items():
        stem = stem.replace(long, short)
    path = part / "MyPoses" / "3D_positions" / f"{stem}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        # single precision as the pose files have, then double as the archive has
        rows = world.reshape(len(world), -1).astype(np.float32).astype(np.float64)
        file.create_dataset("3D_positions", data=rows.T)
    return 1


def _write_images(scene: Scene, folder: Path, masks: Path, subject: str) -> int:
    """Images and masks of every take with its person alone; the number of images."""
    from PIL import Image  # noqa: PLC0415 - only trees with images need it

    from mhbench.synthetic.images import picture  # noqa: PLC0415 - compiles kernels

    for person in range(scene.people):
        alone = replace(scene, present=scene.present & (np.arange(scene.people) == person))
        stem = take_name(subject, 2 + person // 2, 1 + person % 2)
        seen: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in scene.cameras}
        for frame in range(scene.frames):
            vertices = alone.vertices(frame)
            for name in scene.cameras:
                drawn = picture(alone, frame, name, vertices=vertices)
                seen[name].append(drawn.labels == person)
                place = folder / f"{subject}_{stem.replace(' ', '_')}.{name}_{frame + 1:06d}.jpg"
                Image.fromarray(drawn.image).save(place, quality=90)
        for name, actor in seen.items():
            _write_masks(masks / f"{stem}.{name}.mat", actor)
    return scene.people * scene.frames * len(scene.cameras)


def _write_masks(path: Path, masks: list[npt.NDArray[np.bool_]]) -> None:
    """A cell array of masks; HDF5 shows MATLAB's axes exchanged."""
    import h5py  # noqa: PLC0415 - only trees with images need it

    with new_matlab73(path) as file:
        cells = file.create_dataset("Masks", (len(masks), 1), dtype=h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        for row, mask in enumerate(masks):
            data = mask.T.astype(np.uint8)
            stored = file.create_dataset(f"#refs#/m{row}", data=data, compression="gzip", compression_opts=1)
            stored.attrs["MATLAB_class"] = np.bytes_("logical")
            cells[row, 0] = stored.ref
