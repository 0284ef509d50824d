"""COCO keypoint JSON: one file of images and annotations for each split.

`keypoints` are x, y, v: v is 0 where a joint is not labelled in the image, 1 where it is known to be hidden,
else 2. The further keys `joints3d` (metres, camera frame), `joints2d`, `joint_flags`, `K`, `distortion` and
`frame` are ignored by readers of COCO; `coco_import.py` reads them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mhbench.columns import JointFlag
from mhbench.errors import InputError
from mhbench.export.sources import ExportReport, about, by_split, plain
from mhbench.shards.files import atomic_file
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.frames import FrameTable
    from mhbench.shards import Shards

_HIDDEN = int(JointFlag.SELF_OCCLUDED | JointFlag.OCCLUDED)


def write(shards: Shards, out: Path, *, raw: Path | None, images: bool, most: int) -> ExportReport:
    """Write `<data set>_<split>.json` for each split; the shards are read twice, one at a time.

    Raises:
        InputError: the shards have no 2D joints, or people of several skeletons.
    """
    del raw, images, most  # COCO names its images and is one file
    files, frames, people, left_out = [], 0, 0, 0
    for split, part in by_split(shards):
        path = out / f"{shards.dataset}_{split}.json"
        names = {info.skeleton for info in part.infos}
        if len(names) > 1:
            raise InputError(
                f"the split {split} has people of several skeletons: {', '.join(sorted(names))}",
                expected="one, which the category of a COCO file describes",
                action="export the shards one by one",
            )
        visibility = _says_what_is_visible(part)
        with atomic_file(path) as file:
            info = {"dataset": shards.dataset, "split": split, **about(shards.dataset)}
            head = {"info": info, "categories": [_category(names.pop())]}
            file.write(msgspec.json.encode(head)[:-1] + b',"images":[')
            for number, image in enumerate(_images(part)):
                file.write((b",\n" if number else b"\n") + msgspec.json.encode(image))
                frames += 1
            file.write(b'],"annotations":[')
            written = 0
            for annotation in _annotations(part, visibility=visibility):
                if annotation is None:
                    left_out += 1
                    continue
                file.write(
                    (b",\n" if written else b"\n") + msgspec.json.encode({"id": written + 1, **annotation})
                )
                written += 1
            file.write(b"]}\n")
        people += written
        files.append(path)
    return ExportReport(
        "coco", tuple(files), frames, people, left_out, "nothing of them is labelled in the image"
    )


def _category(name: str) -> dict[str, Any]:
    bones = skeleton(name)
    limbs = [[first + 1, second + 1] for first, second in bones.limbs]
    return {"id": 1, "name": "person", "keypoints": list(bones.joints), "skeleton": limbs}


def _says_what_is_visible(shards: Shards) -> bool:
    """Some joint of the split is flagged visible; data sets that never flag any do not know."""
    flags = (table.persons["joint_flags"] for table in shards.tables(["persons/joint_flags"]))
    return any((one & JointFlag.VISIBLE).any() for one in flags)


def _images(shards: Shards) -> Iterator[dict[str, Any]]:
    begin = 1
    for table in shards.tables():
        columns = table.frames
        for row, number in enumerate(_image_ids(table, begin)):
            image = {"id": number, "frame": str(columns["id"][row])}
            for key, name in (("file_name", "image"), ("width", "width"), ("height", "height")):
                if name in columns:
                    image[key] = columns[name][row].item()
            for name in ("K", "distortion"):
                if name in columns:
                    image[name] = plain(columns[name][row])
            if "crowd_index" in columns and np.isfinite(columns["crowd_index"][row]):
                image["crowdIndex"] = float(columns["crowd_index"][row])
            if "distortion" in columns:
                image["lens"] = table.lens
            yield image
        begin += table.frame_count


def _annotations(shards: Shards, *, visibility: bool) -> Iterator[dict[str, Any] | None]:
    """Annotations of all people; None for a person the image shows nothing of."""
    begin = 1
    for table in shards.tables():
        persons = table.persons
        if "joints2d" not in persons:
            raise InputError(
                f"{table.dataset} has no 2D joints", expected="joints2d", action="export to another format"
            )
        states = _states(persons["joints2d"], persons["joint_flags"], visibility=visibility)
        ids = _image_ids(table, begin)
        for row, frame in enumerate(table.frame_of_person.tolist()):
            yield _annotation(table, row, ids[frame], states[row])
        begin += table.frame_count


def _image_ids(table: FrameTable, begin: int) -> list[int]:
    if "image_id" in table.frames:
        ids: list[int] = table.frames["image_id"].tolist()
        return ids
    return list(range(begin, begin + table.frame_count))


def _states(
    joints2d: npt.NDArray[np.float32], flags: npt.NDArray[np.uint8], *, visibility: bool
) -> npt.NDArray[np.int64]:
    """(P, J) COCO's v of each joint."""
    labelled = (flags & JointFlag.LABELLED_2D > 0) & np.isfinite(joints2d).all(axis=-1)
    # what was projected into the image plane is not labelled in the image when it lies beside it
    labelled &= (flags & JointFlag.LABELLED_3D == 0) | (flags & JointFlag.OUT_OF_IMAGE == 0)
    hidden = (flags & _HIDDEN > 0) | (visibility & (flags & JointFlag.VISIBLE == 0))
    return np.where(labelled, np.where(hidden, 1, 2), 0)


def _annotation(
    table: FrameTable, row: int, image: int, state: npt.NDArray[np.int64]
) -> dict[str, Any] | None:
    persons = table.persons
    seen = state > 0
    if not (seen.any() or _known(persons, "bbox", row)):
        return None
    points = np.where(seen[:, None], np.array(plain(persons["joints2d"][row])), 0.0)
    if _known(persons, "bbox", row):
        box = persons["bbox"][row]
    else:
        low, high = points[seen].min(axis=0), points[seen].max(axis=0)
        box = np.concatenate([low, high - low])
    annotation = {
        "image_id": image,
        "category_id": 1,
        "keypoints": np.column_stack([points, state]).reshape(-1).tolist(),
        "num_keypoints": int(persons["num_keypoints"][row])
        if "num_keypoints" in persons
        else int(seen.sum()),
        "bbox": plain(box),
        "area": float(persons["area"][row]) if _known(persons, "area", row) else float(box[2] * box[3]),
        "iscrowd": int(persons["iscrowd"][row]) if "iscrowd" in persons else 0,
    }
    for name, key in (("annotation_id", "id"), ("track", "track")):
        if name in persons:
            annotation[key] = int(persons[name][row])
    if "joints3d" in persons:
        annotation["joints3d"] = plain(persons["joints3d"][row])
        annotation["joint_flags"] = persons["joint_flags"][row].tolist()
        if np.any(~seen & np.isfinite(persons["joints2d"][row]).all(axis=-1)):
            annotation["joints2d"] = plain(persons["joints2d"][row])  # joints beside the image too
    return annotation


def _known(columns: Mapping[str, npt.NDArray[Any]], name: str, row: int) -> bool:
    return name in columns and bool(np.isfinite(columns[name][row]).all())
