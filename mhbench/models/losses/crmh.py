"""CRMH's two losses of coherence: people inside each other, and people in the wrong order of depth.

Jiang et al., Coherent Reconstruction of Multiple Humans from a Single Image, 2020, equations 1 to 4; and the
public code (JiangWenPL/multiperson, revision e8ae029c), which differs from it:

    interpenetration   paper                           code
    robust function    of all that a person meets      of each vertex and each ordered pair
    normalised by      nothing                         the square of the number of people
    left out           who meets nobody                under the torch 1.1 of its release, who misses anybody
    depths             metres (no unit is named)       half sides of the host's cube
    cell centres       where they were filled          read with aligned corners (torch 1.1), or not (today)

    depth order        paper                           code
    pixels             shown person is not the owner   all annotated people cover them, whoever is shown
    people compared    owner and shown person          owner and everybody else
    sum                of the pixels                   mean over people and all pixels of the image

The code weighs them with 0.01 and 100 beside its other losses, in its last stage only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

import numpy as np
import torch
from torch.nn import functional

from mhbench.errors import ShapeError, UsageError
from mhbench.volumes import distance_field

if TYPE_CHECKING:
    import numpy.typing as npt

InterpenetrationForm = Literal["crmh", "crmh-torch11", "crmh-now", "paper"]
DepthOrderForm = Literal["crmh", "paper"]
WEIGHTS: Final = {"interpenetration": 0.01, "depth_order": 100.0}
GRID: Final = 32
ROBUST_SCALE: Final = 0.2
LINEAR_ABOVE: Final = 10.0
"""Metres of wrong order from which on the code's penalty is the distance itself."""


class Fields(NamedTuple):
    """Distance fields of P people: depth under the surface inside, 0 outside.

    Attributes:
        values: (P, D, D, D), axes z, y, x, in units of half the cube.
        centres: (P, 3) m, of the cubes.
        halves: (P,) m, half their sides.
    """

    values: torch.Tensor
    centres: torch.Tensor
    halves: torch.Tensor


def interpenetration_loss(
    vertices: torch.Tensor,
    faces: npt.ArrayLike,
    *,
    form: InterpenetrationForm = "crmh",
    robust_scale: float | None = ROBUST_SCALE,
    grid: int = GRID,
) -> torch.Tensor:
    """How deep the people of one image are inside each other (CRMH, equations 1 to 3).

    Each vertex is penalised by the distance field of every other person. The fields are made on the CPU and
    have no gradient, as in the paper: what moves is the guest, not the host.

    Args:
        vertices: (P, V, 3) m, all people in one frame of reference, translation included.
        faces: (T, 3), the same for all.
        form: "crmh" ("crmh-torch11"), "crmh-now" or "paper"; see the module.
        robust_scale: s of the robust function `x^2 / (x^2 + s^2)` (Geman and McClure), in the unit of the
            form's depths; None sums the depths themselves. The paper gives no value; 0.2 is the code's.
        grid: cells along a side of a field.

    Returns:
        A scalar; 0 with a gradient of 0 where nobody meets anybody.

    Raises:
        ShapeError: no meshes of one topology, or a vertex that is not finite.
        UsageError: there is no such form.
    """
    _check_form(form, get_args(InterpenetrationForm))
    if vertices.ndim != 3 or vertices.shape[-1] != 3:
        raise ShapeError(
            f"vertices has shape {list(vertices.shape)}",
            expected="(P, V, 3)",
            action="pass one image at a time",
        )
    kept = vertices[_met(vertices, form)]
    if len(kept) < 2:
        return vertices[:0].sum()
    fields = _fields(kept, np.asarray(faces), grid)
    return _penalty(kept, fields, form, robust_scale)


def depth_order_loss(
    depths: torch.Tensor, owners: torch.Tensor, *, form: DepthOrderForm = "crmh"
) -> torch.Tensor:
    """How far people stand in the wrong order, where an image's masks say who hides whom (CRMH, equation 4).

    Args:
        depths: (P, H, W) m, of each person alone, infinite where the person is not, such as
            `mhbench.volumes.zbuffer_torch.depth_maps` gives with a gradient.
        owners: (H, W) integers, the annotated masks: p + 1 the person p, 0 nobody, and above P somebody whom
            nobody predicted.
        form: "crmh" or "paper"; see the module. The paper's has no pixel where the owner is not drawn.

    Returns:
        A scalar; 0 with a gradient of 0 where no pixel counts.

    Raises:
        ShapeError: the masks are not of the size of the depths.
        UsageError: there is no such form.
    """
    _check_form(form, get_args(DepthOrderForm))
    if depths.ndim != 3 or owners.shape != depths.shape[1:]:
        raise ShapeError(
            f"depths has shape {list(depths.shape)}, owners {list(owners.shape)}",
            expected="(P, H, W) and (H, W)",
            action="render the people at the size of the masks",
        )
    if len(depths) < 2:
        return depths[:0].sum()
    drawn = torch.isfinite(depths)
    # infinity minus infinity would reach the gradients of pixels that do not count
    depth = torch.where(drawn, depths, 0.0)
    return _order_as_coded(depth, drawn, owners) if form == "crmh" else _order_on_paper(depth, drawn, owners)


