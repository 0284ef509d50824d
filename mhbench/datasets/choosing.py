"""What of a data set is wanted: its folder, names, strides, frame lists, and named lists of bad frames.

The lists of bad frames are `manifests/exclusions/<dataset>_<what>.toml`, each with its reason and source.
They are off unless `Selection.exclusions` names them; those that say how their frames can be mended are
applied so where `Selection.corrections` names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mhbench.datasets.items import Exclusion, Item, Selection
from mhbench.errors import MissingInputError, UsageError
from mhbench.manifests import manifest_names, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt


class FrameRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frames `first` to `last`, both included, of a sequence; of one camera, or of all where it is empty."""

    sequence: str
    first: int
    last: int
    camera: str = ""


class Correction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How frames are mended: poses moved by so many millimetres of the world, or left and right exchanged."""

    move_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    exchange_sides: bool = False


class ExclusionManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named list of frames to leave out, or to mend where a source says how."""

    name: str
    dataset: str
    reason: str
    source: str
    frames: tuple[FrameRange, ...]
    correction: Correction | None = None

    def hit(self, index: npt.NDArray[np.int64], sequence: str, camera: str) -> npt.NDArray[np.bool_]:
        """(F,) mask of the raw indices of a sequence and camera that are in the list."""
        found: npt.NDArray[np.bool_] = np.zeros(len(index), dtype=np.bool_)
        for span in self.frames:
            if span.sequence == sequence and span.camera in {"", camera}:
                found |= (index >= span.first) & (index <= span.last)
        return found

    @property
    def words(self) -> str:
        """Name, reason and source, as a report has them."""
        return f"{self.name}: {self.reason} ({self.source})"


def check_root(raw: Path, holds: str) -> None:
    """Make sure that the raw root of a data set is there; `holds` says which, and what is in it.

    Raises:
        MissingInputError: it is no folder.
    """
    if not raw.is_dir():
        raise MissingInputError(
            f"there is no raw folder {raw}",
            expected=f"the raw root of {holds}",
            action="give it with --raw, or set MHBENCH_RAW to the folder above it;"
            " `mhbench datasets` says where to get it",
        )


def chosen_names(kind: str, wanted: Sequence[str], available: Sequence[str]) -> list[str]:
    """The wanted names, or all that are available where none is wanted.

    Args:
        kind: what they name, for the message.
        wanted: names the user gave.
        available: names there are.

    Raises:
        UsageError: a wanted name is not available.
    """
    for name in wanted:
        if name not in available:
            raise UsageError(
                f"there is no {kind} {name!r}",
                expected=f"one of: {', '.join(available) or 'none exist'}",
                action="check the spelling and the raw folder",
            )
    return sorted(set(wanted)) if wanted else list(available)


def chosen_sequences(selection: Selection, available: Iterable[str]) -> list[str]:
    """The sequences of a selection; frame lists without named sequences choose those they are for.

    Raises:
        UsageError: one is not available.
    """
    return chosen_names("sequence", selection.sequences or tuple(selection.frame_lists), tuple(available))


def chosen_frames(
    index: npt.NDArray[np.int64], selection: Selection, item: Item, sequence: str
) -> tuple[npt.NDArray[np.int64], list[Exclusion]]:
    """The raw indices a selection keeps of one item, before exclusion lists.

    Args:
        index: (F,) ascending raw indices there are.
        selection: stride, limit and frame lists are used.
        item: the item, for the report.
        sequence: its sequence.

    Returns:
        The raw indices kept, ascending, and what to report: numbers of a frame list that have no annotation.

    Raises:
        UsageError: the stride or the limit makes no sense.
    """
    if selection.every < 1 or selection.limit < 0:
        raise UsageError(
            f"every {selection.every} and limit {selection.limit} select no frames",
            expected="every >= 1, limit >= 0 (0 = no limit)",
            action="give other numbers, or leave --every and --limit out to have every frame",
        )
    kept = index[index % selection.every == 0]
    report = []
    listed = selection.frame_lists.get(sequence, ())
    if listed:
        absent = len(np.setdiff1d(listed, index))
        if absent:
            reason = "in the frame list, but the data set has no annotation of them"
            report.append(Exclusion(item=item.name, frames=absent, reason=reason))
        kept = kept[np.isin(kept, listed)]
    return (kept[: selection.limit] if selection.limit else kept), report


def excluded_frames(
    index: npt.NDArray[np.int64],
    selection: Selection,
    item: Item,
    *,
    dataset: str,
    sequence: str,
    camera: str,
) -> tuple[npt.NDArray[np.bool_], list[Exclusion]]:
    """Which frames of an item the exclusion lists of a selection leave out.

    Returns:
        (F,) mask of the frames to leave out, and what to report: one entry for each list that hit frames.

    Raises:
        UsageError: the data set has no exclusion list of a name.
    """
    out: npt.NDArray[np.bool_] = np.zeros(len(index), dtype=np.bool_)
    report = []
    for manifest in exclusion_manifests(selection.exclusions, dataset):
        hit = manifest.hit(index, sequence, camera) & ~out
        if hit.any():
            report.append(Exclusion(item=item.name, frames=int(hit.sum()), reason=manifest.words))
            out |= hit
    return out, report


def corrections(
    index: npt.NDArray[np.int64],
    selection: Selection,
    item: Item,
    *,
    dataset: str,
    sequence: str,
    camera: str,
) -> Iterator[tuple[npt.NDArray[np.bool_], Correction, Exclusion]]:
    """What the corrections of a selection change in an item: (F,) masks of frames, how, and what to report.

    Raises:
        UsageError: the data set has no correction of a name.
    """
    for manifest in correction_manifests(selection.corrections, dataset):
        hit = manifest.hit(index, sequence, camera)
        if manifest.correction and hit.any():
            note = Exclusion(item=item.name, frames=0, reason=f"corrected, not left out: {manifest.words}")
            yield hit, manifest.correction, note


def correction_manifests(names: Sequence[str], dataset: str) -> list[ExclusionManifest]:
    """The exclusion lists of the given names, all of which say how their frames are mended.

    Raises:
        UsageError: there is none of a name for the data set; the message lists those there are.
        ManifestError: one breaks the schema.
    """
    known = exclusion_manifests(_exclusion_names(dataset), dataset) if names else []
    mendable = {one.name: one for one in known if one.correction}
    return [mendable[name] for name in chosen_names("correction", names, tuple(mendable))] if names else []


def exclusion_manifests(names: Sequence[str], dataset: str) -> list[ExclusionManifest]:
    """The exclusion lists of the given names.

    Raises:
        UsageError: there is none of a name for the data set; the message lists those there are.
        ManifestError: one breaks the schema.
    """
    chosen = chosen_names("exclusion list", names, _exclusion_names(dataset)) if names else []
    return [read_manifest(f"exclusions/{name}", ExclusionManifest) for name in chosen]


def _exclusion_names(dataset: str) -> list[str]:
    return [name for name in manifest_names("exclusions") if name.startswith(f"{dataset}_")]
