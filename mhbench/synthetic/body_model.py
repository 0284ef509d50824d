"""Model files of the synthetic body: SMPL's layout without SMPL's licence, and regressors that go with them.

The three genders are one body. `mhbench.datasets.raw.body_models` reads the files as it reads licensed ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.skeletons import skeleton
from mhbench.synthetic import figure
from mhbench.synthetic.raw import new_folder
from mhbench.synthetic.raw.python2_pickles import ChumpyArray, SparseColumns, python2_pickle
from mhbench.synthetic.smpl_body import body

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MODELS: Final = ("SMPL_FEMALE.pkl", "SMPL_MALE.pkl", "SMPL_NEUTRAL.pkl")
# files of regressors, named as researchers know them -> the skeleton they make
REGRESSORS: Final = {"J_regressor_h36m.npy": "h36m_17_regressor", "J_regressor_coco.npy": "coco_17"}


def write_body_models(
    folder: Path, *, names: Collection[str] = MODELS, chumpy: Collection[str] = ("shapedirs",)
) -> list[Path]:
    """Write model files and regressors of the synthetic body.

    Args:
        folder: must not exist yet.
        names: of the model files.
        chumpy: arrays that are written in chumpy's clothes, as the official files do with some.

    Returns:
        The files, sorted.

    Raises:
        OutputError: the folder is already there, or the disk does not take it.
    """
    content = model_pickle(chumpy)
    with new_folder(folder) as part:
        for name in names:
            (part / name).write_bytes(content)
        for name, skeleton_name in REGRESSORS.items():
            np.save(part / name, regressor(skeleton_name), allow_pickle=False)
    return sorted(folder.iterdir())


def model_pickle(chumpy: Collection[str] = ()) -> bytes:
    """The pickle of the synthetic body in the layout of SMPL's file."""
    arrays = body().model_arrays()
    content: dict[str, object] = {
        name: ChumpyArray(array) if name in chumpy else array for name, array in arrays.items()
    }
    content["J_regressor"] = SparseColumns(arrays["J_regressor"])
    content["J"] = body().regressor[: len(body().joints)] @ body().template
    return python2_pickle(content | {"bs_type": "lrotmin", "bs_style": "lbs"})


def regressor(skeleton_name: str) -> Floats:
    """The regressor (J, 6890) from vertices to a skeleton's joints; exact in the rest pose.

    Raises:
        UsageError: there is no such skeleton.
    """
    rows = dict(zip(body().points, body().regressor, strict=True))
    rows |= {name: np.mean([rows[one] for one in others], axis=0) for name, others in figure.MEANS.items()}
    return np.stack([rows[point] for point in skeleton(skeleton_name).points])
