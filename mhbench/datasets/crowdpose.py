"""CrowdPose: single images of crowds with 2D people of 14 joints, one annotation file for each split.

Kept as the file has them: `num_keypoints` (it counts joints 0 to 11 only, and decides who is scored),
`iscrowd` (groups without joints), boxes, and the order of people. `crowd_index` is the image's crowdIndex: it
decides the crowd level, cannot be recomputed, and is not limited to 1. Nothing is 3D, so there are no
heatmaps.

The train and test files of before March 2021 have width and height swapped; that is seen by the boxes and put
right. The split `trainval` is the union of two others: it is converted only when it is asked for.

Sources of the layout: Jeff-sjtu/CrowdPose, open-mmlab/mmhuman3d, open-mmlab/mmpose.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.datasets.choosing import check_root
from mhbench.datasets.image_blocks import ImageSet, block_table, chosen_splits, split_items
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.raw.coco_people import ImagePeople, read_coco_people
from mhbench.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable

SPLITS: Final = ("train", "val", "test")
UNION: Final = "trainval"
FOLDERS: Final = ("json", "annotations", ".")
NAMES: Final = ("crowdpose_{split}.json", "mmpose_crowdpose_{split}.json")
JOINTS: Final = 14
IMAGES: Final = ImageSet(dataset="crowdpose", skeleton="crowdpose_14", folder="images")
_CLOSE: Final = 1.0  # px by which a box may leave its image


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root: the annotations of every split, and the images.

    Raises:
        MissingInputError: there is no such folder.
    """
    files = _files(raw)
    findings = [_find_split(raw, split, files.get(split, [])) for split in (*SPLITS, UNION)]
    if not any(finding.present for finding in findings):
        detail = f"none of {NAMES[0].format(split='{' + ','.join(SPLITS) + '}')} in {raw}"
        findings.append(Finding(part="annotations", present=False, detail=detail))
    return [*findings, _find_images(raw)]


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
            f"{raw} holds no annotations of CrowdPose",
            expected=f"files such as json/crowdpose_val.json (in {', '.join(FOLDERS[:2])} or the root)",
            action="`mhbench datasets` says where to get them",
        )
    default = [split for split in SPLITS if split in files]
    if not default and not selection.splits:
        raise UsageError(
            f"{raw} holds only the split {UNION}, the union of train and val",
            expected=f"one of the splits {', '.join(SPLITS)}, or the wish for the union",
            action=f"convert it with --split {UNION}",
        )
    found = []
    for split in chosen_splits(selection, tuple(files), default):
        path = files[split][0]
        read_split = partial(read_coco_people, path, JOINTS)
        found += split_items(split, path.relative_to(raw).as_posix(), read_split, selection)
    return sorted(found, key=lambda item: (item.split, item.name))


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The images of one block.

    Returns:
        The table (beside the known columns `crowd_index` (F,) float64), and what was left out or put right.

    Raises:
        MissingInputError: the annotation file is gone.
        InputError: it is damaged; the message names the JSON path.
    """
    people, notes = _upright(read_coco_people(raw / item.files[0], JOINTS), item)
    table, report = block_table(IMAGES, people, item, selection, frames={"crowd_index": people.crowd_index})
    return table, [*notes, *report]


def _files(raw: Path) -> dict[str, list[Path]]:
    """Annotation files of every split that is there; the first one is read."""
    check_root(raw, "CrowdPose, with json/ and images/")
    found = {
        split: [
            path
            for folder in FOLDERS
            for name in NAMES
            if (path := raw / folder / name.format(split=split)).is_file()
        ]
        for split in (*SPLITS, UNION)
    }
    return {split: paths for split, paths in found.items() if paths}


def _upright(people: ImagePeople, item: Item) -> tuple[ImagePeople, list[Exclusion]]:
    """The images with width and height put right, if the file has them swapped."""
    swapped, declared = _evidence(people)
    if swapped.sum() <= declared.sum():
        return people, []
    reason = (
        f"width and height are swapped in {item.files[0]} and were put right: the boxes of {swapped.sum()}"
        f" images fit only the other order, those of {declared.sum()} only the order in the file"
    )
    note = Exclusion(item=item.name, frames=0, reason=reason)
    # a union of an old and a new file has both orders
    return replace(people, size=np.where(declared[:, None], people.size, people.size[:, ::-1])), [note]


def _evidence(people: ImagePeople) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(F,) images whose boxes fit only the swapped size, and those that fit only the size in the file."""
    reach = np.zeros((len(people.image_id), 2))
    owner = np.repeat(np.arange(len(reach)), np.diff(people.start))
    np.maximum.at(reach, owner, people.bbox[:, :2] + people.bbox[:, 2:] - _CLOSE)
    declared = np.all(reach <= people.size, axis=1)
    swapped = np.all(reach <= people.size[:, ::-1], axis=1)
    return swapped & ~declared, declared & ~swapped


def _find_split(raw: Path, split: str, paths: list[Path]) -> Finding:
    part = f"annotations of {split}"
    if not paths:
        detail = f"no {NAMES[0].format(split=split)} in {', '.join(FOLDERS[:2])} or the root"
        return Finding(part=part, present=False, detail=detail, needed=False)
    try:
        people = read_coco_people(paths[0], JOINTS)
    except InputError as error:
        return Finding(part=part, present=False, detail=error.what)
    swapped, declared = (images.sum() for images in _evidence(people))
    detail = (
        f"{paths[0].relative_to(raw)}: {len(people.image_id)} images, {len(people.bbox)} people,"
        f" {people.countable} of them scored"
    )
    notes = [
        "; width and height are swapped, conversion puts them right" if swapped > declared else "",
        f"; {paths[1].relative_to(raw)} is not read" if len(paths) > 1 else "",
        f"; the union of train and val, converted only with --split {UNION}" if split == UNION else "",
    ]
    return Finding(part=part, present=True, detail=detail + "".join(notes), needed=split != UNION)


def _find_images(raw: Path) -> Finding:
    folder = raw / IMAGES.folder
    count = sum(path.suffix == ".jpg" for path in folder.iterdir()) if folder.is_dir() else 0
    detail = f"{count} jpg files in {IMAGES.folder}/" if count else "none; annotations convert without them"
    return Finding(part="images", present=count > 0, detail=detail, needed=False)
