"""A scene as MuCo-3DHP: composites of people from MPI-INF-3DHP, as the re-release or as the authors' scripts.

Every person of the scene is a training sequence of MPI-INF-3DHP (see its writer); an image holds four of its
poses, taken by one camera, nearest first. The re-release is `data/MuCo-3DHP.json`. The authors' form is
`chunk_*_annot.mat` with `sampled_dataset_info.mat`, whose 3D joints are universal and without their pelvis;
`dataset_info.mat` is not written. No real file was ever seen: the layout is what RootNet's loader, ROMP and
the published MATLAB scripts have.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from mhbench.errors import UsageError
from mhbench.skeletons import skeleton
from mhbench.synthetic.raw import Written, mpi_inf_3dhp, new_folder
from mhbench.synthetic.raw.matlab_files import new_matlab73, save_matlab5
from mhbench.synthetic.raw.pictures import write_pictures

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.synthetic.scenes import Scene

    Floats = npt.NDArray[np.float64]

Form = Literal["release", "authors"]

CAMERAS: tuple[str, ...] = mpi_inf_3dhp.CAMERAS
USED_CAMERAS: Final = CAMERAS[:11]  # without the ceiling
PEOPLE: Final = 4
SETS: Final = ("augmented_set", "unaugmented_set")
PELVIS: Final = 14
_MILLIMETRES: Final = 1000.0


@dataclass(frozen=True)
class Composite:
    """One image: its camera and (4, 2) person and frame of the scene, nearest person first."""

    camera: str
    poses: npt.NDArray[np.int64]


def write(
    scene: Scene,
    folder: Path,
    *,
    seed: int = 0,
    images: bool = True,
    form: Form = "release",
    chunk: int = 500,
    sources: bool = True,
) -> Written:
    """Write composites of a scene: two for each of its frames, with and without augmentation.

    Args:
        scene: with the cameras 0 to 13; who is absent is filmed anyhow.
        folder: the raw root.
        seed: of the choice of poses and cameras.
        images: whether to render the images; augmented and unaugmented ones are the same here.
        form: the re-release or what the authors' scripts write.
        chunk: images of one file of the authors' form.
        sources: whether the authors' form comes with `sampled_dataset_info.mat` and, in `mpi_inf_3dhp`, with
            the sequences it was made from.

    Raises:
        UsageError: another form, other cameras, or nobody to compose.
        OutputError: the files are already there, or the disk does not take them.
    """
    if form not in {"release", "authors"} or not scene.people or tuple(scene.cameras) != CAMERAS:
        raise UsageError(
            f"MuCo-3DHP has no form {form!r} with {scene.people} people and {len(scene.cameras)} cameras",
            expected="release or authors, at least one person and the cameras 0 to 13",
            action="correct the argument",
        )
    filmed = mpi_inf_3dhp.as_filmed(scene)
    made = composites(scene, seed)
    names = SETS if form == "release" else tuple(f"{name}_001" for name in SETS)
    root = folder / "data" if form == "release" else folder / "."
    for name in names:
        with new_folder(root / name) as part:
            if images:
                for number, one in enumerate(made, start=1):
                    write_pictures(composed(filmed, one), [(0, one.camera, part / f"{number:06d}.jpg")])
            if form == "authors":
                _write_chunks(filmed, made, part, chunk)
    if form == "release":
        text = json.dumps(_release(filmed, made), separators=(", ", ": "))
        (root / "MuCo-3DHP.json").write_text(text, encoding="ascii")
    elif sources:
        mpi_inf_3dhp.write(scene, folder / "mpi_inf_3dhp", images=False, splits=("train",))
        _write_sources(made, folder / "sampled_dataset_info.mat")
    return Written(folder, {"images": len(SETS) * len(made), "people": len(SETS) * len(made) * PEOPLE})


def composites(scene: Scene, seed: int) -> list[Composite]:
    """The images of a scene: four poses each, drawn independently, sorted by the depth of the pelvis."""
    filmed = mpi_inf_3dhp.as_filmed(scene)
    pelvis = filmed.points["pelvis"]
    rng = np.random.default_rng((seed, 12))
    found = []
    for _ in range(2 * scene.frames):
        name = USED_CAMERAS[int(rng.integers(len(USED_CAMERAS)))]
        camera = filmed.cameras[name]
        poses = np.stack(
            [rng.integers(scene.people, size=PEOPLE), rng.integers(scene.frames, size=PEOPLE)], 1
        )
        depth = np.einsum("j,pj->p", camera.R[2], pelvis[poses[:, 1], poses[:, 0]])
        found.append(Composite(name, poses[np.argsort(depth, kind="stable")]))
    return found


def composed(filmed: Scene, composite: Composite) -> Scene:
    """The scene of one image: one frame of four people; `filmed` is from `as_filmed` of MPI-INF-3DHP."""
    people, frames = composite.poses.T
    return replace(
        filmed,
        rotations=filmed.rotations[frames, people][None],
        pelvis=filmed.pelvis[frames, people][None],
        betas=filmed.betas[people],
        genders=tuple(filmed.genders[person] for person in people),
        present=np.ones((1, PEOPLE), dtype=np.bool_),
        stools=filmed.stools[people],
    )


def _joints(filmed: Scene, composite: Composite) -> tuple[Floats, Floats]:
    """(4, 21, 3) metres in the camera, and (4, 21, 2) px."""
    camera = filmed.cameras[composite.camera]
    people, frames = composite.poses.T
    world = filmed.joints("mpi_21")[frames, people]
    points = np.einsum("ij,pnj->pni", camera.R, world) + camera.t
    pixels = np.einsum("ij,pnj->pni", camera.K, points)
    return points, pixels[..., :2] / pixels[..., 2:]


def _release(filmed: Scene, made: list[Composite]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name in SETS:
        for number, composite in enumerate(made, start=1):
            camera = filmed.cameras[composite.camera]
            K = camera.K
            images.append(
                {
                    "id": len(images) + 1,
                    "file_name": f"{name}/{number:06d}.jpg",
                    "width": camera.width,
                    "height": camera.height,
                    "f": [float(K[0, 0]), float(K[1, 1])],
                    "c": [float(K[0, 2]), float(K[1, 2])],
                }
            )
            for points, pixels in zip(*_joints(filmed, composite), strict=True):
                low, high = pixels.min(axis=0), pixels.max(axis=0)
                inside = np.all((pixels >= 0) & (pixels < [camera.width, camera.height]), axis=-1)
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": len(images),
                        "bbox": [*map(float, low), *map(float, high - low)],
                        "keypoints_img": pixels.tolist(),
                        "keypoints_cam": (points * _MILLIMETRES).tolist(),
                        "keypoints_vis": inside.astype(int).tolist(),
                    }
                )
    return {"images": images, "annotations": annotations}


def _write_chunks(filmed: Scene, made: list[Composite], folder: Path, chunk: int) -> None:
    for number, begin in enumerate(range(0, len(made), chunk), start=1):
        part = made[begin : begin + chunk]
        names = np.full((1, len(part)), None, dtype=object)
        names[0] = [f"{begin + row:06d}.jpg" for row in range(1, len(part) + 1)]
        points, pixels = map(np.stack, zip(*(_joints(filmed, one) for one in part), strict=True))
        scaled = mpi_inf_3dhp.universal(points, skeleton("mpi_21").joints) * _MILLIMETRES
        content = {
            "img_names": names,
            "joint_loc2": _last_axis(pixels),
            "joint_loc3": _last_axis(scaled - scaled[:, :, [PELVIS]]),
        }
        save_matlab5(folder / f"chunk_{number:05d}_annot.mat", content)


def _last_axis(values: Floats) -> Floats:
    """(n, P, J, d) -> (d, J, P, n); MATLAB drops a last axis of length 1."""
    turned = values.transpose(3, 2, 1, 0)
    return turned[..., 0] if turned.shape[-1] == 1 else turned


def _write_sources(made: list[Composite], path: Path) -> None:
    import h5py  # noqa: PLC0415 - only this file is HDF5

    with new_matlab73(path) as file:
        refs = file.create_group("#refs#")
        cells = file.create_dataset("composite_info", (PEOPLE, len(made)), dtype=h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        for row, composite in enumerate(made):
            for slot, (person, frame) in enumerate(composite.poses.tolist()):
                source = [[person // 2 + 1], [person % 2 + 1], [int(composite.camera)], [frame]]
                vector = refs.create_dataset(f"v{row}_{slot}", data=np.array(source, dtype=np.float64))
                vector.attrs["MATLAB_class"] = np.bytes_("double")
                cell = refs.create_dataset(f"c{row}_{slot}", (1, 1), dtype=h5py.ref_dtype)
                cell.attrs["MATLAB_class"] = np.bytes_("cell")
                cell[0, 0] = vector.ref
                # the draws are shuffled: the order by depth is that of the chunks only
                cells[(slot + row) % PEOPLE, row] = cell.ref
