"""A scene as OCHuman: one image for each frame and camera, as `ochuman.json`, in the COCO form, or both.

Source of the layout and of the COCO form: liruilong940607/OCHumanApi.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from mhbench.skeletons import skeleton
from mhbench.synthetic.keypoints import Marked, Sight, box_overlaps, marked_people
from mhbench.synthetic.raw import Written, new_folder
from mhbench.synthetic.raw.pictures import write_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mhbench.synthetic.scenes import Scene

Form = Literal["native", "coco", "both"]

CAMERAS: tuple[str, ...] = ("0", "1", "2", "3")
JOINTS: Final = skeleton("coco_17").joints
# the order of ochuman.json is another one, and it has two joints more
NATIVE_JOINTS: Final = (*JOINTS[::-1], "head", "neck")
_NAMES: Final = {
    "missing": Sight.MISSING,
    "vis": Sight.VISIBLE,
    "self_occluded": Sight.SELF_OCCLUDED,
    "others_occluded": Sight.OTHERS_OCCLUDED,
}
_V: Final = {Sight.MISSING: 0, Sight.VISIBLE: 2, Sight.SELF_OCCLUDED: 2, Sight.OTHERS_OCCLUDED: 1}
_HIDING: Final = 0.1  # overlap of boxes from which a person has joints and a mask; the real one is 0.5
_UNMASKED: Final = 0.1  # share of the people with joints who have no mask


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    name: str
    frame: int
    camera: str
    people: list[dict[str, Any]]


def write(
    scene: Scene, folder: Path, *, seed: int = 0, images: bool = True, form: Form = "coco", val: float = 0.5
) -> Written:
    """Write a scene as the raw root `folder`.

    Args:
        scene: its images are those of all frames and cameras that show somebody.
        folder: the raw root.
        seed: of who has no mask.
        images: whether to render the images.
        form: which annotation files to write.
        val: share of the images with masks that are the split val in the COCO form; `ochuman.json` has no
            splits, the first 2,500 images with masks are val.

    Raises:
        OutputError: the files are already there, or the disk does not take them.
    """
    rng = np.random.default_rng((seed, 30))
    shown = list(_images(scene, rng))
    masked = [one for one in shown if any(_complete(person) for person in one.people)]
    cut = round(val * len(masked))
    files: dict[str, Any] = {}
    if form != "coco":
        files["ochuman.json"] = _native(scene, shown)
    if form != "native":
        for split, part in {"val": masked[:cut], "test": masked[cut:]}.items():
            files[f"ochuman_coco_format_{split}_range_0.00_1.00.json"] = _coco(scene, part)
    with new_folder(folder / "images") as pictures, new_folder(folder / "annotations") as target:
        if images:
            write_pictures(scene, ((one.frame, one.camera, pictures / one.name) for one in shown))
        for name, content in files.items():
            (target / name).write_text(json.dumps(content), encoding="ascii")
    people = [person for one in shown for person in one.people]
    complete = sum(_complete(person) for person in people)
    return Written(folder, {"images": len(shown), "people": len(people), "people with joints": complete})


def _images(scene: Scene, rng: np.random.Generator) -> Iterator[_Image]:
    for number in range(scene.frames * len(scene.cameras)):
        frame, place = divmod(number, len(scene.cameras))
        camera = list(scene.cameras)[place]
        lens = scene.cameras[camera]
        marked = marked_people(scene, frame, camera, "coco_17")
        if not marked:
            continue
        boxes = np.rint(np.stack([one.box for one in marked])).astype(int)
        overlaps = box_overlaps(boxes.astype(np.float64)).max(axis=1)
        people = [
            {
                "bbox": box.tolist(),
                "keypoints": _keypoints(one) if overlap >= _HIDING else None,
                "segms": _mask(box.tolist(), lens.width, lens.height)
                if overlap >= _HIDING and rng.random() >= _UNMASKED
                else None,
                "max_iou": float(overlap),
            }
            for one, box, overlap in zip(marked, boxes, overlaps, strict=True)
        ]
        yield _Image(f"{number + 1:06d}.jpg", frame, camera, people)


def _keypoints(person: Marked) -> list[float]:
    by_name = dict(zip(JOINTS, zip(person.pixels.tolist(), person.sight.tolist(), strict=True), strict=True))
    numbers: list[float] = []
    for name in NATIVE_JOINTS:
        (x, y), sight = by_name.get(name, ((0.0, 0.0), Sight.MISSING))
        numbers += [0, 0, 0] if sight == Sight.MISSING else [x, y, int(sight)]
    return numbers


def _mask(box: list[int], width: int, height: int) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    return {"outer": [[x1, y1, x2, y1, x2, y2, x1, y2]], "inner": [], "height": height, "width": width}


def _complete(person: dict[str, Any]) -> bool:
    return person["keypoints"] is not None and person["segms"] is not None


def _native(scene: Scene, shown: list[_Image]) -> dict[str, Any]:
    return {
        "keypoint_names": list(NATIVE_JOINTS),
        "keypoint_visible": {name: int(sight) for name, sight in _NAMES.items()},
        "images": [
            {
                "image_id": one.name.removesuffix(".jpg"),
                "file_name": one.name,
                "width": scene.cameras[one.camera].width,
                "height": scene.cameras[one.camera].height,
                "annotations": one.people,
            }
            for one in shown
        ],
    }


def _coco(scene: Scene, shown: list[_Image]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for number, one in enumerate(shown, start=1):
        lens = scene.cameras[one.camera]
        images.append({"file_name": one.name, "width": lens.width, "height": lens.height, "id": number})
        for person in filter(_complete, one.people):
            marks = np.array(person["keypoints"]).reshape(-1, 3)
            keypoints: list[float] = []
            for name in JOINTS:
                x, y, sight = marks[NATIVE_JOINTS.index(name)].tolist()
                keypoints += [x, y, _V[Sight(int(sight))]]
            x1, y1, x2, y2 = person["bbox"]
            people.append(
                {
                    "area": (x2 - x1) * (y2 - y1),
                    "image_id": number,
                    "iscrowd": 0,
                    "category_id": 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "segmentation": {"counts": "", "size": [lens.height, lens.width]},
                    "num_keypoints": sum(v > 0 for v in keypoints[2::3]),
                    "id": len(people) + 1,
                    "keypoints": keypoints,
                }
            )
    category = {"supercategory": "person", "id": 1, "name": "person", "keypoints": list(JOINTS)}
    limbs = [[a + 1, b + 1] for a, b in skeleton("coco_17").limbs]
    return {"categories": [{**category, "skeleton": limbs}], "images": images, "annotations": people}
