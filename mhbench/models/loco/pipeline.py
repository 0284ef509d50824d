"""LoCO from images to people: predictor, decoder, peaks, camera space, association, refiner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from mhbench.errors import InputError, PredictionError, UsageError
from mhbench.heatmaps import PEAK_RULES, associate, head_limits, to_camera
from mhbench.models.devices import chosen_dtype
from mhbench.models.loco.checkpoints import find_networks
from mhbench.models.loco.predictor import image_tensor
from mhbench.models.loco.refiner import Refiner
from mhbench.models.loco.volumes import found_peaks
from mhbench.models.protocol import Poses
from mhbench.skeletons import skeleton, skeleton_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from mhbench.models.loco.autoencoder import Autoencoder
    from mhbench.models.loco.checkpoints import Config, Kind, Loaded
    from mhbench.models.loco.predictor import Predictor
    from mhbench.models.protocol import InputFrame, Setup

    Floats = npt.NDArray[np.float64]

LOOSE_CONFIDENCE: Final = 0.6  # detections above it that nobody took count as joints of their own


class Loco:
    """The whole model, as `mhbench run loco` uses it; a network of `mhbench.models.protocol`.

    Peaks, association and refinement follow the rules of the published JTA table. Without a refiner among the
    weights, people stay as they were associated (the paper's "LoCO" without "+").

    Half precision costs peaks: where two neighbouring voxels become equal, the strict rule takes none. With
    a toy autoencoder 8 % of the peaks of fp32 were missing in bf16, 2 % in fp16, which has more digits.

    Args:
        setup: weights are one or several files or folders with the autoencoder, the code predictor and,
            if wanted, the refiner.

    Raises:
        InputError: a network is missing, or they do not fit each other.
        UsageError: no skeleton has the joints of the weights.
    """

    space = "camera"
    rule = PEAK_RULES["evaluation"]

    def __init__(self, setup: Setup) -> None:
        found = find_networks(setup.weights)
        predictor, autoencoder = _needed(found, "predictor"), _needed(found, "autoencoder")
        _check_pair(predictor, autoencoder)
        self.config: Config = autoencoder.config
        self.trained_on = predictor.config.trained_on or None
        joints = self.config.grid.joints
        self.skeleton = _skeleton_with(joints, setup.skeleton)
        self._columns = list(skeleton(self.skeleton).indices(joints))
        self._root, self._limits = head_limits(joints)
        self._device, dtype = torch.device(setup.device), chosen_dtype(setup.precision)
        self._predictor: Predictor = _placed(predictor.network, self._device, dtype)
        self._autoencoder: Autoencoder = _placed(autoencoder.network, self._device, dtype)
        self._refiner = _fitting_refiner(found.get("refiner"), joints, self._root)
        self._volumes = torch.compile(self._decoded) if setup.compiled else self._decoded

    def predict(self, frames: Sequence[InputFrame]) -> list[Poses]:
        """People of each frame; frames of one image size share a batch.

        Raises:
            PredictionError: the network gives NaN or infinite numbers.
            InputError: a frame has no camera.
        """
        poses: list[Poses] = []
        for group in _equal_sizes(frames):
            images = torch.cat([image_tensor(frame.image, self._device) for frame in group])
            poses += self.read(self.volumes(images), group)
        return poses

    @torch.inference_mode()
    def volumes(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B, J, D, H', W') heatmaps, on the device of the networks."""
        dtype = next(self._predictor.parameters()).dtype
        return self._volumes(images.to(dtype, memory_format=torch.channels_last))

    def read(self, volumes: torch.Tensor, frames: Sequence[InputFrame]) -> list[Poses]:
        """People in the heatmaps (B, J, D, H', W') of B frames.

        Raises:
            PredictionError: the heatmaps hold NaN or infinite numbers.
            InputError: a frame has no camera.
        """
        finite = torch.isfinite(volumes.amax(dim=(1, 2, 3, 4))).tolist()
        if not all(finite):
            raise PredictionError(
                f"LoCO gives numbers that are not finite for the frame {frames[finite.index(False)].id}",
                expected="finite heatmaps",
                action="use --precision bf16 or fp32; if they stay, the weights are damaged",
            )
        found = found_peaks(volumes, self.rule)
        return [self._people(frame, *peaks) for frame, peaks in zip(frames, found, strict=True)]

    def _decoded(self, images: torch.Tensor) -> torch.Tensor:
        return self._autoencoder.decode(self._predictor(images))

    def _people(
        self, frame: InputFrame, found: npt.NDArray[np.int16], confidence: npt.NDArray[np.float32]
    ) -> Poses:
        if frame.camera is None:
            raise InputError(
                f"the frame {frame.id} has no intrinsics",
                expected="a calibrated camera: LoCO places its voxels through the lens",
                action="use a data set with cameras",
            )
        height, width = frame.image.shape[:2]
        points = to_camera(self.config.grid.grid(height, width), found, frame.camera)
        known = np.isfinite(points).all(axis=1)
        points, sure = np.column_stack([found[:, 0], points])[known], confidence[known].astype(np.float64)
        people = associate(points, sure, root=self._root, limits=self._limits)
        joints = people.joints
        if self._refiner is not None and len(joints):
            joints = self._refiner.refine(joints, people.confidence)
        alone = np.setdiff1d(np.flatnonzero(sure > LOOSE_CONFIDENCE), people.source)
        loose = np.column_stack([points[alone], sure[alone]])
        loose[:, 0] = np.array(self._columns)[loose[:, 0].astype(np.int64)]
        return Poses(
            joints3d=self._spread(joints, np.nan),
            scores=people.confidence.mean(axis=1),
            joint_scores=self._spread(people.confidence, 0.0),
            loose=loose,
        )

    def _spread(self, values: Floats, missing: float) -> Floats:
        """Values of the model's joints in the places of the skeleton's."""
        spread = np.full((len(values), len(skeleton(self.skeleton)), *values.shape[2:]), missing)
        spread[:, self._columns] = values
        return spread


def _needed(found: dict[Kind, Loaded], kind: Kind) -> Loaded:
    if kind not in found:
        raise InputError(
            f"there is no {kind} among the weights",
            expected="the autoencoder and the code predictor of LoCO, and if wanted its refiner",
            action="give all files, or the folder they lie in: --weights FOLDER",
        )
    return found[kind]


def _check_pair(predictor: Loaded, autoencoder: Loaded) -> None:
    """The code one network writes must be the one the other reads."""
    ours, theirs = predictor.config, autoencoder.config
    differences = [
        f"{name}: {getattr(ours.grid, name)} and {getattr(theirs.grid, name)}"
        for name in ours.grid.__struct_fields__
        if getattr(ours.grid, name) != getattr(theirs.grid, name)
    ]
    if ours.level != theirs.level:
        differences.insert(0, f"level {ours.level} and level {theirs.level}")
    if differences:
        raise InputError(
            f"{predictor.path} and {autoencoder.path} do not belong together: {differences[0]}",
            expected="a code predictor that was trained on the codes of this autoencoder",
            action="give the pair of one training",
        )


def _skeleton_with(joints: tuple[str, ...], preferred: str) -> str:
    if set(joints) <= set(skeleton(preferred).joints):
        return preferred
    exact = next((name for name in skeleton_names() if skeleton(name).joints == joints), None)
    if exact is None:
        raise UsageError(
            f"no skeleton has the joints of the weights: {', '.join(joints)}",
            expected=f"joints of {preferred}, or exactly those of another skeleton",
            action="run them on the data set they were trained on",
        )
    return exact


def _placed(network: Any, device: torch.device, dtype: torch.dtype) -> Any:
    network = network.to(device=device, dtype=dtype).eval().requires_grad_(requires_grad=False)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            # the layout tensor cores want; torch has none such for the 3D convolutions of the autoencoder
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    return network


def _fitting_refiner(loaded: Loaded | None, joints: tuple[str, ...], root: int) -> Refiner | None:
    if loaded is None:
        return None
    assert isinstance(loaded.network, Refiner)
    if loaded.config.grid.joints != joints or loaded.network.root != root:
        raise InputError(
            f"{loaded.path} refines other joints: {', '.join(loaded.config.grid.joints)}",
            expected=", ".join(joints),
            action="train a refiner for these joints, or leave it out",
        )
    return loaded.network


def _equal_sizes(frames: Sequence[InputFrame]) -> Iterator[list[InputFrame]]:
    """Neighbouring frames of equal image size."""
    group: list[InputFrame] = []
    for frame in frames:
        if group and frame.image.shape != group[0].image.shape:
            yield group
            group = []
        group.append(frame)
    if group:
        yield group
