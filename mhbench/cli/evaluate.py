"""`mhbench evaluate`: score predictions under a protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from mhbench.cli.options import data_option
from mhbench.errors import UsageError


@click.command(context_settings={"show_default": True})
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--protocol", help="Full name, or a bare one completed by the predictions' data set.")
@data_option
@click.option("--out", type=click.Path(path_type=Path), help="Write the result as JSON.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Write a self-contained page, figures (PDF, SVG, PNG) and LaTeX to this folder.",
)
@click.option("--raw", type=click.Path(path_type=Path), help="Raw root, for the images of the report.")
@click.option("--details", type=click.Path(path_type=Path), help="Write one row per person (.csv or .h5).")
@click.option("--bootstrap", type=click.IntRange(min=0), default=1000, help="Draws of the 95 % intervals.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, help="Processes that score the shards.")
@click.option("--min-score", type=float, help="Leave out people with a lower score.")
@click.option(
    "--place",
    type=click.Choice(["reprojection"]),
    help="Place root-relative people by their joints2d; said in the result.",
)
@click.option("--allow-approximate", is_flag=True, help="Accept joints that are only approximately the same.")
@click.option(
    "--frames", type=click.Path(path_type=Path), help="Folder of <sequence>.txt with one index a line."
)
@click.option(
    "--by",
    "tables",
    multiple=True,
    metavar="NAME",
    help="Also print this breakdown, such as joint or distance.",
)
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="Set an open point of the protocol."
)
def command(
    predictions: Path,
    protocol: str | None,
    data: Path,
    out: Path | None,
    report: Path | None,
    raw: Path | None,
    details: Path | None,
    bootstrap: int,
    jobs: int,
    min_score: float | None,
    *,
    place: Literal["reprojection"] | None,
    allow_approximate: bool,
    frames: Path | None,
    tables: tuple[str, ...],
    options: tuple[str, ...],
) -> int:
    """Score PREDICTIONS under a protocol.

    \b
    mhbench evaluate preds.json --protocol panoptic/generic
    mhbench evaluate preds.json --protocol panoptic/generic --report report
    mhbench evaluate preds.json --protocol 3dpw/vibe --out result.json --by joint
    mhbench evaluate keypoints.json --protocol crowdpose/test
    """
    from mhbench.cli.options import chosen_options  # noqa: PLC0415 - commands import their work when called
    from mhbench.evaluation.breakdown_tables import breakdown_table  # noqa: PLC0415
    from mhbench.evaluation.options import EvaluationOptions  # noqa: PLC0415
    from mhbench.evaluation.pipeline import evaluate  # noqa: PLC0415
    from mhbench.protocols.frame_lists import read_frame_lists  # noqa: PLC0415
    from mhbench.protocols.loading import other_meanings  # noqa: PLC0415

    if protocol is None:
        raise _without_protocol(predictions)
    if details is not None:
        from mhbench.evaluation.details import check_ending  # noqa: PLC0415

        check_ending(details)
    evaluation = evaluate(
        predictions,
        protocol,
        data,
        EvaluationOptions(
            options=chosen_options(options),
            min_score=min_score,
            allow_approximate=allow_approximate,
            frame_lists=read_frame_lists(frames) if frames else {},
            bootstrap=bootstrap,
            jobs=jobs,
            place=place or "",
        ),
        progress=True,
    )
    if out is not None:  # first: what is asked for besides may be wrong
        from mhbench.shards.files import write_atomically  # noqa: PLC0415

        write_atomically(out, evaluation.result.to_json())
    click.echo(str(evaluation.result))
    for name in tables:
        click.echo(f"\n{breakdown_table(evaluation.result, name)}")
    for line in other_meanings(protocol, evaluation.result.dataset):
        click.echo(line)
    if out is not None:
        click.echo(f"result: {out}")
    if details is not None:
        from mhbench.evaluation.details import write_details  # noqa: PLC0415

        write_details(evaluation, details)
        click.echo(f"details: {details}")
    if report is not None:
        from mhbench.report import write_report  # noqa: PLC0415

        click.echo(f"report: {write_report(evaluation, predictions, data, report, raw=raw)}")
    return 1 if evaluation.result.partial else 0


def _without_protocol(predictions: Path) -> UsageError:
    """The error that names the protocols of the predictions' data set."""
    from mhbench.predictions.reading import read_predictions  # noqa: PLC0415
    from mhbench.protocols.loading import protocols_of  # noqa: PLC0415

    dataset = read_predictions(predictions).dataset
    names = protocols_of(dataset)
    return UsageError(
        f"nothing says by which protocol {predictions} is to be scored",
        expected=f"--protocol with one of: {', '.join(names)}" if names else "--protocol NAME",
        action=f"`mhbench protocols {dataset if names else ''}".rstrip() + "` says what each is",
    )
