"""UP-3D (Unite the People): images of single people with neutral SMPL bodies that were fitted to them.

Items are blocks of 1,000 images of one split and one source; the sequence of a frame is the source (`lsp`,
`lspext`, `mpii`: where the image comes from), its camera 0, its index the number of the image.

* The fits are imprecise: against masks that people drew, their silhouettes are right in 92 % of the pixels.
* `joints2d` are the joints of the fitted body as the file projects them. Without the licensed model nobody
  can say where they are in 3D, so there is no `joints3d`; the body itself is there, with its place.
* The set `deepercut` is what a detector found in the image; its coordinates are taken to be those of the
  image, as other readers do.
* `silhouette` is the mask that people drew (the release `upi-s1h`), empty where there is none: COCO's run
  lengths, for `mhbench.volumes.text_to_mask`.
* Angles of the files may be several turns; here none is more than half a turn.

T1 of BodyNet are the images of `lsp` in the split test, T2 those of a list that is not part of the data set
(`subset_t2`, 0 everywhere without the list).

Sources of the layout: see `up3d_files`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.columns import JointFlag
from mhbench.datasets.choosing import check_root, chosen_frames, chosen_names, excluded_frames
from mhbench.datasets.items import Exclusion, Finding, Item, Selection
from mhbench.datasets.raw.images import image_size
from mhbench.datasets.up3d_files import (
    DETECTED,
    FOLDER,
    MASKS,
    PARTS,
    SOURCES,
    SPLITS,
    T2_LISTS,
    Fit,
    images_of,
    mask_path,
    no_release,
    part_of,
    read_detections,
    read_fit,
    read_mask,
    second_test_set,
    source_of,
)
from mhbench.errors import InputError
from mhbench.frames import FrameTable, JointSet, inside_image
from mhbench.volumes import mask_to_text

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]
    Columns = dict[str, npt.NDArray[Any]]

NAME: Final = "up3d"
CAMERA: Final = "0"
BLOCK: Final = 1000  # images
_LAST: Final = 99_999  # numbers have five digits


def inventory(raw: Path) -> list[Finding]:
    """What of the data set lies under the raw root: lists, files of each image, masks, the list of T2.

    Raises:
        MissingInputError: there is no such folder.
    """
    check_root(raw, f"UP-3D, with {FOLDER}/ in it")
    findings = [_find_split(raw, split) for split in SPLITS]
    if not any(one.present for one in findings):
        findings.append(Finding(part="lists", present=False, detail=no_release(raw).what))
    masks = sum(1 for _ in (raw / MASKS).glob("**/*_segmentation.png")) if (raw / MASKS).is_dir() else 0
    detail = f"{masks} files in {MASKS}/" if masks else f"none in {MASKS}/; 2D scores need them"
    findings.append(Finding(part="masks", present=masks > 0, detail=detail, needed=False))
    second = second_test_set(raw)
    told = f"no {' or '.join(T2_LISTS)}" if second is None else f"{len(second)} images"
    return [*findings, Finding(part="list of T2", present=second is not None, detail=told, needed=False)]


def items(raw: Path, selection: Selection) -> list[Item]:
    """One item for each block of 1,000 images of a split and a source, sorted by split and name.

    Raises:
        MissingInputError: there is no such folder, no list in it, or no `dataset_info.txt` of an image.
        InputError: a list or one of these files is damaged.
        UsageError: a split, sequence or camera does not exist.
    """
    check_root(raw, f"UP-3D, with {FOLDER}/ in it")
    chosen_names("camera", selection.cameras, (CAMERA,))
    wanted = set(
        chosen_names("sequence", selection.sequences or tuple(selection.frame_lists), tuple(SOURCES))
    )
    lists = {split: images_of(raw, split) for split in chosen_names("split", selection.splits, SPLITS)}
    if not any(lists.values()):
        raise no_release(raw)
    found = []
    for split, numbers in lists.items():
        by_source: dict[str, list[int]] = {}
        for number in numbers or ():
            by_source.setdefault(source_of(raw, number)[0], []).append(number)
        for source in sorted(wanted & set(by_source)):
            found += _blocks(raw, split, source, by_source[source], selection.frame_lists.get(source, ()))
    return sorted(found, key=lambda item: (item.split, item.name))


def read(raw: Path, item: Item, selection: Selection) -> tuple[FrameTable, list[Exclusion]]:
    """The images of one block.

    Returns:
        The table (lens pinhole, skeleton smpl_24, the set deepercut of lsp_14, the columns the manifest
        declares), and what was left out.

    Raises:
        InputError: a file is missing or damaged, or holds what does not fit; the message says what.
    """
    source = str(item.keys["sequence"])
    numbers = _of_block(raw, item)
    listed = _narrowed(raw, item, numbers, selection.frame_lists.get(source, ()))
    narrowed = msgspec.structs.replace(selection, frame_lists={source: listed} if listed else {})
    kept, report = chosen_frames(numbers, narrowed, item, source)
    out, bad = excluded_frames(kept, selection, item, dataset=NAME, sequence=source, camera=CAMERA)
    return _table(raw, item.split, source, kept[~out]), [*report, *bad]


def _of_block(raw: Path, item: Item) -> Integers:
    """Numbers of the images of an item."""
    first, last = int(item.keys["first"]), int(item.keys["last"])
    inside = [number for number in images_of(raw, item.split) or () if first <= number <= last]
    return np.array(
        [number for number in inside if source_of(raw, number)[0] == item.keys["sequence"]], dtype=np.int64
    )


def _narrowed(raw: Path, item: Item, numbers: Integers, listed: tuple[int, ...]) -> tuple[int, ...]:
    """The part of a frame list that is about an item: its own images, and those that are in no split."""
    first, last = int(item.keys["first"]), int(item.keys["last"])
    known = {number for split in SPLITS for number in images_of(raw, split) or ()} - set(numbers.tolist())
    return tuple(number for number in listed if first <= number <= last and number not in known)


def _blocks(raw: Path, split: str, source: str, numbers: list[int], listed: tuple[int, ...]) -> list[Item]:
    """Blocks of a source; those without a number of its frame list, if there is one, are left out."""
    found = []
    for begin in range(0, len(numbers), BLOCK):
        block = numbers[begin : begin + BLOCK]
        # every number belongs to exactly one block of a split, so one that no image has is told
        first = block[0] if begin else 0
        last = numbers[begin + BLOCK] - 1 if begin + BLOCK < len(numbers) else _LAST
        if listed and not set(listed) & set(block):
            continue
        files = [part_of(raw, number, part) for number in block for part in PARTS]
        files += [path for path in (mask_path(raw, number) for number in block) if path.is_file()]
        files += [raw / FOLDER / f"{split}.txt", *(raw / name for name in T2_LISTS if (raw / name).is_file())]
        found.append(
            Item(
                name=f"{source}.{block[0]:05d}-{block[-1]:05d}",
                split=split,
                files=tuple(path.relative_to(raw).as_posix() for path in files),
                frames_available=len(block),
                keys={"sequence": source, "first": first, "last": last},
            )
        )
    return found


def _table(raw: Path, split: str, source: str, numbers: Integers) -> FrameTable:
    fits = [read_fit(raw, number) for number in numbers.tolist()]
    masks = [read_mask(mask_path(raw, number)) for number in numbers.tolist()]
    size = np.array(
        [_image_size(raw, *one) for one in zip(numbers.tolist(), masks, fits, strict=True)], dtype=np.int32
    ).reshape(-1, 2)
    found = np.array([read_detections(raw, number) for number in numbers.tolist()]).reshape(-1, DETECTED, 3)
    frames = len(numbers)
    second = second_test_set(raw) or frozenset()
    names = np.array([f"{number:05d}" for number in numbers.tolist()], dtype=np.str_)
    detected = np.where(found[..., 2:] > 0, found[..., :2], np.nan)
    return FrameTable(
        dataset=NAME,
        split=split,
        skeleton="smpl_24",
        frames={
            "id": np.char.add(f"{source}/{CAMERA}/", names),
            "sequence": np.full(frames, source),
            "camera": np.full(frames, CAMERA),
            "index": numbers,
            "image": np.char.add(np.char.add(f"{FOLDER}/", names), "_image.png"),
            "image_id": numbers,
            "width": size[:, 0],
            "height": size[:, 1],
            "K": _stacked([fit.K for fit in fits], 3, 3),
            "distortion": np.zeros((frames, 8)),
            "subset_t2": np.array([number in second for number in numbers.tolist()], dtype=np.uint8),
        },
        person_start=np.arange(frames + 1),
        persons={
            "track": np.zeros(frames, dtype=np.int64),
            **_pixel_columns(_stacked([fit.pixels for fit in fits], 24, 2), size),
            "smpl_pose": _stacked([fit.pose for fit in fits], 72),
            "smpl_betas": _stacked([fit.betas for fit in fits], 10),
            "smpl_transl": _stacked([fit.transl for fit in fits], 3),
            "gender": np.full(frames, "neutral"),
            "silhouette": np.array(
                ["" if mask is None else mask_to_text(mask) for mask in masks], dtype=np.str_
            ),
            "deepercut_confidence": found[..., 2].astype(np.float32),
        },
        sets={"deepercut": JointSet("lsp_14", _pixel_columns(detected, size))},
    )


def _pixel_columns(pixels: Floats, size: npt.NDArray[np.int32]) -> Columns:
    known = np.isfinite(pixels[..., 0])
    inside = inside_image(pixels, size[:, None])
    flags = np.where(known, JointFlag.LABELLED_2D, 0) | np.where(known & ~inside, JointFlag.OUT_OF_IMAGE, 0)
    return {"joints2d": pixels.astype(np.float32), "joint_flags": flags.astype(np.uint8)}


def _stacked(rows: list[Floats], *shape: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(-1, *shape)


def _image_size(raw: Path, number: int, mask: Mask | None, fit: Fit) -> tuple[int, int]:
    """Width and height: of the image, else of its mask, else of the crop the body was fitted in."""
    path = part_of(raw, number, "image.png")
    size = image_size(path) if path.is_file() else None
    drawn = None if mask is None else (mask.shape[1], mask.shape[0])
    if size is not None and drawn is not None and size != drawn:
        raise InputError(
            f"{mask_path(raw, number)} has {drawn[0]} x {drawn[1]} pixels",
            expected=f"{size[0]} x {size[1]}, as {path} has",
            action="extract both again",
        )
    middle = 2 * fit.K[:2, 2]  # of a crop that begins at the corner of the image
    return size or drawn or (int(middle[0]), int(middle[1]))


def _find_split(raw: Path, split: str) -> Finding:
    """How many images of a split are whole; the first is read."""
    try:
        numbers = images_of(raw, split)
        if numbers is None:
            detail = f"no {FOLDER}/{split}.txt"
            return Finding(part=split, present=False, detail=detail, needed=False)
        lacking = [
            path
            for number in numbers
            for path in (part_of(raw, number, one) for one in PARTS)
            if not path.is_file()
        ]
        if numbers and not lacking:
            read_fit(raw, numbers[0])
    except InputError as error:
        return Finding(part=split, present=False, detail=error.what)
    if lacking:
        detail = f"{len(lacking)} files of {len(numbers)} images are missing, such as {lacking[0].name}"
        return Finding(part=split, present=False, detail=detail)
    pictures = sum(part_of(raw, number, "image.png").is_file() for number in numbers)
    return Finding(
        part=split, present=True, detail=f"{len(numbers)} images ({pictures} pictures)", needed=False
    )
