"""Which frames of a data set are wanted: names, strides, frame lists, and named lists of bad frames.

The lists of bad frames are `manifests/exclusions/<dataset>_<what>.toml`, each with its reason and source;
they are off unless `Selection.exclusions` names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mhbench.datasets.items import Exclusion, Item, Selection
from mhbench.errors import UsageError
from mhbench.manifests import manifest_names, read_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


class FrameRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frames `first` to `last`, both included, of a sequence; of one camera, or of all where it is empty."""

    sequence: str
    first: int
    last: int
    camera: str = ""


class ExclusionManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named list of frames to leave out."""

    name: str
    dataset: str
    reason: str
    source: str
    frames: tuple[FrameRange, ...]


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
        hit: npt.NDArray[np.bool_] = np.zeros(len(index), dtype=np.bool_)
        for span in manifest.frames:
            if span.sequence == sequence and span.camera in {"", camera}:
                hit |= (index >= span.first) & (index <= span.last)
        hit &= ~out
        if hit.any():
            reason = f"{manifest.name}: {manifest.reason} ({manifest.source})"
            report.append(Exclusion(item=item.name, frames=int(hit.sum()), reason=reason))
            out |= hit
    return out, report


def exclusion_manifests(names: Sequence[str], dataset: str) -> list[ExclusionManifest]:
    """The exclusion lists of the given names.

    Raises:
        UsageError: there is none of a name for the data set; the message lists those there are.
        ManifestError: one breaks the schema.
    """
    available = [name for name in manifest_names("exclusions") if name.startswith(f"{dataset}_")]
    chosen = chosen_names("exclusion list", names, available) if names else []
    return [read_manifest(f"exclusions/{name}", ExclusionManifest) for name in chosen]
