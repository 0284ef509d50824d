"""Meshes of SMPL's size: voxels, distance fields, collisions, IoU; beside trimesh with embree and libigl.

The body is the synthetic one (6,890 vertices, 13,776 triangles), people are those of a crowded scene. Poses
change from call to call, faces do not, as in a data set.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import measuring
import numpy as np
from measuring import Contender

from mhbench.metrics import collisions, packed_iou, voxel_iou
from mhbench.synthetic import scene
from mhbench.volumes import contains, distance_field, pack, voxelize, winding_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

CROWD = 20
PAIRS = 45
OCCUPANCY = "128^3 occupancy"
CONSERVATIVE = "128^3 occupancy, conservative and filled"
FIELD = "32^3 distance field"
INSIDE = "vertices inside, one pair, both ways"
PAIR = "collisions of one overlapping pair"
APART = "collisions of a pair whose boxes miss"
FRAME = f"collisions of {CROWD} people"
IOU = "128^3 IoU, packed"


def people(seed: int, count: int, frames: int) -> tuple[Floats, Integers]:
    """Meshes (frames, count, V, 3) of a crowd in metres, and its faces."""
    crowd = scene(frames=frames, people=count, motion="crowd", seed=seed, absences=False)
    return np.stack([crowd.vertices(frame) for frame in range(frames)]), crowd.body.triangles


def spread(meshes: Floats, faces: Integers) -> Floats:
    """The crowd of a frame, moved apart until about `PAIRS` pairs of it collide."""
    middle = meshes.mean(axis=1)
    flat = (middle - middle.mean(axis=0)) * [1, 1, 0]
    low, high = 0.0, 1.0
    for _ in range(8):
        share = (low + high) / 2
        found = len(collisions(meshes + share * flat[:, None], faces).pairs)
        low, high = (share, high) if found > PAIRS else (low, share)
    return np.asarray(meshes + high * flat[:, None])


def colliding_pairs(meshes: Floats, faces: Integers) -> list[Floats]:
    """Every pair of a frame that collides: (2, V, 3) each."""
    return [meshes[list(pair)] for pair in collisions(meshes, faces).pairs]


def voxels(body: Iterator[Floats], faces: Integers) -> dict[str, measuring.Contender]:
    import igl
    import trimesh

    def field_of_libigl(vertices: Floats) -> object:
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        half = 0.6 * (high - low).max()
        steps = (np.arange(32) + 0.5) / 16 - 1
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) * half
        return igl.signed_distance(grid + (low + high) / 2, vertices, faces)

    def fill_of_trimesh(vertices: Floats) -> object:
        mesh = trimesh.Trimesh(vertices, faces, process=False)
        return mesh.voxelized(mesh.extents.max() / 128).fill()

    return {
        OCCUPANCY: Contender(lambda: voxelize(next(body), faces, 128)),
        CONSERVATIVE: Contender(lambda: voxelize(next(body), faces, 128, conservative=True)),
        "128^3 occupancy, trimesh voxelized + fill": Contender(
            lambda: fill_of_trimesh(next(body)), "peer", repeats=3
        ),
        FIELD: Contender(lambda: distance_field(next(body), faces, 32)),
        "32^3 signed distances, libigl": Contender(lambda: field_of_libigl(next(body)), "peer", repeats=3),
    }


def insides(pair: Iterator[Floats], faces: Integers) -> dict[str, measuring.Contender]:
    """Which vertices of each of a pair are inside the other, by every engine."""
    import igl
    import trimesh

    def both(vertices: Floats) -> object:
        return [contains(vertices[1 - k], faces, vertices[k]) for k in (0, 1)]

    def by_trimesh(vertices: Floats) -> object:
        meshes = [trimesh.Trimesh(one, faces, process=False) for one in vertices]
        return [meshes[1 - k].contains(vertices[k]) for k in (0, 1)]

    def by_libigl(vertices: Floats) -> object:
        return [igl.fast_winding_number(vertices[1 - k], faces, vertices[k]) > 0.5 for k in (0, 1)]

    apart = next(pair) + np.array([[[0, 0, 0]], [[9, 0, 0]]])
    return {
        INSIDE: Contender(lambda: both(next(pair)), note="all vertices, no broad phase"),
        "vertices inside, trimesh + embree": Contender(lambda: by_trimesh(next(pair)), "peer", repeats=5),
        "vertices inside, libigl fast winding": Contender(lambda: by_libigl(next(pair)), "peer", repeats=5),
        PAIR: Contender(
            lambda: collisions(next(pair), faces), note="vertices inside, their depths, shared volume"
        ),
        APART: Contender(lambda: collisions(apart, faces)),
    }


def check(meshes: Floats, faces: Integers) -> None:
    """The engines agree on who is inside."""
    import igl
    import trimesh

    expected = winding_numbers(meshes[0], faces, meshes[1]) > 0.5
    assert np.array_equal(igl.fast_winding_number(meshes[0], faces, meshes[1]) > 0.5, expected)
    assert np.array_equal(trimesh.Trimesh(meshes[0], faces, process=False).contains(meshes[1]), expected)
    assert np.array_equal(collisions(meshes[:2], faces).vertices[1], expected)


def main() -> None:
    options = measuring.arguments(__doc__).parse_args()
    meshes, faces = people(options.seed, CROWD, 8)
    frames = [spread(frame, faces) for frame in meshes]
    pairs = [pair for frame in frames for pair in colliding_pairs(frame, faces)]
    check(pairs[0], faces)
    bodies = itertools.cycle(meshes.reshape(-1, *meshes.shape[2:]))
    frame = itertools.cycle(frames)
    volumes = np.stack([voxelize(mesh, faces, 128)[0] for mesh in meshes[0, :2]])
    bits = pack(volumes)
    times = measuring.measure(
        {
            **voxels(bodies, faces),
            **insides(itertools.cycle(pairs), faces),
            FRAME: Contender(lambda: collisions(next(frame), faces)),
            IOU: Contender(lambda: packed_iou(bits[:1], bits[1:]), per=1),
            "128^3 IoU, bool": Contender(lambda: voxel_iou(volumes[:1], volumes[1:])),
            "128^3 IoU, numpy on floats": Contender(
                lambda: np.sum((volumes[0] + 0.0) * volumes[1]) / np.sum((volumes[0] + 0.0 + volumes[1]) > 0),
                "peer",
            ),
        },
        repeats=4 * options.repeats,
    )
    report = judge(options.seed, times, [len(colliding_pairs(one, faces)) for one in frames])
    measuring.show(report)
    print(measuring.write(report, options.out))


def judge(seed: int, times: dict[str, measuring.Measurement], colliding: list[int]) -> measuring.Report:
    """The claims against their floors."""
    seconds = {name: one.median for name, one in times.items()}

    def milliseconds(name: str, floor: float | None = None) -> measuring.Claim:
        return measuring.claim(name, 1e3 * seconds[name], "ms", floor=floor, wanted="at most")

    def times_faster(name: str, ours: str, *peers: str) -> measuring.Claim:
        return measuring.claim(name, min(seconds[peer] for peer in peers) / seconds[ours], "x", floor=1)

    return measuring.Report(
        benchmark="bodies",
        about="meshes of 6,890 vertices and 13,776 triangles, one core",
        seed=seed,
        settings={"people": CROWD, "colliding_pairs": float(np.mean(colliding))},
        machine=measuring.machine(["trimesh", "embreex", "libigl"]),
        measurements=list(times.values()),
        claims=[
            milliseconds(OCCUPANCY, 1.5),
            milliseconds(FIELD, 2),
            milliseconds(INSIDE, 2),
            milliseconds(PAIR),
            milliseconds(APART),
            milliseconds(FRAME, 60),
            milliseconds(IOU, 0.2),
            times_faster("trimesh / our occupancy", OCCUPANCY, "128^3 occupancy, trimesh voxelized + fill"),
            times_faster("libigl / our field", FIELD, "32^3 signed distances, libigl"),
            times_faster(
                "fastest peer / our vertices inside",
                INSIDE,
                "vertices inside, trimesh + embree",
                "vertices inside, libigl fast winding",
            ),
            times_faster("bool / packed IoU", IOU, "128^3 IoU, numpy on floats"),
        ],
    )


if __name__ == "__main__":
    main()
