"""Bodies inside each other: colliding pairs and vertices, how deep, and how much volume is shared.

What CRMH's published code computes in its stead is in `crmh_collisions` and reached by `mode`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from mhbench.checks import check_shape
from mhbench.errors import UsageError
from mhbench.metrics.crmh_collisions import coded_volumes
from mhbench.volumes.crossing import surfaces_cross
from mhbench.volumes.meshes import Mesh, bounds, checked_faces, topology
from mhbench.volumes.overlap import meet, shared_volume, turned, vertices_inside
from mhbench.volumes.solids import Solid

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

CollisionMode = Literal["exact", "crmh-torch11", "crmh-now"]
ALIASES: Final = {"crmh": "crmh-torch11"}
_MM: Final = 1000.0
_LITRES: Final = 1000.0


@dataclass(frozen=True)
class Collisions:
    """Collisions of the people of one frame.

    Attributes:
        pairs: index pairs (i, j), i < j, of people that collide.
        colliding_vertices: vertices inside another body, once for each body they are in; None in a CRMH mode,
            which knows none.
        penetration_mm: mean distance of these vertices from the surface they are under; NaN without any.
        penetration_max_mm: the largest; NaN without any.
        overlap_litres: volume shared, summed over the colliding pairs.
        overlaps: (pairs,) litres of each pair.
        people: people with a whole mesh.
        excluded: people left out, because a coordinate is not finite.
        candidates: pairs whose bounding boxes meet.
        vertices: (P, V) bool, which vertices are inside somebody else.
    """

    pairs: list[tuple[int, int]]
    colliding_vertices: int | None
    penetration_mm: float
    penetration_max_mm: float
    overlap_litres: float
    overlaps: Floats
    people: int
    excluded: int
    candidates: int
    vertices: npt.NDArray[np.bool_] = field(repr=False)


def collisions(
    vertices: npt.ArrayLike, faces: npt.ArrayLike, *, mode: str = "exact", strict: bool = False
) -> Collisions:
    """Who is inside whom, in one frame.

    Two people collide if a vertex of one is inside the other: winding number above one half, exactly. A
    vertex on the surface itself falls on either side, so of a body that is given twice about half of them
    count.

    Args:
        vertices: (P, V, 3) m, all people in one frame of reference. A person with a coordinate that is not
            finite is left out and counted.
        faces: (T, 3), the same for all. An open mesh is closed by a fan over each hole, to which no depth is
            measured.
        mode: "exact"; or "crmh-torch11" or "crmh-now", the volume as CRMH's code computes it under the torch
            of its release or under a current one ("crmh" is the former).
        strict: in mode "exact", bodies whose surfaces cross without a vertex inside collide too.

    Raises:
        ShapeError: no meshes of one topology.
        UsageError: there is no such mode.
    """
    name = ALIASES.get(mode, mode)
    if name not in get_args(CollisionMode):
        raise UsageError(
            f"there is no collision mode {mode!r}",
            expected=f"one of: {', '.join(get_args(CollisionMode))}",
            action="check the spelling",
        )
    people = np.ascontiguousarray(vertices, dtype=np.float64)
    check_shape("vertices", people, "P V 3")
    topology = checked_faces(faces, people.shape[1])
    whole = np.flatnonzero(np.isfinite(people).all(axis=(1, 2)))
    if name != "exact":
        return _as_coded(people, topology, whole, current=name == "crmh-now")
    return _exact(people, topology, whole, strict=strict)


def _exact(people: Floats, faces: Integers, whole: Integers, *, strict: bool) -> Collisions:
    candidates = _touching_boxes(people, whole) if len(faces) else []
    near = sorted({person for pair in candidates for person in pair})
    known = topology(faces, people.shape[1]).faces if near else faces
    solids = {person: Solid(Mesh(people[person], known)) for person in near}
    inside: dict[int, list[Floats]] = {person: [np.zeros((0, 3))] for person in near}
    overlaps: dict[tuple[int, int], float] = {}
    marked = np.zeros(people.shape[:2], dtype=np.bool_)
    for i, j in candidates:
        meeting = meet(solids[i], solids[j])
        if meeting is None:
            continue
        found = 0
        for guest, host, seen in ((i, j, meeting), (j, i, turned(meeting))):
            vertices = vertices_inside(seen)
            marked[guest, vertices] = True
            inside[host].append(people[guest, vertices])
            found += len(vertices)
        if found or (strict and surfaces_cross(solids[i].tree, solids[j].tree)):
            overlaps[i, j] = shared_volume(meeting)
    # all at once, for a solid is quickest with many points
    depths = [_MM * solids[host].depths(np.concatenate(points)) for host, points in inside.items()]
    depths_mm = np.concatenate([np.zeros(0), *depths])
    return Collisions(
        pairs=list(overlaps),
        colliding_vertices=len(depths_mm),
        penetration_mm=math.fsum(depths_mm) / len(depths_mm) if len(depths_mm) else math.nan,
        penetration_max_mm=float(depths_mm.max()) if len(depths_mm) else math.nan,
        overlap_litres=_LITRES * math.fsum(overlaps.values()),
        overlaps=_LITRES * np.array(list(overlaps.values()), dtype=np.float64),
        people=len(whole),
        excluded=len(people) - len(whole),
        candidates=len(candidates),
        vertices=marked,
    )


def _touching_boxes(people: Floats, whole: Integers) -> list[tuple[int, int]]:
    """Pairs of whole people whose bounding boxes meet; touching is meeting, as in CRMH's code."""
    if len(whole) < 2 or people.shape[1] == 0:
        return []
    boxes = np.array([bounds(people[person]) for person in whole])
    low, high = boxes[:, 0], boxes[:, 1]
    meet = ((low[:, None] <= high) & (low <= high[:, None])).all(axis=2)
    first, second = np.nonzero(np.triu(meet, 1))
    return list(zip(whole[first].tolist(), whole[second].tolist(), strict=True))


def _as_coded(people: Floats, faces: Integers, whole: Integers, *, current: bool) -> Collisions:
    volumes = coded_volumes(people[whole], faces, current=current)
    pairs = [(int(whole[i]), int(whole[j])) for i, j in volumes]
    litres = _LITRES * np.array(list(volumes.values()), dtype=np.float64)
    return Collisions(
        pairs=pairs,
        colliding_vertices=None,
        penetration_mm=math.nan,
        penetration_max_mm=math.nan,
        overlap_litres=math.fsum(litres),
        overlaps=litres,
        people=len(whole),
        excluded=len(people) - len(whole),
        candidates=len(_touching_boxes(people, whole)),
        vertices=np.zeros(people.shape[:2], dtype=np.bool_),
    )