def _met(vertices: torch.Tensor, form: InterpenetrationForm) -> torch.Tensor:
    """(P,) bool, the people that take part; touching boxes meet."""
    if form == "crmh-now" or not vertices.shape[1]:
        return torch.full((len(vertices),), vertices.shape[1] > 0, device=vertices.device)
    low, high = vertices.detach().amin(dim=1), vertices.detach().amax(dim=1)
    meet = ((low[:, None] <= high) & (low <= high[:, None])).all(dim=-1)
    return meet.sum(dim=1) > 1 if form == "paper" else meet.all(dim=1)


def _fields(vertices: torch.Tensor, faces: npt.NDArray[np.integer], grid: int) -> Fields:
    made = [distance_field(mesh, faces, grid) for mesh in vertices.detach().double().cpu().numpy()]
    values = np.stack([field for field, _ in made])
    centres = np.stack([cube.corner + cube.side / 2 for _, cube in made])
    halves = np.array([cube.side / 2 for _, cube in made])
    return Fields(*(torch.from_numpy(array).to(vertices) for array in (values, centres, halves)))


def _penalty(
    vertices: torch.Tensor, fields: Fields, form: InterpenetrationForm, robust_scale: float | None
) -> torch.Tensor:
    rows = []
    for host, (field, centre, half) in enumerate(zip(*fields, strict=True)):
        depth = _sampled(field, (vertices - centre) / half, form)
        depth = half * depth if form == "paper" else _robust(depth, robust_scale)
        guests = torch.arange(len(vertices), device=vertices.device) != host
        rows.append(torch.where(guests, depth.sum(dim=-1), 0.0))
    met = torch.stack(rows)  # host, guest
    if form == "paper":
        return _robust(met.sum(dim=0), robust_scale).sum()
    return met.sum() / len(vertices) ** 2


def _sampled(field: torch.Tensor, places: torch.Tensor, form: InterpenetrationForm) -> torch.Tensor:
    """Trilinear samples of a field (D, D, D) at places (..., 3) in units of half its cube, 0 outside."""
    size = len(field)
    if form == "paper":
        # cell i was filled at -1 + (2 i + 1) / (D - 1); grid_sample takes it to be at -1 + (2 i + 1) / D
        places = (places + 1) * ((size - 1) / size) - 1
    samples = functional.grid_sample(
        field[None, None],
        places.reshape(1, -1, 1, 1, 3),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=form in {"crmh", "crmh-torch11"},
    )
    return samples.reshape(places.shape[:-1])


def _robust(values: torch.Tensor, scale: float | None) -> torch.Tensor:
    if scale is None:
        return values
    square = (values / scale) ** 2
    return square / (square + 1)


def _order_as_coded(depth: torch.Tensor, drawn: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
    labels = torch.arange(1, len(depth) + 1, device=owners.device)
    own = owners == labels[:, None, None]
    annotated = own.flatten(start_dim=1).any(dim=1)
    depth, own = depth[annotated], own[annotated]
    if not len(depth):
        return depth.sum()
    counted = drawn[annotated].all(dim=0) & (owners > 0) & ~own
    # the pixels of somebody whom nobody predicted are compared with a depth of 0, as in the code
    owner = torch.where(own, depth, 0.0).sum(dim=0)
    wrong = torch.where(counted, owner - depth, 0.0)
    return torch.where(counted, functional.softplus(wrong, threshold=LINEAR_ABOVE), 0.0).mean()


def _order_on_paper(depth: torch.Tensor, drawn: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
    shown = torch.where(drawn, depth, torch.inf).argmin(dim=0)
    owner = (owners.long() - 1).clamp(min=0, max=len(depth) - 1)
    counted = (owners > 0) & (owners <= len(depth)) & (shown != owner)
    counted = counted & drawn.gather(0, owner[None])[0]
    wrong = depth.gather(0, owner[None]) - depth.gather(0, shown[None])
    return functional.softplus(wrong[0][counted]).sum()


def _check_form(form: str, known: tuple[str, ...]) -> None:
    if form not in known:
        raise UsageError(
            f"there is no form {form!r} of this loss",
            expected=f"one of: {', '.join(known)}",
            action="check the spelling",
        )
