"""Errors of single people: MPJPE, PMPJPE and MPJAE beside what is in use, one core, in one run.

Peers are the documented algorithms in their documented form: batched torch and numpy, and the loop over
poses that the official scorers are. Torch works in float32, as its users do; ours and numpy in float64.

    OPENBLAS_NUM_THREADS=1 python benchmarks/pose_errors.py
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import measuring
import numpy as np

from mhbench.metrics import mpjae, mpjpe, pmpjpe

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

JOINTS = 14
ROTATIONS = 9


def poses(generator: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """Predicted and target poses (N, 14, 3) in metres, four metres away, 50 mm of noise."""
    target = generator.normal(scale=0.3, size=(count, JOINTS, 3))
    target[..., 2] += 4.0
    predicted = generator.normal(scale=0.05, size=target.shape)
    predicted += target
    return predicted, target


def rotations(generator: np.random.Generator, count: int) -> Floats:
    """Random rotations (N, 9, 3, 3)."""
    from scipy.spatial.transform import Rotation

    return Rotation.random(count * ROTATIONS, rng=generator).as_matrix().reshape(count, ROTATIONS, 3, 3)


def numpy_mpjpe(predicted: Floats, target: Floats, visible: npt.NDArray[np.bool_]) -> Floats:
    """Mean distance per pose with a mask of visible joints, as evaluators write it."""
    distances = np.linalg.norm(predicted - target, axis=-1)
    masked: Floats = np.where(visible, distances, 0.0).sum(axis=-1) / visible.sum(axis=-1)
    return masked


def torch_mpjpe(predicted: Any, target: Any) -> Any:
    return (predicted - target).norm(dim=-1).mean(dim=-1)


def loop_pmpjpe(predicted: Floats, target: Floats) -> Floats:
    """One SVD per pose in a Python loop, the form of the official scorers."""
    errors = np.zeros(len(predicted))
    for row, (p, g) in enumerate(zip(predicted, target, strict=True)):
        x, y = p - p.mean(axis=0), g - g.mean(axis=0)
        u, s, vh = np.linalg.svd(x.T @ y)
        sign = np.ones(3)
        sign[2] = np.sign(np.linalg.det(u @ vh))
        rotation = (vh.T * sign) @ u.T
        scale = (s * sign).sum() / np.sum(x * x)
        errors[row] = np.linalg.norm(scale * x @ rotation.T - y, axis=1).mean()
    return errors


def numpy_pmpjpe(predicted: Floats, target: Floats) -> Floats:
    """All SVDs in one call."""
    x = predicted - predicted.mean(axis=1, keepdims=True)
    y = target - target.mean(axis=1, keepdims=True)
    u, s, vh = np.linalg.svd(x.transpose(0, 2, 1) @ y)
    sign = np.ones((len(x), 3))
    sign[:, 2] = np.sign(np.linalg.det(u @ vh))
    rotation = (vh.transpose(0, 2, 1) * sign[:, None, :]) @ u.transpose(0, 2, 1)
    scale = (s * sign).sum(axis=1) / np.sum(x * x, axis=(1, 2))
    aligned = scale[:, None, None] * (x @ rotation.transpose(0, 2, 1))
    errors: Floats = np.linalg.norm(aligned - y, axis=-1).mean(axis=-1)
    return errors


def torch_pmpjpe(predicted: Any, target: Any) -> Any:
    """All SVDs in one call, float32."""
    import torch

    x = predicted - predicted.mean(dim=1, keepdim=True)
    y = target - target.mean(dim=1, keepdim=True)
    u, s, vh = torch.linalg.svd(x.transpose(1, 2) @ y)
    sign = torch.ones(len(x), 3)
    sign[:, 2] = torch.sign(torch.linalg.det(u @ vh))
    rotation = (vh.transpose(1, 2) * sign[:, None, :]) @ u.transpose(1, 2)
    scale = (s * sign).sum(dim=1) / (x * x).sum(dim=(1, 2))
    aligned = scale[:, None, None] * (x @ rotation.transpose(1, 2))
    return (aligned - y).norm(dim=-1).mean(dim=-1)


def numpy_mpjae(predicted: Floats, target: Floats) -> Floats:
    """Vectorised atan2 of the relative rotations; checks nothing and projects nothing."""
    relative = predicted @ target.swapaxes(-1, -2)
    x = relative[..., 2, 1] - relative[..., 1, 2]
    y = relative[..., 0, 2] - relative[..., 2, 0]
    z = relative[..., 1, 0] - relative[..., 0, 1]
    cosine = relative[..., 0, 0] + relative[..., 1, 1] + relative[..., 2, 2] - 1.0
    angles: Floats = np.degrees(np.arctan2(np.sqrt(x * x + y * y + z * z), cosine)).mean(axis=-1)
    return angles


def torch_mpjae(predicted: Any, target: Any) -> Any:
    """The same in float32."""
    import torch

    relative = predicted @ target.transpose(-1, -2)
    x = relative[..., 2, 1] - relative[..., 1, 2]
    y = relative[..., 0, 2] - relative[..., 2, 0]
    z = relative[..., 1, 0] - relative[..., 0, 1]
    cosine = relative[..., 0, 0] + relative[..., 1, 1] + relative[..., 2, 2] - 1.0
    return torch.rad2deg(torch.atan2((x * x + y * y + z * z).sqrt(), cosine)).mean(dim=-1)


def scipy_mpjae(predicted: Floats, target: Floats) -> Floats:
    """Rotation objects, which project and check as ours do."""
    from scipy.spatial.transform import Rotation

    relative = (
        Rotation.from_matrix(predicted.reshape(-1, 3, 3))
        * Rotation.from_matrix(target.reshape(-1, 3, 3)).inv()
    )
    angles: Floats = np.degrees(relative.magnitude()).reshape(-1, ROTATIONS).mean(axis=1)
    return angles


def ratio(results: dict[str, measuring.Measurement], ours: str, peers: list[str]) -> float:
    """How many times faster ours is than the fastest of the peers."""
    return min(results[peer].median for peer in peers) / results[ours].median


def check(name: str, call: Callable[[], Any], expected: Floats, tolerance: float) -> None:
    """A peer that computes something else would make the comparison worthless."""
    difference = float(np.abs(np.asarray(call()) - expected).max())
    if not difference < tolerance:
        raise SystemExit(f"{name} differs by {difference}")


def position_errors(
    generator: np.random.Generator, count: int, repeats: int
) -> tuple[dict[str, measuring.Measurement], list[measuring.Claim], list[measuring.Limit]]:
    import torch

    predicted, target = poses(generator, count)
    visible = np.full(predicted.shape[:2], fill_value=True)
    single = [torch.from_numpy(array).float() for array in (predicted, target)]
    contenders = {
        "mpjpe ours": measuring.Contender(lambda: mpjpe(predicted, target)),
        "mpjpe torch float32": measuring.Contender(lambda: torch_mpjpe(*single), "peer"),
        "mpjpe numpy float64 mask": measuring.Contender(
            lambda: numpy_mpjpe(predicted, target, visible), "peer", repeats=5
        ),
        "read both float64 arrays": measuring.Contender(
            lambda: np.dot(predicted.ravel(), target.ravel()), "machine", note="their inner product, BLAS"
        ),
    }
    expected = numpy_mpjpe(predicted, target, visible)
    check("mpjpe ours", lambda: mpjpe(predicted, target) / 1000, expected, 1e-12)
    check("mpjpe torch", lambda: torch_mpjpe(*single), expected, 1e-5)
    results = measuring.measure(contenders, repeats=repeats)
    reading = results["read both float64 arrays"].median
    ours = results["mpjpe ours"].median
    amount = predicted.nbytes + target.nbytes
    return (
        results,
        [
            measuring.claim(
                "mpjpe vs fastest peer",
                ratio(results, "mpjpe ours", ["mpjpe torch float32", "mpjpe numpy float64 mask"]),
                "x",
                floor=1.0,
            ),
            measuring.claim("mpjpe", count / ours / 1e6, "M poses/s"),
        ],
        [measuring.limit("mpjpe, reading both arrays once", amount, amount / reading, ours)],
    )


def aligned_errors(
    generator: np.random.Generator, count: int, repeats: int
) -> tuple[dict[str, measuring.Measurement], list[measuring.Claim]]:
    import torch

    predicted, target = poses(generator, count)
    single = [torch.from_numpy(array).float() for array in (predicted, target)]
    contenders = {
        "pmpjpe ours": measuring.Contender(lambda: pmpjpe(predicted, target)),
        "pmpjpe torch float32 batched SVD": measuring.Contender(lambda: torch_pmpjpe(*single), "peer"),
        "pmpjpe numpy float64 batched SVD": measuring.Contender(
            lambda: numpy_pmpjpe(predicted, target), "peer"
        ),
        "pmpjpe numpy loop over poses": measuring.Contender(
            lambda: loop_pmpjpe(predicted, target), "peer", repeats=2
        ),
    }
    expected = numpy_pmpjpe(predicted, target)
    check("pmpjpe ours", lambda: pmpjpe(predicted, target) / 1000, expected, 1e-12)
    check("pmpjpe torch", lambda: torch_pmpjpe(*single), expected, 1e-5)
    check("pmpjpe loop", lambda: loop_pmpjpe(predicted[:100], target[:100]), expected[:100], 1e-12)
    results = measuring.measure(contenders, repeats=repeats)
    peers = [name for name in contenders if name != "pmpjpe ours"]
    return results, [
        measuring.claim("pmpjpe vs fastest peer", ratio(results, "pmpjpe ours", peers), "x", floor=5.0),
        measuring.claim("pmpjpe", count / results["pmpjpe ours"].median / 1e6, "M poses/s"),
    ]


def angle_errors(
    generator: np.random.Generator, count: int, repeats: int
) -> tuple[dict[str, measuring.Measurement], list[measuring.Claim]]:
    import torch

    predicted, target = rotations(generator, count), rotations(generator, count)
    single = [torch.from_numpy(array).float() for array in (predicted, target)]
    contenders = {
        "mpjae ours": measuring.Contender(lambda: mpjae(predicted, target)),
        "mpjae numpy float64 atan2": measuring.Contender(lambda: numpy_mpjae(predicted, target), "peer"),
        "mpjae torch float32 atan2": measuring.Contender(lambda: torch_mpjae(*single), "peer"),
        "mpjae scipy Rotation": measuring.Contender(
            lambda: scipy_mpjae(predicted, target), "peer", repeats=5
        ),
    }
    expected = numpy_mpjae(predicted, target)
    check("mpjae ours", lambda: mpjae(predicted, target), expected, 1e-9)
    check("mpjae torch", lambda: torch_mpjae(*single), expected, 1e-2)
    check("mpjae scipy", lambda: scipy_mpjae(predicted, target), expected, 1e-6)
    results = measuring.measure(contenders, repeats=repeats)
    peers = [name for name in contenders if name != "mpjae ours"]
    return results, [
        measuring.claim("mpjae vs fastest peer", ratio(results, "mpjae ours", peers), "x", floor=1.0),
        measuring.claim("mpjae", count / results["mpjae ours"].median / 1e6, "M poses/s"),
    ]


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.add_argument("--poses", type=int, default=100_000, help="poses for pmpjpe and mpjae")
    parser.add_argument(
        "--many-poses", type=int, default=2_000_000, help="poses for mpjpe: no cache holds them"
    )
    options = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        raise SystemExit("set OPENBLAS_NUM_THREADS=1: this compares single cores")
    generator = np.random.default_rng(options.seed)
    positions, position_claims, limits = position_errors(generator, options.many_poses, options.repeats)
    aligned, aligned_claims = aligned_errors(generator, options.poses, options.repeats)
    angles, angle_claims = angle_errors(generator, options.poses, options.repeats)
    report = measuring.Report(
        benchmark="pose_errors",
        about="errors of single people, poses of 14 joints and 9 rotations, one core",
        seed=options.seed,
        settings={"poses": options.poses, "many_poses": options.many_poses, "torch_threads": 1},
        machine=measuring.machine(["torch", "scipy"]),
        measurements=[*positions.values(), *aligned.values(), *angles.values()],
        claims=[*position_claims, *aligned_claims, *angle_claims],
        limits=limits,
    )
    measuring.show(report)
    measuring.write(report, options.out)


if __name__ == "__main__":
    main()
