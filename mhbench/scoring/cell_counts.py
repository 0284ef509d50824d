"""True and predicted bodies as cells: how many they share, whole, in parts, and seen from two sides.

Meshes are compared on the lattice of the true body, a predicted volume on its own, so that nothing of it is
resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mhbench.metrics.segmentation_scores import block_counts
from mhbench.volumes import PARTS, Block, Lattice, block_of, lattice_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.protocols.rules import VolumeRule

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

BODY: Final = "body"
VIEWS: Final = {"front": 2, "side": 0}
"""Views of a body, and the axis of the camera they look along."""
BACKGROUND: Final = "background"
FOREGROUND: Final = "foreground"
COLUMNS: Final = (BODY, *VIEWS, BACKGROUND, FOREGROUND, *PARTS)
"""What is counted; from the background on it is about parts."""
_OF_PARTS: Final = COLUMNS.index(BACKGROUND)
_HERE: Final = np.zeros(3, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class MeshKind:
    """What all bodies of a model share: faces (T, 3), and the parts (V, 6) of each vertex."""

    faces: Ints
    parts: npt.NDArray[np.bool_]


class Volume(NamedTuple):
    """A predicted volume: labels (D, H, W), axes z, y, x; smallest x, y, z and sides of a cell, metres."""

    labels: npt.NDArray[np.uint8]
    corner: Floats
    cell: Floats


class _Solid(NamedTuple):
    body: Block
    parts: Block | None


def count_cells(
    mesh: Floats, kind: MeshKind, predicted: Floats | Volume | None, rule: VolumeRule, *, parts: bool
) -> Floats:
    """Cells of a true body and of a predicted one.

    Args:
        mesh: (V, 3) m, the true body.
        kind: of the meshes.
        predicted: mesh (V, 3), or a volume; None: nobody, who has no cells.
        rule: how the protocol compares bodies.
        parts: whether parts are counted; a volume without parts has NaN for them in any case.

    Returns:
        (columns, 2): shared cells and those of either, in the order of `COLUMNS`.

    Raises:
        ShapeError: a vertex is not finite.
        UsageError: a body is too large for the cells.
    """
    conservative = rule.cells == "conservative"
    lattice = lattice_of(mesh, kind.faces, rule.resolution)
    if isinstance(predicted, Volume):
        lattice = Lattice(predicted.corner, predicted.cell)
    true = _solid(mesh, kind, lattice, conservative=conservative, parts=parts)
    if predicted is None:
        empty = Block(np.zeros((0, 0, 0), dtype=np.uint8), _HERE)
        given = _Solid(empty, empty if parts else None)
    elif isinstance(predicted, Volume):
        labels = Block(predicted.labels.transpose(), _HERE)
        given = _Solid(labels, labels if parts and predicted.labels.max(initial=0) > 1 else None)
    else:
        given = _solid(predicted, kind, lattice, conservative=conservative, parts=parts)
    counts = np.full((len(COLUMNS), 2), np.nan)
    counts[0] = _counts(given.body, true.body, 0)
    for column, axis in enumerate(VIEWS.values(), start=1):
        counts[column] = _counts(_seen(given.body, axis), _seen(true.body, axis), 0)
    if true.parts is not None and given.parts is not None:
        counts[_OF_PARTS:] = _of_parts(given.parts, true.parts, rule.resolution)
    return counts


def _of_parts(given: Block, true: Block, resolution: int) -> Floats:
    foreground = _counts(given, true, 0)
    rows = [foreground, *(_counts(given, true, label) for label in range(1, len(PARTS) + 1))]
    # the published grid, or all cells there are if the bodies do not fit into one
    total = max(resolution**3, foreground[1])
    return np.array([(total - foreground[1], total - foreground[0]), *rows], dtype=np.float64)


def _solid(mesh: Floats, kind: MeshKind, lattice: Lattice, *, conservative: bool, parts: bool) -> _Solid:
    body = block_of(mesh, kind.faces, lattice, conservative=conservative)
    if not parts:
        return _Solid(body, None)
    return _Solid(body, block_of(mesh, kind.faces, lattice, parts=kind.parts, conservative=conservative))


def _seen(block: Block, axis: int) -> Block:
    """The block without the axis that is looked along."""
    return Block(block.cells.max(axis=axis, initial=0), np.delete(block.offset, axis))


def _counts(given: Block, true: Block, label: int) -> tuple[int, int]:
    """Cells of a label; of any label for 0."""
    return block_counts(_cells(given, label), _cells(true, label), given.offset - true.offset)


def _cells(block: Block, label: int) -> npt.NDArray[np.bool_]:
    cells: npt.NDArray[Any] = block.cells
    return np.asarray(cells == label if label else cells != 0)
