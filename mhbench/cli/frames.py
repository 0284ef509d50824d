"""`mhbench frames`: the frames a protocol expects, and an empty predictions file."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import data_option


@click.command(context_settings={"show_default": True})
@click.argument("protocol")
@data_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The list of frames, as JSON.")
@click.option(
    "--frames", type=click.Path(path_type=Path), help="Folder of <sequence>.txt with one index a line."
)
def command(protocol: str, data: Path, out: Path, frames: Path | None) -> None:
    """Write every frame PROTOCOL expects (image, video, camera, given people) and a predictions file to fill.

    \b
    mhbench frames panoptic/generic --data shards --out frames.json
    """
    from mhbench.predictions.expected import write_expected_frames  # noqa: PLC0415
    from mhbench.protocols.frame_lists import read_frame_lists  # noqa: PLC0415 - commands import their work when called
    from mhbench.protocols.loading import resolve_protocol  # noqa: PLC0415

    lists = read_frame_lists(frames) if frames else None
    written = write_expected_frames(resolve_protocol(protocol, None), data, out, lists)
    complete = f" of {written.known:,}" if written.known else ""
    click.echo(f"{written.listing}: {written.frames:,}{complete} frames")
    click.echo(f"{written.template}: fill its predictions, then `mhbench validate` it")
