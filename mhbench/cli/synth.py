"""`mhbench synth`: write a synthetic raw data set."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import dataset_name, names
from mhbench.errors import UsageError


@click.command()
@click.argument("dataset", callback=dataset_name)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--frames", default=20, show_default=True, help="Number of frames.")
@click.option(
    "--people", default=3, show_default=True, help="Number of people; some come late or leave early."
)
@click.option(
    "--cameras",
    metavar="NAME,...",
    multiple=True,
    help="Names of the cameras (repeat, or separate by commas); the default is the data set's choice.",
)
@click.option(
    "--motion",
    metavar="walk|sit|stand|crowd|mixed",
    default="mixed",
    show_default=True,
    help="What people do; in a crowd they touch each other.",
)
@click.option(
    "--size",
    metavar="WxH",
    default="1920x1080",
    show_default=True,
    help="Size of the images, where the data set knows several.",
)
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same data.")
@click.option(
    "--images/--no-images", default=True, help="Render images of the people, or only write annotations."
)
def command(
    dataset: str,
    folder: Path,
    frames: int,
    people: int,
    cameras: tuple[str, ...],
    motion: str,
    size: str,
    seed: int,
    *,
    images: bool,
) -> None:
    """Write a synthetic data set in the official raw layout of DATASET under DIR.

    \b
    mhbench synth panoptic raw/panoptic --frames 60 --people 5 --motion crowd
    """
    from mhbench.synthetic.raw import write_raw  # noqa: PLC0415 - numpy and numba load only when a scene is made

    if images:
        click.echo("rendering people takes most of the time; --no-images leaves it out", err=True)
    written = write_raw(
        dataset,
        folder,
        frames=frames,
        people=people,
        motion=motion,
        seed=seed,
        cameras=names(cameras),
        size=_size(size),
        images=images,
    )
    click.echo(f"{written.folder}: " + ", ".join(f"{count} {part}" for part, count in written.parts.items()))
    click.echo(f"next: mhbench convert {dataset} --raw {written.folder} --out shards")


def _size(text: str) -> tuple[int, int]:
    """Width and height of `WxH`."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--size {text!r} is no size", expected="such as 1920x1080", action="correct it")
    return int(width), int(height)
