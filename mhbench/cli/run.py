"""`mhbench run`: predictions of a model, of the ground truth, or of its heatmaps."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import data_option, dataset_name
from mhbench.errors import UsageError


@click.command(context_settings={"show_default": True})
@click.argument("model")
@data_option
@click.option("--dataset", callback=dataset_name, help="Which data set, where the folder holds several.")
@click.option("--split", help="Only this split.")
@click.option("--protocol", help="Only the frames this protocol expects.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Predictions to write (.json or .h5)."
)
@click.option(
    "--raw",
    type=click.Path(path_type=Path),
    help="Folder of the images.  [default: MHBENCH_RAW/<dataset> or raw/<dataset>]",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    multiple=True,
    help="File or folder of weights (may be repeated).",
)
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=4,
    help="Frames per batch; halved when memory does not suffice.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "bf16"]),
    default="fp32",
    help="Of the network; loco finds a few joints less in fp16, more of them less in bf16.",
)
@click.option("--compile", "compiled", is_flag=True, help="Use torch.compile: slow to start, then faster.")
def command(
    model: str,
    data: Path,
    dataset: str | None,
    split: str | None,
    protocol: str | None,
    out: Path,
    raw: Path | None,
    weights: tuple[Path, ...],
    device: str,
    batch: int,
    precision: str,
    *,
    compiled: bool,
) -> None:
    """Write the predictions of MODEL for the frames of shards.

    MODEL is gt (the ground truth), gt-heatmaps (through its own heatmaps), loco, a network of your own as
    package.module:Class, or an exported one (.pt2, .onnx). After an interruption, run the same command again.

    \b
    mhbench run gt-heatmaps --data shards/panoptic --out upper-bound.json
    mhbench run loco --weights weights/loco --data shards/jta \\
        --protocol jta/test --out loco.h5
    mhbench run my_models:MyNetwork --data shards/panoptic --out mine.json
    mhbench evaluate mine.json --protocol panoptic/generic
    """
    from mhbench.running.ground_truth import RUNNERS  # noqa: PLC0415 - commands import their work when called

    if model in RUNNERS:
        if protocol or weights:
            raise UsageError(
                f"{model} takes no --protocol or --weights",
                expected="all frames of the shards, whose truth needs no weights",
                action="leave them out; frames outside a protocol are ignored when it is scored",
            )
        from mhbench.predictions.writing import check_suffix, write_predictions  # noqa: PLC0415

        check_suffix(out)
        predictions = RUNNERS[model](data, dataset, split)
        write_predictions(predictions, out)
        click.echo(f"{predictions.frame_count} frames, {predictions.person_count} people -> {out}")
        return
    from mhbench.running.networks import run_network  # noqa: PLC0415

    report = run_network(
        model,
        data,
        out,
        dataset=dataset,
        split=split,
        protocol=protocol,
        raw=raw,
        weights=weights,
        device=device,
        batch=batch,
        precision=precision,
        compiled=compiled,
        progress=True,
        say=lambda text: click.echo(text, err=True),
    )
    click.echo(str(report))
    if report.skipped:
        raise SystemExit(1)
