"""What a stage of `train.py` is worth: scores on crowds held out for tests, as one row."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import torch
from recipes import SIZES, Stage

from mhbench import __version__
from mhbench.metrics.joint_detection import joint_f1_frames
from mhbench.models.devices import chosen_device
from mhbench.models.loco.checkpoints import load_network
from mhbench.models.loco.pipeline import Loco
from mhbench.models.loco.training_autoencoder import volume_scores
from mhbench.models.protocol import Setup
from mhbench.models.training_config import CrowdConfig
from mhbench.models.training_crowds import CrowdSource
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    import argparse

    import numpy.typing as npt

    from mhbench.models.protocol import Poses
    from mhbench.models.training_crowds import CrowdSample
    from mhbench.models.training_task import Outcome

SIGMA = 2.0
REACHES = (0.4, 0.8, 1.2)
# stages whose weights make a whole pipeline: folders of the code predictor and of the decoder
PIPELINES = {"predictor2": ("predictor2", "vha2"), "uncompressed": ("uncompressed", "uncompressed")}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One result.

    Attributes:
        stage: name of the stage.
        model: what was trained.
        level: of the code; 0 = none.
        data: crowds it was trained and tested on.
        metrics: on the crowds held out for tests, percent (the refiner's: mm; of the layers
            that mix the joints: share of the maps' squares, on crowds of the validation).
        validation: of the weights that were selected.
        frames: crowds it was tested on.
        empty: those of them with nobody in the image; to find nothing there counts as 100 %.
        steps: of training.
        minutes: of training.
        seed: of weights and data.
        hardware: where.
        versions: of mhbench and torch.
        recipe: settings that differ from those in manifests/training.
    """

    stage: str
    model: str
    level: int
    data: str
    metrics: dict[str, float]
    validation: dict[str, float]
    frames: int
    empty: int
    steps: int
    minutes: float
    seed: int
    hardware: str
    versions: str
    recipe: dict[str, str]


def row(
    stage: Stage, out: Path, recipe: dict[str, str], outcome: Outcome, options: argparse.Namespace
) -> Row:
    """The result of a finished stage."""
    count = SIZES[options.size].test
    kind = "refiner" if stage.model == "loco-refiner" else "autoencoder"
    weights = out / ("predictor.safetensors" if stage.name == "predictor2" else f"{kind}.safetensors")
    if not weights.exists():
        raise SystemExit(f"{stage.name} selected no weights in its time: give it more --minutes")
    loaded = load_network(weights)
    samples = _source(stage).scenes("test", count)
    if stage.name in PIPELINES:
        metrics = pipeline_scores(stage.name, samples, options)
    elif stage.model == "loco-vha" and "learn" not in stage.changes:
        device = chosen_device(options.device)
        with torch.inference_mode():
            network: Any = loaded.network.to(device)
            metrics = volume_scores(network, samples, device, SIGMA)
    else:
        metrics = loaded.config.metrics
    return Row(
        stage=stage.name,
        model=stage.model,
        level=stage.level,
        data=stage.data,
        metrics=metrics,
        validation=loaded.config.metrics,
        frames=count,
        empty=sum(not len(sample.centres()) for sample in samples),
        steps=outcome.step,
        minutes=outcome.seconds / 60,
        seed=options.seed,
        hardware=_hardware(options),
        versions=f"mhbench {__version__}, torch {torch.__version__}",
        recipe=recipe,
    )


def pipeline_scores(name: str, samples: list[CrowdSample], options: argparse.Namespace) -> dict[str, float]:
    """Precision, recall and F1 of joints in metres, as in the JTA table, without and with the refiner."""
    metrics = {}
    for refined in (False, True):
        model = pipeline(name, options, refined=refined)
        found = [_points(model, model.predict([sample.seen()])[0]) for sample in samples]
        truth = [sample.joints(sample.grid()) for sample in samples]
        starts = [np.cumsum([0, *map(len, rows)]) for rows in (truth, found)]
        for reach in REACHES:
            scores = joint_f1_frames(np.concatenate(truth), np.concatenate(found), *starts, threshold=reach)
            for share in ("precision", "recall", "f1"):
                plus = "+" if refined else ""
                metrics[f"{share}.joint@{reach}m{plus}"] = 100 * getattr(scores, share)
    return metrics


def pipeline(name: str, options: argparse.Namespace, *, refined: bool) -> Loco:
    """The whole model of a stage."""
    predictor, decoder = PIPELINES[name]
    weights = [
        options.work / predictor / "predictor.safetensors",
        options.work / decoder / "autoencoder.safetensors",
    ]
    if refined:
        weights.append(options.work / "refiner" / "refiner.safetensors")
    device = str(chosen_device(options.device))
    return Loco(Setup(tuple(weights), device, "fp32", "synthetic-jta", "loco_14"))


def draw_people(options: argparse.Namespace, path: Path) -> None:
    """Pictures of predicted people over true ones: the first crowds of the test, both pipelines."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only here

    stage = next(one for one in SIZES[options.size].stages if one.name == "predictor2")
    samples = _source(stage).scenes("test", 4)
    figure = Figure(figsize=(16, 6), layout="constrained")
    axes = figure.subplots(2, len(samples))
    for line, name in zip(axes, PIPELINES, strict=True):
        model = pipeline(name, options, refined=True)
        for axis, sample in zip(line, samples, strict=True):
            seen = sample.seen()
            truth, found = sample.joints(sample.grid()), _points(model, model.predict([seen])[0])
            assert seen.camera is not None
            axis.imshow(seen.image)
            for points, mark in (
                (truth, {"marker": "o", "facecolors": "none", "edgecolors": "white"}),
                (found, {"marker": "x", "color": "red"}),
            ):
                pixels = seen.camera.project(points[:, 1:])
                axis.scatter(pixels[:, 0], pixels[:, 1], s=14, linewidths=0.8, **mark)
            axis.set(title=f"{name}: {len(found)} found, {len(truth)} true joints", xticks=[], yticks=[])
            axis.set(xlim=(0, seen.image.shape[1]), ylim=(seen.image.shape[0], 0))
    figure.savefig(path, dpi=80)


def _points(model: Loco, poses: Poses) -> npt.NDArray[np.float64]:
    """(N, 4) channel, x, y, z of all joints, those without a person included."""
    assert poses.joints3d is not None
    assert poses.loose is not None
    columns = np.array(skeleton(model.skeleton).indices(model.config.grid.joints))
    joints = poses.joints3d[:, columns]
    person, joint = np.nonzero(np.isfinite(joints[..., 0]))
    loose = np.column_stack([np.searchsorted(columns, poses.loose[:, 0]), poses.loose[:, 1:4]])
    return np.concatenate([np.column_stack([joint, joints[person, joint]]), loose])


def _source(stage: Stage) -> CrowdSource:
    start = "crowds."
    settings: dict[str, Any] = {
        name.removeprefix(start): value if name == "crowds.kind" else msgspec.json.decode(value)
        for name, value in stage.changes.items()
        if name.startswith(start)
    }
    return CrowdSource(msgspec.convert(settings, CrowdConfig))


def _hardware(options: argparse.Namespace) -> str:
    device = chosen_device(options.device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return f"{options.threads} thread of {names[0] if names else platform.machine()}, shared machine"
