"""Pictures of the worst frames that an entry shows: taken from a report, kept beside the entry."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Final, cast

from mhbench.errors import InputError, UsageError
from mhbench.evaluation.results import read_result
from mhbench.leaderboard.entries import Picture

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from mhbench.evaluation.results import Result

MOST: Final = 6
COLOURS: Final = 128
"""Drawings need no more, and a repository keeps every one for ever."""
_LARGEST_PIXELS: Final = 4_000_000


def report_pictures(report: Path, result: Result) -> list[tuple[Picture, bytes]]:
    """The pictures of a report's worst frames, what they show and their bytes, drawn anew as small PNGs.

    Args:
        report: folder that `mhbench evaluate --report` wrote.
        result: what the report must be of.

    Raises:
        MissingInputError: there is no report.
        UsageError: it is of another result, or has no pictures.
        InputError: a picture cannot be read.
    """
    told = read_result(report / "result.json")
    if told.metrics != result.metrics or told.provenance.get("predictions_sha256") != result.provenance.get(
        "predictions_sha256"
    ):
        raise UsageError(
            f"{report} is the report of another result ({told.model})",
            expected="the report of the evaluation that wrote the result",
            action="evaluate again with both --out and --report",
        )
    paths = [report / "worst" / f"{number}.png" for number in range(1, MOST + 1)]
    found = [(path, one) for path, one in zip(paths, told.worst_frames, strict=False) if path.is_file()]
    if not found:
        raise UsageError(
            f"{report} has no pictures of frames",
            expected=f"{paths[0]}",
            action="add the result without --report: pictures need a ground truth of single images",
        )
    made = []
    for path, one in found:
        content = _small_png(path)
        digest = hashlib.sha256(content).hexdigest()
        made.append(
            (Picture(file=path.name, about=f"{one.frame}: {one.about}"[:300], sha256=digest), content)
        )
    return made


def read_picture(path: Path, picture: Picture) -> bytes:
    """The bytes of a stored picture.

    Raises:
        InputError: it is not there, or is not the one that was added.
    """
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != picture.sha256:
        raise InputError(
            f"{path} is not the picture that was added",
            expected=f"a file of sha256 {picture.sha256[:12]}",
            action="restore the file (git log shows the change)",
        )
    return content


def _small_png(path: Path) -> bytes:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - only where pictures are added

    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > _LARGEST_PIXELS:
                raise InputError(
                    f"{path} has {image.width} x {image.height} pixels",
                    expected=f"a drawing of at most {_LARGEST_PIXELS} pixels",
                    action="write the report again, and leave its pictures as they are",
                )
            small = _few_colours(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise InputError(
            f"{path}: {error}",
            expected="a PNG that a report wrote",
            action="write the report again",
        ) from error
    buffer = io.BytesIO()
    small.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _few_colours(image: Image.Image) -> Image.Image:
    """The frequent colours as they are; the others by the rule that keeps thin lines, of few pixels."""
    from PIL import Image  # noqa: PLC0415 - only where pictures are added

    half = COLOURS // 2
    counted = sorted(image.getcolors(image.width * image.height) or [], reverse=True)
    frequent = [number for _, colour in counted[:half] for number in cast("tuple[int, int, int]", colour)]
    rest = image.quantize(half, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*frequent, *rest[: 3 * half]])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)
