"""The frames a protocol expects, listed for whoever runs a model, and an empty predictions file to fill."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.errors import UsageError
from mhbench.predictions.schema import FORMAT
from mhbench.protocols.frame_selection import as_one_view, expected_frames
from mhbench.shards import open_shards
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mhbench.frames import FrameTable
    from mhbench.protocols.loading import Protocol

FRAMES_FORMAT: Final = "mhbench-frames/1"
_GIVEN: Final = "given"  # the matching rule under which the model is given boxes of annotated people
_PER_FRAME: Final = ("image", "image_id", "width", "height", "K", "distortion", "R", "t")


@dataclass(frozen=True, slots=True)
class ExpectedFrames:
    """What was written.

    Attributes:
        frames: number of expected frames among the converted ones.
        known: their number in the complete protocol; 0 = not known.
        listing: the list of frames.
        template: the predictions file to fill.
    """

    frames: int
    known: int
    listing: Path
    template: Path


def write_expected_frames(
    protocol: Protocol, data: Path, out: Path, frame_lists: Mapping[str, tuple[int, ...]] | None = None
) -> ExpectedFrames:
    """Write every frame a protocol expects, and an empty predictions file beside it.

    The list is JSON, `mhbench-frames/1`: for each frame its id, image path (relative to the raw root), video
    and frame number in it where the data set is released as videos, size in px, K in px, distortion of the
    lens model in the header, R and t (metres), and, where the protocol gives the model the people, their
    `person` keys and boxes (x y w h, px).

    Args:
        protocol: the protocol.
        data: folder of the shards.
        out: the list; the empty file is `<stem>.predictions.json` in the same folder.
        frame_lists: raw indices per sequence, where the official list is not public.

    Raises:
        UsageError: no converted frame belongs to the protocol.
        MissingInputError: the data set was not converted.
        OutputError: the place cannot be written.
    """
    entries: list[bytes] = []
    header: dict[str, Any] = {}
    for whole in open_shards(data, dataset=protocol.frames.dataset).tables():
        table = as_one_view(whole, protocol) if protocol.frames.world else whole
        expected = table.select(expected_frames(protocol, table, frame_lists))
        header = header or {
            "format": FRAMES_FORMAT,
            "protocol": protocol.name,
            "version": protocol.version,
            "dataset": table.dataset,
            "lens": table.lens,
            "skeleton": table.skeleton,
        }
        given = protocol.matching.rule == _GIVEN
        entries += [msgspec.json.encode(entry) for entry in _entries(expected, with_people=given)]
    if not entries:
        raise UsageError(
            f"no frame under {data} belongs to {protocol.name}",
            expected="shards of its split, sequences and cameras",
            action=f"`mhbench protocols {protocol.name}` says which; convert them",
        )
    head = msgspec.json.encode(header)[:-1] + b',"frames":[\n'
    write_atomically(out, b"".join((head, b",\n".join(entries), b"\n]}\n")))
    template = out.with_name(f"{out.name.removesuffix('.json')}.predictions.json")
    write_atomically(template, _template(protocol, header["skeleton"]))
    return ExpectedFrames(len(entries), protocol.frames.expected, out, template)


def _entries(table: FrameTable, *, with_people: bool) -> Iterator[dict[str, Any]]:
    video_of = _VIDEOS.get(table.dataset)
    columns = {name: table.frames[name].tolist() for name in _PER_FRAME if name in table.frames}
    for frame, frame_id in enumerate(table.frames["id"].tolist()):
        entry: dict[str, Any] = {"id": frame_id}
        entry |= {name: values[frame] for name, values in columns.items() if values[frame] != ""}
        video = video_of(table, frame) if video_of else None
        if video is not None:
            entry["video"], entry["video_frame"] = video
        if with_people:
            entry["persons"] = _people(table, table.people(frame))
        yield entry


def _people(table: FrameTable, rows: slice) -> list[dict[str, Any]]:
    tracks = table.persons["track"][rows].tolist()
    people: list[dict[str, Any]] = [{"person": str(track)} for track in tracks]
    if "bbox" in table.persons:
        boxes = table.persons["bbox"][rows]
        lacking = np.isnan(boxes).any(axis=1)
        for row in np.flatnonzero(~lacking).tolist():
            people[row]["bbox"] = boxes[row].tolist()
    return people


def _template(protocol: Protocol, skeleton: str) -> bytes:
    space = protocol.prediction.spaces[0]
    header: dict[str, Any] = {
        "format": FORMAT,
        "model": "name of your model",
        "dataset": protocol.frames.dataset,
        "skeleton": skeleton,
        "trained_on": [],
        "predictions": [],
    }
    if space != "2d":
        header |= {"units": "m", "space": space}
    if space == "root":
        header["root"] = "skeleton"
    return msgspec.json.format(msgspec.json.encode(header), indent=1) + b"\n"


def _panoptic_video(table: FrameTable, frame: int) -> tuple[str, int] | None:
    sequence, camera = table.frames["sequence"][frame], str(table.frames["camera"][frame])
    if not camera.startswith("00_"):  # VGA videos have another rate than the HD numbers of the ids
        return None
    return f"{sequence}/hdVideos/hd_{camera}.mp4", int(table.frames["index"][frame])


def _human36m_video(table: FrameTable, frame: int) -> tuple[str, int] | None:
    subject, _, stem = str(table.frames["sequence"][frame]).partition("_")
    camera = table.frames["camera"][frame]
    return f"{subject}/Videos/{stem.replace('_', ' ')}.{camera}.mp4", int(table.frames["index"][frame])


def _jta_video(table: FrameTable, frame: int) -> tuple[str, int] | None:
    # frames of the annotations count from 1
    return f"videos/{table.split}/{table.frames['sequence'][frame]}.mp4", int(
        table.frames["index"][frame]
    ) - 1


def _3dhp_video(table: FrameTable, frame: int) -> tuple[str, int] | None:
    match = re.fullmatch(r"(S\d+)_(Seq\d+)", str(table.frames["sequence"][frame]))
    if match is None:  # the test set is released as images
        return None
    camera = table.frames["camera"][frame]
    return f"{match[1]}/{match[2]}/imageSequence/video_{camera}.avi", int(table.frames["index"][frame])


def _surreal_video(table: FrameTable, frame: int) -> tuple[str, int] | None:
    # the folder of cut-out images bears the name of the clip; frames of the annotations count from 1
    clip = str(table.frames["image"][frame]).rpartition("/")[0]
    return f"{clip}.mp4", int(table.frames["index"][frame]) - 1


# video relative to the raw root, and the number of the frame in it as decoders count, from 0
_VIDEOS: Final[Mapping[str, Callable[[FrameTable, int], tuple[str, int] | None]]] = {
    "panoptic": _panoptic_video,
    "human36m": _human36m_video,
    "jta": _jta_video,
    "mpi_inf_3dhp": _3dhp_video,
    "surreal": _surreal_video,
}
