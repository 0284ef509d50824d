"""Shards -> files of other tools: COCO JSON, WebDataset archives, a Hugging Face folder.

Pure functions of the shards: the same shards give the same bytes. The data set's licence holds for what is
written, and each format carries it along.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from mhbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from mhbench.export.sources import ExportReport
    from mhbench.shards import Shards

FORMATS: Final = ("coco", "webdataset", "huggingface")


def export_shards(
    shards: Shards,
    kind: str,
    out: Path,
    *,
    raw: Path | None = None,
    images: bool = False,
    frames_per_file: int = 1000,
) -> ExportReport:
    """Write shards in the format of another tool.

    Args:
        shards: the frames.
        kind: `coco`, `webdataset` or `huggingface`.
        out: folder to write to.
        raw: raw root of the data set, for the images of shards that hold their paths only.
        images: put the images in too (COCO names them only).
        frames_per_file: frames of one archive or Parquet file.

    Raises:
        UsageError: there is no such format, or it takes no images.
        InputError: the shards lack what the format is about, or an image cannot be had.
        OutputError: the folder cannot be written, or the disk is full.
        MissingExtraError: pyarrow is not installed (Hugging Face).
    """
    if kind not in FORMATS:
        raise UsageError(
            f"there is no export to {kind!r}",
            expected=f"one of: {', '.join(FORMATS)}",
            action="check the spelling",
        )
    if kind == "coco" and images:
        raise UsageError(
            "COCO files name their images and hold none",
            expected="an export to coco without images",
            action="leave --images out, or export to webdataset or huggingface",
        )
    if frames_per_file < 1:
        raise UsageError(
            f"no file has {frames_per_file} frames", expected="at least 1", action="correct the number"
        )
    # each module has one function that writes its format
    write: Any = importlib.import_module(f"mhbench.export.{kind}_files").write
    report: ExportReport = write(
        shards, out, raw=raw if images else None, images=images, most=frames_per_file
    )
    return report
