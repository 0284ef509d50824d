"""`mhbench train`: a reference model from shards, or from synthetic crowds, and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mhbench.errors import UsageError
from mhbench.manifests import manifest_path
from mhbench.places import raw_root
from mhbench.shards.reading import open_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mhbench.models.training_frames import Source
    from mhbench.models.training_task import Outcome

MODELS: Final = ("loco-vha", "loco-predictor", "loco-refiner", "loco-uncompressed")


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
        model: one of `MODELS`; loco-uncompressed is the paper's baseline without a code.
        data: folder of the shards; not read where the settings have a table `crowds`.
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
        raise UsageError(
            f"there is no training of {model!r}",
            expected=f"one of: {', '.join(MODELS)}",
            action="check the spelling; train other models by your own code, and run them with `mhbench run`",
        )
    # torch takes seconds to load: not before the arguments are known to be sensible
    from mhbench.models.devices import chosen_device  # noqa: PLC0415
    from mhbench.models.distribution import local_device  # noqa: PLC0415
    from mhbench.models.training_loop import Trainer  # noqa: PLC0415

    path = config if config is not None else manifest_path(f"training/{model}")
    make_task, settings = _read(model, path, dict(changes or {}))
    source = _source(settings, data, dataset, raw)
    place = chosen_device(local_device(device))
    trainer = Trainer(make_task(source, settings, place), settings, out, place, say)
    try:
        return trainer.run(stop_after=stop_after, progress=progress)
    finally:
        trainer.team.leave()


def _read(model: str, path: Path, changes: dict[str, str]) -> tuple[Any, Any]:
    """The task of a model and its settings; only its own modules are loaded."""
    from mhbench.models import training_config as settings  # noqa: PLC0415

    if model == "loco-vha":
        from mhbench.models.loco.training_autoencoder import AutoencoderTask  # noqa: PLC0415

        return AutoencoderTask, settings.read_config(path, settings.AutoencoderConfig, changes)
    if model == "loco-refiner":
        from mhbench.models.loco.training_refiner import RefinerTask  # noqa: PLC0415

        return RefinerTask, settings.read_config(path, settings.RefinerConfig, changes)
    from mhbench.models.loco.training_predictor import PredictorTask, UncompressedTask  # noqa: PLC0415

    if model == "loco-predictor":
        return PredictorTask, settings.read_config(path, settings.PredictorConfig, changes)
    return UncompressedTask, settings.read_config(path, settings.UncompressedConfig, changes)


def _source(settings: Any, data: Path, dataset: str | None, raw: Path | None) -> Source:
    """Synthetic crowds where the settings ask for them, else shards."""
    if settings.crowds is not None:
        from mhbench.models.training_crowds import CrowdSource  # noqa: PLC0415

        return CrowdSource(settings.crowds)
    from mhbench.models.training_frames import ShardSource  # noqa: PLC0415

    shards = open_shards(data, dataset=dataset)
    folder = raw_root(shards.dataset, raw)
    return ShardSource(shards, folder, settings.train, settings.validation)
