"""`mhbench train`: a reference model from shards and settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mhbench.errors import UsageError
from mhbench.manifests import manifest_path
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mhbench.models.training_loop import Outcome

MODELS: Final = ("loco-vha", "loco-predictor", "loco-refiner")


def train(
    model: str,
    data: Path,
    out: Path,
    *,
    config: Path | None = None,
    changes: Mapping[str, str] | None = None,
    dataset: str | None = None,
    raw: Path | None = None,
    device: str = "auto",
    stop_after: int | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Train a reference model, or go on with a training that was stopped.

    Args:
        model: loco-vha, loco-predictor or loco-refiner.
        data: folder of the shards.
        out: folder of the training: best weights, state, log.
        config: TOML file of settings; default `manifests/training/<model>.toml`, the paper's values.
        changes: single settings, by name.
        dataset: which data set, where the folder holds several.
        raw: folder of the images (code predictor); default MHBENCH_RAW/<dataset>.
        device: `auto`, `cpu`, `cuda`, ...; under torchrun each process takes the GPU of its number.
        stop_after: steps of this run.
        progress: show progress on stderr.
        say: told about validations.

    Raises:
        UsageError: an unknown model or device, or no frames are chosen.
        ManifestError: a setting does not exist or does not fit.
        InputError: shards, images or weights cannot be used, or the loss is not finite.
        OutputError: the folder holds a training with other settings, or cannot be written.
    """
    if model not in MODELS:
        raise UsageError(f"there is no training of {model!r}", expected=f"one of: {', '.join(MODELS)}")
    # torch takes seconds to load: not before the arguments are known to be sensible
    from mhbench.models.devices import chosen_device  # noqa: PLC0415
    from mhbench.models.distribution import local_device  # noqa: PLC0415
    from mhbench.models.training_loop import Trainer  # noqa: PLC0415

    shards = open_shards(data, dataset=dataset)
    folder = raw if raw is not None else Path(os.environ.get("MHBENCH_RAW", "raw")) / shards.dataset
    path = config if config is not None else manifest_path(f"training/{model}")
    place = chosen_device(local_device(device))
    settings, task = _task(model, shards, folder, path, dict(changes or {}), place)
    trainer = Trainer(task, settings, out, place, say)
    try:
        return trainer.run(stop_after=stop_after, progress=progress)
    finally:
        trainer.team.leave()


def _task(
    model: str, shards: Any, raw: Path, path: Path, changes: dict[str, str], device: Any
) -> tuple[Any, Any]:
    """Settings and task of a model; only its own modules are loaded."""
    from mhbench.models.training_config import (  # noqa: PLC0415
        AutoencoderConfig,
        PredictorConfig,
        RefinerConfig,
        read_config,
    )

    if model == "loco-vha":
        from mhbench.models.loco.training_autoencoder import AutoencoderTask  # noqa: PLC0415

        vha = read_config(path, AutoencoderConfig, changes)
        return vha, AutoencoderTask(shards, vha, device)
    if model == "loco-predictor":
        from mhbench.models.loco.training_predictor import PredictorTask  # noqa: PLC0415

        predictor = read_config(path, PredictorConfig, changes)
        return predictor, PredictorTask(shards, raw, predictor, device)
    from mhbench.models.loco.training_refiner import RefinerTask  # noqa: PLC0415

    refiner = read_config(path, RefinerConfig, changes)
    return refiner, RefinerTask(shards, refiner, device)
