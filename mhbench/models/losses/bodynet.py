"""BodyNet's losses: voxels, their silhouettes from the front and the side, the same for parts, and the sum.

Varol et al., BodyNet, 2018, equations 1 to 5, and the public code (gulvarol/bodynet). The paper writes sums
over the voxels of a sample (without the minus sign of a cross entropy), the code takes means: argument
`form`. Networks are given as logits, whose cross entropy stays finite; a sigmoid is monotone, so the largest
logit along a ray is that of the largest probability. Axes are the network's: z, y, x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import torch
from torch.nn import functional

from mhbench.errors import ShapeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Form = Literal["bodynet", "paper"]
TASKS: Final = ("joints2d", "segmentation", "joints3d", "voxels", "front", "side")
TASK_WEIGHTS: Final[Mapping[Form, Mapping[str, float]]] = {
    "paper": dict(zip(TASKS, (1e7, 1e3, 1e6, 10.0, 1.0, 1.0), strict=True)),
    # the code gives the segmentation's weight to the joints and theirs to the segmentation
    "bodynet": dict(zip(TASKS, (1e3, 1e7, 1e6, 10.0, 1.0, 1.0), strict=True)),
}


def voxel_loss(
    logits: torch.Tensor, target: torch.Tensor, *, weight: torch.Tensor | None = None, form: Form = "bodynet"
) -> torch.Tensor:
    """Binary cross entropy of occupied voxels (equation 1), or of silhouettes.

    Args:
        logits: (B, ...), such as (B, D, H, W).
        target: (B, ...) occupancies, 0 to 1, or bool.
        weight: factors of the voxels, of a shape that broadcasts; BodyNet has none.
        form: "bodynet", the mean of all voxels, or "paper", the sum of a sample's voxels, mean over samples.

    Raises:
        ShapeError: the shapes differ.
        UsageError: there is no such form.
    """
    _check_same("logits", logits, "target", target)
    truth = target.to(logits)
    reduced = functional.binary_cross_entropy_with_logits(
        logits, truth, weight=None if weight is None else weight.to(logits), reduction=_reduction(form)
    )
    return _per_sample(reduced, logits, form)


def reprojection_losses(
    logits: torch.Tensor, front: torch.Tensor, side: torch.Tensor, *, form: Form = "bodynet"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropies of the silhouettes of voxels: largest along z, and along x (equations 2 to 4).

    The gradient reaches the one voxel of each ray that is the largest.

    Args:
        logits: (B, D, H, W), axes z, y, x.
        front: (B, H, W) the silhouette in the image; the network's target is its segmentation mask.
        side: (B, D, H) the silhouette from the side; the target is that of the true volume.
        form: as in `voxel_loss`.

    Returns:
        The losses of the front and of the side.

    Raises:
        ShapeError: silhouettes that are not those of the volume's grid.
        UsageError: there is no such form.
    """
    _check_volume("logits", logits, "B D H W")
    return (
        voxel_loss(logits.max(dim=1).values, front, form=form),
        voxel_loss(logits.max(dim=3).values, side, form=form),
    )


def part_loss(logits: torch.Tensor, parts: torch.Tensor, *, form: Form = "bodynet") -> torch.Tensor:
    """Cross entropy of part labels of voxels.

    Args:
        logits: (B, C, D, H, W); channel 0 is the background, channel p the part p.
        parts: (B, D, H, W) integers 0 .. C - 1.
        form: as in `voxel_loss`.

    Raises:
        ShapeError: the shapes do not belong together.
        UsageError: there is no such form.
    """
    _check_volume("logits", logits, "B C D H W")
    _check_same("one channel of logits", logits[:, 0], "parts", parts)
    return _per_sample(
        functional.cross_entropy(logits, parts.long(), reduction=_reduction(form)), logits, form
    )


def part_reprojection_losses(
    logits: torch.Tensor, front: torch.Tensor, side: torch.Tensor, *, form: Form = "bodynet"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropies of the silhouettes of each part: the largest along a ray, of the background the least.

    Each channel is a sigmoid of its own here, as in the code, though `part_loss` weighs them together.

    Args:
        logits: (B, C, D, H, W); channel 0 is the background.
        front: (B, C, H, W) silhouettes in the image.
        side: (B, C, D, H) silhouettes from the side.
        form: as in `voxel_loss`.

    Returns:
        The losses of the front and of the side.

    Raises:
        ShapeError: silhouettes that are not those of the volume's grid.
        UsageError: there is no such form.
    """
    _check_volume("logits", logits, "B C D H W")
    background, parts = logits[:, :1], logits[:, 1:]
    views = (
        torch.cat([background.min(dim=axis).values, parts.max(dim=axis).values], dim=1) for axis in (2, 4)
    )
    first, second = (
        voxel_loss(view, silhouette, form=form) for view, silhouette in zip(views, (front, side), strict=True)
    )
    return first, second


def combined_loss(losses: Mapping[str, torch.Tensor], *, form: Form = "bodynet") -> torch.Tensor:
    """The weighted sum of the losses of the tasks, weights made to sum to one (equation 5).

    Args:
        losses: scalars by the names of `TASKS`; the weights of tasks left out count for nothing.
        form: whose `TASK_WEIGHTS`.

    Raises:
        UsageError: there is no such task or form, or no loss at all.
    """
    _reduction(form)
    unknown = set(losses) - set(TASKS)
    if unknown or not losses:
        raise UsageError(
            f"there is no task {', '.join(sorted(unknown))}" if unknown else "there is no loss to combine",
            expected=f"of: {', '.join(TASKS)}",
            action="name the losses so",
        )
    weights = {task: TASK_WEIGHTS[form][task] for task in losses}
    total = sum(weights.values())
    return torch.stack([weights[task] / total * loss for task, loss in losses.items()]).sum()


def _reduction(form: str) -> str:
    if form not in TASK_WEIGHTS:
        raise UsageError(
            f"there is no form {form!r} of this loss",
            expected=f"one of: {', '.join(TASK_WEIGHTS)}",
            action="check the spelling",
        )
    return "sum" if form == "paper" else "mean"


def _per_sample(reduced: torch.Tensor, logits: torch.Tensor, form: Form) -> torch.Tensor:
    return reduced / max(len(logits), 1) if form == "paper" else reduced


def _check_volume(name: str, volume: torch.Tensor, pattern: str) -> None:
    if volume.ndim != len(pattern.split()):
        raise ShapeError(
            f"{name} has shape {list(volume.shape)}",
            expected=f"({', '.join(pattern.split())})",
            action="check the order of the axes",
        )


def _check_same(name: str, values: torch.Tensor, other: str, target: torch.Tensor) -> None:
    if values.shape != target.shape:
        raise ShapeError(
            f"{name} has shape {list(values.shape)}, {other} {list(target.shape)}",
            expected="the same shape",
            action="make the target on the network's grid",
        )
