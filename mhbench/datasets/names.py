"""The ids of data sets, and the other names by which people know them."""

from __future__ import annotations

import re
from typing import Final

from mhbench.datasets import DATASETS

_OTHER: Final = {
    "h36m": "human36m",
    "hm36": "human36m",
    "hm36m": "human36m",
    "mpii3d": "mpi_inf_3dhp",
    "mpi3dhp": "mpi_inf_3dhp",
    "mpiinf": "mpi_inf_3dhp",
    "3dhp": "mpi_inf_3dhp",
    "muco3dhp": "muco",
    "mupots3d": "mupots",
    "mupots3dhp": "mupots",
    "pw3d": "3dpw",
    "cmu": "panoptic",
    "cmupanoptic": "panoptic",
    "panopticstudio": "panoptic",
    "jointtrackauto": "jta",
    "up": "up3d",
    "unitethepeople": "up3d",
}


def dataset_id(name: str) -> str:
    """The id of a data set by any of its names, however it is written; a name that is nobody's is returned.

    `H36M`, `Human3.6M` and `human36m` are one, and so are `CMU Panoptic` and `panoptic`.
    """
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    ids = {one.replace("_", ""): one for one in DATASETS} | _OTHER
    return ids.get(bare, name)
