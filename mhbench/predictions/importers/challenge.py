"""The tree a submission to the 3DPW challenge consists of.

    <folder>/{train,validation,test}/<sequence>.pkl      one pickled dictionary per sequence:
        jointPositions   (P, N, 24, 3)      SMPL's joints, m; any translation
        orientations     (P, N, 9, 3, 3)    global rotations, bone to camera, of the nine scored bones

for P actors and N images of the sequence, image 0 first. Prediction i is actor i of the annotation. Either
key may be left out, in every file alike: a metric is printed only if all files carry what it needs.
Source: aymenmir1/3dpw-eval (readme and evaluate.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.raw.pickles import read_pickle
from mhbench.errors import InputError, PredictionError
from mhbench.predictions.importers.people import numbers
from mhbench.predictions.table import PredictionTable
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

DATASET: Final = "3dpw"
SPLITS: Final = ("train", "validation", "test")
SKELETON: Final = "smpl_24"
# actors, images, then what of each
SHAPES: Final = {"jointPositions": (None, None, 24, 3), "orientations": (None, None, 9, 3, 3)}
COLUMNS: Final = {"jointPositions": "joints3d", "orientations": "rotations"}


def read_challenge_tree(folder: Path) -> PredictionTable:
    """Read a submission; `person` is the index of the actor, frame ids are `<sequence>/0/<image>`.

    Raises:
        PredictionError: a file has another layout, or the files carry different keys.
        InputError: there is no file, one is damaged, or holds what the restricted reader refuses.
    """
    paths = [path for split in SPLITS for path in sorted((folder / split).glob("*.pkl"))]
    if not paths:
        raise InputError(
            f"{folder} cannot be read: it is a folder and holds no submission to the 3DPW challenge",
            expected=f"a predictions file, or one pickle per sequence in {', '.join(SPLITS)}",
            action="give the file, or the folder that holds these",
        )
    contents = [_read(path) for path in paths]
    keys = contents[0].keys()
    for path, content in zip(paths, contents, strict=True):
        if content.keys() != keys:
            raise PredictionError(
                f"{path} carries {', '.join(content)}",
                expected=f"{', '.join(keys)}, as {paths[0]} does",
                action="write the same keys into every file, or leave a key out of all of them",
            )
    frame_ids, counts = [], []
    for path, content in zip(paths, contents, strict=True):
        people, images = next(iter(content.values())).shape[:2]
        frame_ids += [f"{path.stem}/0/{image}" for image in range(images)]
        counts += [people] * images
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    actor = np.arange(start[-1]) - np.repeat(start[:-1], counts)
    return PredictionTable(
        dataset=DATASET,
        frame_ids=np.array(frame_ids),
        person_start=start,
        persons={"person": actor.astype(np.str_)}
        | {COLUMNS[key]: np.concatenate([_by_frame(one[key]) for one in contents]) for key in keys},
        skeleton=SKELETON if "jointPositions" in keys else None,
        model=folder.name,
        space="root",
        root=skeleton(SKELETON).joints[0] if "jointPositions" in keys else None,
        rotation_set="challenge_9" if "orientations" in keys else None,
        source=str(folder),
    )


def _read(path: Path) -> dict[str, Floats]:
    """The arrays of one file, joints relative to the pelvis."""
    content = read_pickle(path, keys=SHAPES)
    found = {key: numbers(value, SHAPES[key], f"{path}: {key}") for key, value in content.items()}
    if not found or len({array.shape[:2] for array in found.values()}) > 1:
        raise PredictionError(
            f"{path}: {'no key of a submission' if not found else 'the keys differ in actors or images'}",
            expected="jointPositions, orientations, or both, for the same actors and images",
            action="write one row per actor and image, as the challenge's readme asks",
        )
    if "jointPositions" in found:
        found["jointPositions"] = found["jointPositions"] - found["jointPositions"][:, :, :1]
    return found


def _by_frame(values: Floats) -> Floats:
    """(P, N, ...) -> (N * P, ...): the actors of image 0 first."""
    return np.ascontiguousarray(np.moveaxis(values, 0, 1)).reshape(-1, *values.shape[2:])
