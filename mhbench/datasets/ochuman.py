"""OCHuman: single images of people who hide each other, with 2D joints in COCO's order; for testing only.

Two forms of annotations are read: the COCO form of each split, which everybody scores with, and the data
set's own `ochuman.json`, from which the COCO form was made (see `ochuman_file`). Boxes and `area` (of the
whole box, not of the mask) are as in the files. COCO's v = 2 means visible or hidden by the person's own
body, v = 1 hidden by somebody else; only `ochuman.json` tells the former two apart. Nothing is 3D, so there
are no heatmaps.

Source of the layout and of the rules: liruilong940607/OCHumanApi.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mhbench.datasets.choosing import check_root
from mhbench.datasets.image_blocks import ImageSet, block_table, chosen_splits, split_items
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.ochuman_file import VAL_IMAGES, read_ochuman
from mhbench.datasets.raw.coco_people import ImagePeople, read_coco_people
from mhbench.errors import InputError
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.frames import FrameTable

RELEASED: Final = {"val": VAL_IMAGES, "test": 2231}  # images of each split since June 2019
COCO_FORM: Final = "ochuman_coco_format_{split}_range_0.00_1.00.json"
NATIVE: Final = "ochuman.json"
FOLDERS: Final = (".", "annotations")
IMAGES: Final = ImageSet(dataset="ochuman", skeleton="coco_17", folder="images")


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root: the annotations of both splits, and the images.

    Raises:
        MissingInputError: there is no such folder.
    """
    files = _files(raw)
    findings = [_find_split(raw, split, files.get(split)) for split in RELEASED]
    if not files:
        detail = f"neither {COCO_FORM.format(split='{val,test}')} nor {NATIVE} in {raw}"
        findings.append(Finding(part="annotations", present=False, detail=detail))
    folder = raw / IMAGES.folder
    count = sum(path.suffix == ".jpg" for path in folder.iterdir()) if folder.is_dir() else 0
    detail = f"{count} jpg files in {IMAGES.folder}/" if count else "none; annotations convert without them"
    return [*findings, Finding(part="images", present=count > 0, detail=detail, needed=False)]


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each block of 1,000 images of each split, sorted by split and name.

    Raises:
        MissingInputError: there is no such folder.
        InputError: it holds no annotations of this data set.
        UsageError: a split, sequence (they are named as the splits) or camera does not exist.
    """
    files = _files(raw)
    if not files:
        raise InputError(
            f"{raw} holds no annotations of OCHuman",
            expected=f"{COCO_FORM.format(split='val')} or {NATIVE}, in the root or in annotations/",
            action="`mhbench datasets` says where to get them",
        )
    found = []
    for split in chosen_splits(selection, tuple(files), tuple(files)):
        path = files[split].relative_to(raw).as_posix()
        found += split_items(split, path, partial(_people, files[split], split), selection)
    return sorted(found, key=lambda item: (item.split, item.name))


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The images of one block.

    Returns:
        The table (beside the known columns `max_iou` (P,) float64, NaN in the COCO form), and what was left
        out.

    Raises:
        MissingInputError: the annotation file is gone.
        InputError: it is damaged; the message names the JSON path.
    """
    path = raw / item.files[0]
    people = _people(path, item.split)
    persons = {"area": people.area, "max_iou": people.max_iou}
    table, report = block_table(IMAGES, people, item, selection, persons=persons)
    notes = []
    if path.name == NATIVE and item.keys["first"] == 0:  # once for a split
        notes.append(Exclusion(item=item.name, frames=0, reason=read_ochuman(path).note))
    return table, [*notes, *report]


def _files(raw: Path) -> dict[str, Path]:
    """The annotation file of every split; scores are published on the COCO form, so it comes first."""
    check_root(raw, "OCHuman, with its annotation files and images/")
    found = {}
    for split in RELEASED:
        candidates = [
            raw / folder / name.format(split=split) for name in (COCO_FORM, NATIVE) for folder in FOLDERS
        ]
        there = [path for path in candidates if path.is_file()]
        if there:
            found[split] = there[0]
    return found


def _people(path: Path, split: str) -> ImagePeople:
    if path.name == NATIVE:
        return read_ochuman(path).splits[split]
    return read_coco_people(path, len(skeleton(IMAGES.skeleton)))


def _find_split(raw: Path, split: str, path: Path | None) -> Finding:
    part = f"annotations of {split}"
    if path is None:
        detail = f"neither {COCO_FORM.format(split=split)} nor {NATIVE}"
        return Finding(part=part, present=False, detail=detail, needed=False)
    try:
        people = _people(path, split)
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    count = len(people.image_id)
    detail = f"{path.relative_to(raw)}: {count} images, {len(people.bbox)} people"
    if count != RELEASED[split]:
        detail += (
            f"; the release of June 2019 has {RELEASED[split]} images, older downloads are split otherwise"
        )
    return Finding(part=part, present=count > 0, detail=detail, needed=count > 0 or path.name != NATIVE)
