"""Why JSON could not be decoded, in three parts and with the JSON path."""

from __future__ import annotations

import codecs
import difflib
import re
from typing import Final

from mhbench.errors import PredictionError
from mhbench.predictions.schema import Document, FrameRecord, Header, PersonRecord, SmplRecord

_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$.*)`)?$", re.DOTALL)
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_UNKNOWN: Final = re.compile(r"unknown field `(.*)`", re.DOTALL)
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[\]{},]', re.DOTALL)
_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FORMAT: Final = re.compile(rb'"format"\s*:\s*"mhbench-(?!predictions)([a-z]+)/')
# how files begin that people give in place of predictions
_BINARY: Final = {
    b"PK\x03\x04": "an archive of arrays (.npz) or another zip file",
    b"\x93NUMPY": "an array of NumPy (.npy)",
    b"\x80": "a pickle",
    b"MATLAB 5": "a MATLAB file",
    b"\x89HDF": "HDF5 under a name that does not end in .h5",
}
_LITERAL: Final = re.compile(rb"NaN|-?Infinity")
_LAST_KEY: Final = re.compile(r"\.(\w+)[^.]*$")

_FORMS: Final = {
    "format": "'mhbench-predictions/1'",
    "dataset": "the id of a data set, such as 'panoptic'",
    "skeleton": "the name of a skeleton, such as 'panoptic_19'",
    "root": "the name of a joint",
    "topology": "'smpl', or the name of another mesh",
    "units": "'m' or 'mm'",
    "space": "'camera' (absolute), 'root' (relative to the joint named in `root`) or 'world' (multi-view)",
    "rotation_set": "'smpl_24' or 'challenge_9'",
    "depth_kind": "'metric' or 'ordinal'",
    "trained_on": "a list of data set ids",
    "predictions": 'a list of {"frame": ..., "persons": [...]}',
    "frame": "text, <sequence>/<camera>/<index>",
    "persons": "a list of people; [] says that nobody is there",
    "loose_joints": "a list of [joint, x, y, z, score], the joint by name or index",
    "score": "a finite number",
    "person": "the track of the annotated person, text or an integer",
    "track": "an integer",
    "bbox": "[x, y, width, height] in px",
    "depth": "a number",
    "joints3d": "one [x, y, z] per joint, or null for a missing joint",
    "joints2d": "one [x, y] in px per joint, or null for a missing joint",
    "joint_scores": "one number per joint, or null",
    "rotations": "one 3x3 matrix (three rows) per bone, or null",
    "vertices": "a list of [x, y, z]",
    "smpl": '{"model": ..., "pose": [...], "betas": [...], "transl": [x, y, z], "gender": ...}',
    "pose": "a flat list of axis-angle numbers, 3 per joint, root first",
    "betas": "a flat list of shape coefficients",
    "transl": "[x, y, z]",
    "gender": "'male', 'female' or 'neutral'",
    "model": "text; inside smpl one of 'smpl', 'smplh', 'smplx'",
}
_WHOLE: Final = '{"format": "mhbench-predictions/1", "dataset": ..., "predictions": [...]}'
_KEYS: Final = tuple(
    {*Document.__struct_fields__, *Header.__struct_fields__, *FrameRecord.__struct_fields__}
    | {*PersonRecord.__struct_fields__, *SmplRecord.__struct_fields__}
)


def typed_fault(error: Exception, source: str, base: str = "$") -> PredictionError:
    """The error for a value of the wrong type; `base` is the JSON path of what was decoded."""
    match = _AT.match(str(error))
    assert match is not None
    what, inner = match["what"], match["path"] or "$"
    path = base + inner[1:]
    unknown = _UNKNOWN.search(what)
    if unknown:
        close = difflib.get_close_matches(unknown[1], _KEYS, n=1)
        return PredictionError(
            f"{source}: {path}.{unknown[1]} is no key of the format",
            expected=f"{close[0]!r}" if close else f"one of {', '.join(sorted(_KEYS))}",
            action="correct the name, or leave the key out",
        )
    key = _LAST_KEY.search(path)
    return PredictionError(
        f"{source}: {path}: {what}",
        expected=_FORMS.get(key[1] if key else "", _WHOLE),
        action="correct the value; `mhbench validate` lists every fault",
    )


def other_format(data: bytes, source: str) -> PredictionError | None:
    """The error for a file of another kind: an array, a pickle, a result; None for what is none of these."""
    kind = next((words for mark, words in _BINARY.items() if data.startswith(mark)), "")
    if kind:
        return PredictionError(
            f"{source} is {kind}, which says neither frames nor joints nor units",
            expected="mhbench-predictions/1 as .json, .json.gz or .h5, or COCO keypoint results",
            action="write its arrays as docs/predictions.md shows, or see `mhbench translate --help`",
        )
    found = _FORMAT.search(data[:4096])
    if found is None:
        return None
    kind = found[1].decode()
    return PredictionError(
        f"{source} is a file of mhbench-{kind}, not of predictions",
        expected="mhbench-predictions/1",
        action="give the predictions; `mhbench compare` and `mhbench leaderboard` take results"
        if kind == "result"
        else "give the predictions",
    )


def syntax_fault(error: Exception, data: bytes, source: str) -> PredictionError:
    """The error for a file that is no JSON: where it breaks, and a sentence for the usual reasons."""
    if not data.strip():
        return PredictionError(
            f"{source} is empty",
            expected="a predictions file",
            action="check that the program that wrote it ended",
        )
    if isinstance(error, RecursionError):
        return PredictionError(
            f"{source} nests brackets too deeply",
            expected="at most eight levels",
            action="check how it was written",
        )
    if isinstance(error, UnicodeDecodeError) or data.startswith(_MARKS):
        reason = f" ({error.reason})" if isinstance(error, UnicodeDecodeError) else ": a mark of byte order"
        return PredictionError(
            f"{source} holds bytes that are no UTF-8{reason}",
            expected="JSON in UTF-8, which begins with its first bracket",
            action="save it as UTF-8 without a mark; editors and shells of Windows write others",
        )
    place = _BYTE.search(str(error))
    position = int(place[1]) if place else len(data)
    path = json_path(data, position)
    literal = _LITERAL.match(data, max(position - 1, 0)) or _LITERAL.match(data, position)
    if literal:
        return PredictionError(
            f"{source}: {path} is {literal[0].decode()} (byte {position}), which JSON does not have",
            expected="a finite number, or null for a missing joint",
            action="write null for a missing joint; in Python, json.dump(..., allow_nan=False) finds them",
        )
    if place is None:
        return PredictionError(
            f"{source} ends too early, inside {path}",
            expected="a complete JSON document",
            action="the copy or the program that wrote it stopped; write the file again",
        )
    excerpt = data[max(position - 20, 0) : position + 20].decode("utf-8", "replace")
    return PredictionError(
        f"{source}: {path}: {error}, near {excerpt!r}",
        expected="JSON",
        action="write the file with a JSON library",
    )


def json_path(data: bytes, position: int) -> str:
    """The JSON path of the value at a byte position of a text that may be broken there or after."""
    stack: list[int | str] = []
    key_next = True
    for token in _TOKEN.finditer(data, 0, position):
        text = token[0]
        if text in {b"{", b"["}:
            stack.append("" if text == b"{" else 0)
            key_next = text == b"{"
        elif text in {b"}", b"]"}:
            if stack:
                stack.pop()
            key_next = False
        elif text == b",":
            if stack and isinstance(stack[-1], int):
                stack[-1] += 1
            key_next = True
        elif key_next and stack and isinstance(stack[-1], str):
            stack[-1] = text[1:-1].decode("utf-8", "replace")
            key_next = False
    return "$" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if part else "" for part in stack
    )
