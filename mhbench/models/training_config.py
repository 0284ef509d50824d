"""Settings of trainings: TOML files (by default `manifests/training/<model>.toml`), checked by structs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec

from mhbench.errors import ManifestError

if TYPE_CHECKING:
    from pathlib import Path

Positive = Annotated[int, msgspec.Meta(ge=1)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Whole = Annotated[int, msgspec.Meta(ge=0)]
Distance = Annotated[float, msgspec.Meta(ge=0)]


class FrameChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which frames of the shards; what is not given does not restrict.

    Attributes:
        split: the data set's split.
        sequences: names of sequences.
        every: raw indices with the remainder `offset` by this number.
        offset: see `every`.
        indices: exactly these raw indices of every sequence.
        limit: at most so many frames; 0 = all.
    """

    split: str | None = None
    sequences: tuple[str, ...] = ()
    every: Positive = 1
    offset: Whole = 0
    indices: tuple[int, ...] = ()
    limit: Whole = 0


class CrowdConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Synthetic crowds, made when they are needed; 0 = as `mhbench.synthetic.crowds` has that kind.

    Attributes:
        kind: whose camera, distances and heatmaps.
        smaller: divides the image's sides and the focal length.
        width: of the image, px: a part from the middle of the view.
        height: of the image, px.
        people: mean number in front of the camera.
        most: at most so many.
        near: metres to the nearest person.
        far: metres to the farthest.
        depth_bins: of the heatmaps.
        depth_max: of the heatmaps, metres.
        validation: frames held out.
    """

    kind: Literal["jta", "panoptic", "human36m"]
    smaller: Positive = 1
    width: Whole = 0
    height: Whole = 0
    people: Distance = 0.0
    most: Whole = 0
    near: Distance = 0.0
    far: Distance = 0.0
    depth_bins: Annotated[int, msgspec.Meta(ge=8)] = 316
    depth_max: Distance = 0.0
    validation: Positive = 32


class TrainingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all trainings have.

    Attributes:
        learning_rate: of Adam with its default betas.
        warmup: first steps, in which the learning rate grows to what it is.
        decay: whether it then falls in a straight line, to zero at the end of the epochs or minutes.
        epsilon: of Adam. Volumes are 99 % empty, so gradients of their mean error are smaller than its usual
            1e-8, and steps become too short to learn by; 1e-15 ends that.
        clip: a gradient that is longer than so many times the usual length is shortened to that; 0 = never.
        batch: samples per forward pass and process.
        accumulation: forward passes per step.
        epoch_steps: steps per epoch.
        epochs: at most.
        minutes: of training (on a CPU: of all its cores together) after which the epoch is the last;
            interruptions are not counted; 0 = no limit.
        validate_every: epochs between validations.
        save_every: epochs between checkpoints.
        precision: fp32, fp16 or bf16 (mixed).
        seed: of weights and data.
        tensorboard: write its events too, where it is installed.
        crowds: synthetic crowds to train and validate on, instead of shards.
        train: frames of shards to train on.
        validation: frames of shards to validate on.
    """

    learning_rate: Rate = 1e-4
    warmup: Whole = 0
    decay: bool = False
    epsilon: Rate = 1e-8
    clip: Distance = 0.0
    batch: Positive = 1
    accumulation: Positive = 1
    epoch_steps: Positive
    epochs: Positive
    minutes: Distance = 0.0
    validate_every: Positive = 1
    save_every: Positive = 1
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    seed: Whole = 0
    tensorboard: bool = True
    crowds: CrowdConfig | None = None
    train: FrameChoice = FrameChoice()
    validation: FrameChoice = FrameChoice()


class AutoencoderConfig(TrainingConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training of the heatmap autoencoder.

    Attributes:
        level: 1, 2 or 3.
        learn: all layers, or only those that mix the joint types and part them again.
        revive: count a negative value near a joint as it is, not as the zero the last ReLU makes of it, so
            that no output dies (see `mhbench.models.loco.copying.copy_error`); the paper does not.
        sigma_start: of the Gaussians in the beginning; halved at each stall down to that of the data set.
        patience: epochs without a better loss that make a stall.
        least_gain: share by which a loss must be lower to be better.
        crop: rows and columns of the volume that are trained on, around a random joint; 0 = all of it. In a
            crop of few cells of the code every layer sees the border: 16 x 16 voxels taught a network that
            fails on whole frames.
        start: weights to begin with (fine-tuning).
    """

    level: Literal[1, 2, 3] = 2
    learn: Literal["all", "mixing"] = "all"
    revive: bool = False
    sigma_start: Rate = 8.0
    patience: Positive = 10
    least_gain: Share = 0.01
    crop: tuple[int, int] = (0, 0)
    start: str = ""


class ImageConfig(TrainingConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training of a network that sees images.

    Attributes:
        trunk: ImageNet weights of Inception v3 (torchvision's names); "" = begin with random ones.
        width: share of the published channels.
        start: weights to begin with (fine-tuning).
    """

    trunk: str = ""
    width: Rate = 1.0
    start: str = ""


class PredictorConfig(ImageConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training of the code predictor.

    Attributes:
        autoencoder: weights of the frozen autoencoder, whose codes are the targets.
    """

    autoencoder: str = ""


class UncompressedConfig(ImageConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training of predictor and decoder at once, without a code to learn.

    Attributes:
        level: whose networks; the paper took 2.
        revive: see `AutoencoderConfig`.
    """

    level: Literal[1, 2, 3] = 2
    revive: bool = False


class RefinerConfig(TrainingConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Training of the pose refiner. `epoch_steps` of 1 or more; a pass over JTA's poses is about 3,000.

    Attributes:
        drop: share of joints taken out.
        drop_many: the same in the hard samples.
        hard: share of hard samples.
        noise_m: standard deviation of the noise on every coordinate, metres.
    """

    drop: Share = 0.2
    drop_many: Share = 0.5
    hard: Share = 0.25
    noise_m: Distance = 0.05


Settings = TypeVar("Settings", bound=TrainingConfig)


def read_config(path: Path, kind: type[Settings], changes: dict[str, str]) -> Settings:
    """Settings of a TOML file, with some of them changed.

    Args:
        path: the file.
        kind: the struct it must fit.
        changes: `name` or `table.name` -> value in TOML, or plain text.

    Raises:
        ManifestError: the file is no TOML, or a setting does not exist or does not fit.
    """
    try:
        content: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
        for name, text in changes.items():
            table = content
            *parents, last = name.split(".")
            for parent in parents:
                table = table.setdefault(parent, {})
            table[last] = _value(text)
        return msgspec.convert(content, kind)
    except (OSError, msgspec.MsgspecError, AttributeError) as error:
        raise ManifestError(
            f"{path}: {error}",
            expected=f"the settings of {kind.__name__}: {', '.join(kind.__struct_fields__)}",
            action="correct the file, or the name or value after --set",
        ) from error


def _value(text: str) -> Any:
    try:
        return msgspec.toml.decode(f"value = {text}".encode())["value"]
    except msgspec.DecodeError:
        return text
