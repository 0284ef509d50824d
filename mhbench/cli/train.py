"""`mhbench train`: a reference model from shards."""

from __future__ import annotations

from pathlib import Path

import click

from mhbench.cli.options import chosen_options, data_option, dataset_name


@click.command(context_settings={"show_default": True})
@click.argument("model", metavar="loco-vha|loco-predictor|loco-refiner|loco-uncompressed")
@data_option
@click.option("--dataset", callback=dataset_name, help="Which data set, where the folder holds several.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the training: weights, state, log.",
)
@click.option(
    "--raw",
    type=click.Path(path_type=Path),
    help="Folder of the images (loco-predictor).  [default: MHBENCH_RAW/<dataset> or raw/<dataset>]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="TOML file of settings.  [default: the paper's, manifests/training/MODEL.toml]",
)
@click.option(
    "--set", "words", multiple=True, metavar="NAME=VALUE", help="Change one setting (may be repeated)."
)
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps.")
def command(
    model: str,
    data: Path,
    dataset: str | None,
    out: Path,
    raw: Path | None,
    config: Path | None,
    words: tuple[str, ...],
    device: str,
) -> None:
    """Train a reference model. After an interruption, the same command goes on where it was.

    Frames come from shards, or, with --set crowds.kind=jta, panoptic or human36m, from synthetic crowds that
    are made on the way. loco-uncompressed is the paper's baseline without a code.

    \b
    mhbench train loco-vha --data shards/jta --out weights/vha
    mhbench train loco-predictor --data shards/jta --out weights/predictor \\
        --set autoencoder=weights/vha/autoencoder.safetensors \\
        --set trunk=inception_v3.pth
    mhbench train loco-refiner --data shards/jta --out weights/refiner
    mhbench train loco-vha --out weights/synthetic --set crowds.kind=jta \\
        --set minutes=600 --set precision=bf16
    torchrun --nproc-per-node 8 -m mhbench train loco-predictor ...
    """
    from mhbench.training import train  # noqa: PLC0415 - commands import their work when called

    outcome = train(
        model,
        data,
        out,
        config=config,
        changes=chosen_options(words),
        dataset=dataset,
        raw=raw,
        device=device,
        progress=True,
        say=lambda text: click.echo(text, err=True),
    )
    best = "none selected yet" if outcome.best is None else f"best {outcome.best:.4g}"
    if outcome.leads:
        click.echo(f"{outcome.step} steps, {best} -> {out}")
    if not outcome.finished:
        click.echo("stopped before the end: run the same command to go on")
        raise SystemExit(1)
