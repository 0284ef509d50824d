"""Networks in files, without their code: torch.export programs (.pt2) and ONNX (.onnx).

Input `image`: (1, 3, H, W) float32 RGB in [0, 1]. Outputs by name: `joints3d` (1, P, J, 3) metres and/or
`joints2d` (1, P, J, 2) px, and if wanted `scores` (1, P) and `joint_scores` (1, P, J). A file beside it,
`<name>.toml`, says what its numbers mean:

    skeleton = "panoptic_19"
    space = "camera"      # the default
    min_score = 0.3       # people below are left out; by default nobody is
    trained_on = ["coco"]

A program runs as its file says: use files of people you trust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mhbench.errors import InputError, MissingExtraError, MissingInputError, PredictionError, UsageError
from mhbench.manifests import decode_manifest
from mhbench.models.protocol import Poses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from mhbench.models.protocol import InputFrame, Setup

    Outputs = dict[str, npt.NDArray[Any]]
    Run = Callable[[npt.NDArray[np.float32]], Outputs]

_OUTPUTS: Final = ("joints3d", "joints2d", "scores", "joint_scores")
_PROVIDERS: Final = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file beside a program."""

    skeleton: str
    space: str = "camera"
    root: str | None = None
    min_score: float | None = None
    trained_on: tuple[str, ...] | None = None


class ExportedNetwork:
    """A program and its description, as a network of `mhbench.models.protocol`."""

    def __init__(self, run: Run, description: Description) -> None:
        self._run, self._least = run, description.min_score
        self.skeleton, self.space, self.root = description.skeleton, description.space, description.root
        self.trained_on = description.trained_on

    def predict(self, frames: Sequence[InputFrame]) -> list[Poses]:
        """People of each frame, one run of the program per frame.

        Raises:
            PredictionError: the outputs have other names, or are not of one image.
        """
        return [self._poses(frame) for frame in frames]

    def _poses(self, frame: InputFrame) -> Poses:
        image = np.ascontiguousarray(frame.image.transpose(2, 0, 1)[None]).astype(np.float32)
        image /= np.float32(255)
        outputs = self._run(image)
        unknown = sorted(set(outputs) - set(_OUTPUTS))
        if unknown or any(one.ndim < 2 or len(one) != 1 for one in outputs.values()):
            raise PredictionError(
                f"the program gives {', '.join(f'{name} {one.shape}' for name, one in outputs.items())}",
                expected="joints3d (1, P, J, 3), joints2d (1, P, J, 2), scores (1, P), joint_scores",
                action="name its outputs so (torch.export: return a dict; ONNX: output_names)",
            )
        values = {name: one[0].astype(np.float64) for name, one in outputs.items()}
        if self._least is not None and "scores" in values:
            kept = values["scores"] >= self._least
            values = {name: one[kept] for name, one in values.items()}
        return Poses(**values)


def exported_network(path: Path, setup: Setup) -> ExportedNetwork:
    """The network of a .pt2 or .onnx file.

    Raises:
        MissingInputError: the file, or the description beside it, is not there.
        ManifestError: the description breaks its schema.
        InputError: the program cannot be loaded.
        MissingExtraError: onnxruntime is not installed.
        UsageError: another precision than fp32, or a device onnxruntime cannot use.
    """
    if setup.precision != "fp32":
        raise UsageError(
            f"{path} cannot run in {setup.precision}: a program runs in the precision it was exported in",
            expected="--precision fp32, the default",
            action="export the network in that precision, or run its class instead of the file",
        )
    beside = path.with_suffix(".toml")
    for one, what in ((path, "the program"), (beside, "the file that says what its numbers mean")):
        if not one.is_file():
            raise MissingInputError(
                f"{one} is not there", expected=what, action="see docs/own_model.md for an example"
            )
    description = decode_manifest(beside, Description)
    make = _onnx if path.suffix == ".onnx" else _torch
    return ExportedNetwork(make(path, setup), description)


def _torch(path: Path, setup: Setup) -> Run:
    import torch  # noqa: PLC0415 - ONNX files do without

    try:
        program = torch.export.load(str(path)).module()
    except Exception as error:  # torch has no common base for what a file can be wrong in
        raise InputError(
            f"{path} cannot be loaded: {str(error).partition(chr(10))[0]}",
            expected="a file that torch.export.save wrote with this version of torch",
            action="export it again",
        ) from error
    device = setup.device
    placed = program.to(device)
    call: Callable[..., Any] = torch.compile(placed) if setup.compiled else placed

    @torch.inference_mode()
    def run(image: npt.NDArray[np.float32]) -> Outputs:
        outputs = call(torch.from_numpy(image).to(device))
        if not isinstance(outputs, dict):
            raise PredictionError(
                f"{path} returns a {type(outputs).__name__}",
                expected="a dictionary of named outputs",
                action="return {'joints3d': ..., 'scores': ...} from forward() and export it again",
            )
        return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}

    return run


def _onnx(path: Path, setup: Setup) -> Run:
    if setup.compiled:
        raise UsageError(
            f"--compile does nothing for {path}: onnxruntime optimises it anyway",
            expected="--compile with networks of torch",
            action="leave it out",
        )
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError.of("onnxruntime", "onnx", "an ONNX file") from error
    kind, _, number = setup.device.partition(":")
    provider = _PROVIDERS.get(kind, kind)
    if provider not in onnxruntime.get_available_providers():
        raise UsageError(
            f"onnxruntime cannot run on {setup.device}",
            expected=f"one of its providers: {', '.join(onnxruntime.get_available_providers())}",
            action="install onnxruntime-gpu in the place of onnxruntime, or use --device cpu",
        )
    try:
        options = {"device_id": number} if number else {}
        session = onnxruntime.InferenceSession(str(path), providers=[(provider, options)])
    except Exception as error:  # onnxruntime has no common base for what a file can be wrong in
        raise InputError(
            f"{path} cannot be loaded: {str(error).partition(chr(10))[0]}",
            expected="an ONNX file of a version this onnxruntime reads",
            action="export it again, with the data file that may belong to it beside it",
        ) from error
    names = [output.name for output in session.get_outputs()]
    source = session.get_inputs()[0].name

    def run(image: npt.NDArray[np.float32]) -> Outputs:
        return dict(zip(names, session.run(names, {source: image}), strict=True))

    return run
