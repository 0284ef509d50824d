"""Data sets: raw layout -> FrameTable. One file each; the table below is all there is to register.

A data set is a module with

    inventory(raw: Path) -> list[Finding]                                   what is there, by content
    items(raw: Path, selection: Selection) -> list[Item]                    what can be converted
    read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]

and a manifest `manifests/datasets/<name>.toml`. All three are plain functions and their arguments pickle, so
any engine can run them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final, Protocol, cast

from mhbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mhbench.datasets.items import Exclusion, Finding, Item, Selection
    from mhbench.frames import FrameTable

DATASETS: Final[Mapping[str, str]] = {
    "3dpw": "mhbench.datasets.threedpw",
    "crowdpose": "mhbench.datasets.crowdpose",
    "human36m": "mhbench.datasets.human36m",
    "jta": "mhbench.datasets.jta",
    "mpi_inf_3dhp": "mhbench.datasets.mpi_inf_3dhp",
    "muco": "mhbench.datasets.muco",
    "mupots": "mhbench.datasets.mupots",
    "ochuman": "mhbench.datasets.ochuman",
    "panoptic": "mhbench.datasets.panoptic",
    "surreal": "mhbench.datasets.surreal",
    "up3d": "mhbench.datasets.up3d",
}


class Dataset(Protocol):
    """The functions a data set's module has."""

    def inventory(self, raw: Path) -> list[Finding]:
        """What of the data set lies under the raw root."""

    def items(self, raw: Path, selection: Selection) -> list[Item]:
        """The items of the selection, sorted by split and name."""

    def read(self, raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
        """The frames of one item and what was left out of them, or changed.

        Args:
            raw: the raw root.
            item: one of `items`.
            selection: its stride, limit, lists of frames, exclusions and corrections are used; all of them
                refer to the data set's own index.
        """


def dataset(name: str) -> Dataset:
    """The data set of a name such as `panoptic`.

    Raises:
        UsageError: there is no such data set; the message lists those there are.
    """
    if name not in DATASETS:
        raise UsageError(
            f"there is no data set {name!r}",
            expected=f"one of: {', '.join(DATASETS)}",
            action="`mhbench datasets` tells what each is",
        )
    return cast("Dataset", importlib.import_module(DATASETS[name]))
