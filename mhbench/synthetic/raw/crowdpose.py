"""A scene as CrowdPose: one image for each frame and camera, one annotation file for each split.

The files have what the real ones have: images and people in no order, boxes with whole and broken numbers,
groups without joints, `num_keypoints` that leaves head and neck out, and a category whose limbs are those of
another skeleton.
Sources of the layout: Jeff-sjtu/CrowdPose, its annotations of the validation split.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mhbench.errors import UsageError
from mhbench.synthetic.keypoints import Marked, Sight, marked_people
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.pictures import write_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.synthetic.scenes import Scene

CAMERAS: tuple[str, ...] = ("0", "1", "2", "3")
JOINTS: Final = (
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "head", "neck"),
)
FIRST_IMAGE: Final = 100000
FIRST_PERSON: Final = 100016
SPLITS: Final = {"train": 0.5, "val": 0.1, "test": 0.4}  # shares of the images, as in the data set
_COUNTED: Final = 12  # joints before head and neck
_V: Final = {Sight.MISSING: 0, Sight.VISIBLE: 2, Sight.SELF_OCCLUDED: 1, Sight.OTHERS_OCCLUDED: 1}
# the limbs are COCO's, of 17 joints: so they are in the real files
_COCO_LIMBS: Final = "16-14 14-12 17-15 15-13 12-13 6-12 7-13 6-7 6-8 7-9 8-10 9-11"
_CATEGORY: Final = {
    "supercategory": "person",
    "id": 1,
    "name": "person",
    "keypoints": list(JOINTS),
    "skeleton": [[int(joint) for joint in limb.split("-")] for limb in _COCO_LIMBS.split()],
}
_UNMARKED: Final = 0.1  # share of joints that nobody marked


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    number: int
    frame: int
    camera: str
    people: list[Marked]


def write(
    scene: Scene,
    folder: Path,
    *,
    seed: int = 0,
    images: bool = True,
    shares: Mapping[str, float] = SPLITS,
    place: str = "json",
    union: bool = False,
    swapped: bool = False,
    groups: float = 0.1,
) -> Written:
    """Write a scene as the raw root `folder`.

    Args:
        scene: its images are those of all frames and cameras that show somebody.
        folder: the raw root.
        seed: of the order in the files, of unmarked joints and of groups.
        images: whether to render the images.
        shares: share of the images that each split gets.
        place: folder of the annotation files, `json` or `annotations`.
        union: write `trainval` too.
        swapped: write width and height of train and test the wrong way round, as the files of before 2021.
        groups: share of the images that also have a box around a group.

    Raises:
        UsageError: a place that is neither.
        OutputError: the files are already there, or the disk does not take them.
    """
    if place not in {"json", "annotations"}:
        raise UsageError(
            f"CrowdPose has no folder {place!r}",
            expected="json or annotations",
            action="correct the argument",
        )
    rng = np.random.default_rng((seed, 20))
    shown = list(_images(scene, rng))
    people = iter(rng.permutation(10 * scene.people * len(shown)).tolist())
    contents = {
        split: _content(scene, chosen, rng, people, groups=groups)
        for split, chosen in _split(shown, shares).items()
    }
    marked = [one["iscrowd"] for content in contents.values() for one in content["annotations"]]
    if union:
        parts = [contents.get(split, {"images": [], "annotations": []}) for split in ("train", "val")]
        joined = {key: [*parts[0][key], *parts[1][key]] for key in ("images", "annotations")}
        contents["trainval"] = {**joined, "categories": [_CATEGORY]}
    for image in (image for split in ("train", "test") if swapped for image in contents[split]["images"]):
        image["width"], image["height"] = image["height"], image["width"]
    with new_folder(folder / "images") as pictures, new_folder(folder / place) as target:
        if images:
            write_pictures(scene, ((one.frame, one.camera, pictures / f"{one.number}.jpg") for one in shown))
        for split, content in contents.items():
            (target / f"crowdpose_{split}.json").write_text(json.dumps(content), encoding="ascii")
    return Written(
        folder,
        {"images": len(shown), "people": len(marked) - sum(marked), "groups": sum(marked)},
    )


def _images(scene: Scene, rng: np.random.Generator) -> Iterator[_Image]:
    number = FIRST_IMAGE
    for frame in range(scene.frames):
        for camera in scene.cameras:
            number += int(rng.integers(1, 4))  # ids have gaps
            people = [_forget(one, rng) for one in marked_people(scene, frame, camera, "crowdpose_14")]
            people = [one for one in people if np.any(one.sight != Sight.MISSING)]
            if people:
                yield _Image(number, frame, camera, people)


def _forget(person: Marked, rng: np.random.Generator) -> Marked:
    """Some joints are not marked though they are in the image."""
    lost = rng.random(len(person.sight)) < _UNMARKED
    return replace(person, sight=np.where(lost, Sight.MISSING, person.sight))


def _split(shown: list[_Image], shares: Mapping[str, float]) -> dict[str, list[_Image]]:
    bounds = np.cumsum([0.0, *shares.values()]) / sum(shares.values()) * len(shown)
    edges = np.rint(bounds).astype(int)
    return {
        split: shown[start:stop]
        for split, start, stop in zip(shares, edges[:-1], edges[1:], strict=True)
        if stop > start
    }


def _content(
    scene: Scene, shown: list[_Image], rng: np.random.Generator, numbers: Iterator[int], *, groups: float
) -> dict[str, Any]:
    images, people = [], []
    grouped = rng.choice(len(shown), size=int(np.ceil(groups * len(shown))), replace=False)
    for row, image in enumerate(shown):
        lens = scene.cameras[image.camera]
        images.append(
            {
                "file_name": f"{image.number}.jpg",
                "id": image.number,
                "height": lens.height,
                "width": lens.width,
                "crowdIndex": _crowd_index(image.people),
            }
        )
        here = [_person(one, image.number) for one in image.people]
        here += [_group(image)] if row in grouped else []
        people += [{**one, "id": FIRST_PERSON + next(numbers)} for one in here]
    return {
        "images": [images[row] for row in rng.permutation(len(images))],
        "annotations": [people[row] for row in rng.permutation(len(people))],
        "categories": [_CATEGORY],
    }


def _person(person: Marked, image: int) -> dict[str, Any]:
    v = np.array([_V[Sight(one)] for one in person.sight])
    pixels = np.where(v[:, None] > 0, np.rint(person.pixels), 0)
    x1, y1, x2, y2 = (_number(value) for value in np.round(person.box, 2))
    return {
        "num_keypoints": int(np.sum(v[:_COUNTED] > 0)),
        "iscrowd": 0,
        "keypoints": np.column_stack([pixels, v]).astype(int).ravel().tolist(),
        "image_id": image,
        "bbox": [x1, y1, _number(round(x2 - x1, 2)), _number(round(y2 - y1, 2))],
        "category_id": 1,
    }


def _group(image: _Image) -> dict[str, Any]:
    boxes = np.stack([one.box for one in image.people])
    low, high = np.floor(boxes[:, :2].min(axis=0)), np.floor(boxes[:, 2:].max(axis=0))
    return {
        "num_keypoints": 0,
        "iscrowd": 1,
        "keypoints": [0] * (3 * len(JOINTS)),
        "image_id": image.number,
        "bbox": [*low.astype(int).tolist(), *(high - low).astype(int).tolist()],
        "category_id": 1,
    }


def _crowd_index(people: list[Marked]) -> float:
    """The paper's formula: joints of others in somebody's box over his own, averaged."""
    shares = []
    for one in people:
        others = [_inside(other, one.box) for other in people if other is not one]
        shares.append(sum(others) / max(int(np.sum(one.sight != Sight.MISSING)), 1))
    return round(float(np.mean(shares)), 2)


def _inside(person: Marked, box: npt.NDArray[np.float64]) -> int:
    marked = person.sight != Sight.MISSING
    return int(np.sum(marked & np.all((person.pixels >= box[:2]) & (person.pixels <= box[2:]), axis=1)))


def _number(value: float) -> float:
    """Whole numbers are written without a point, as in the real files."""
    return int(value) if float(value).is_integer() else float(value)
