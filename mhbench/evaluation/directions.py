"""Which way a metric gets better."""

from __future__ import annotations

from typing import Final

LOWER: Final = frozenset(
    [
        *("mpjpe", "mpjpe_abs", "pmpjpe", "n_mpjpe", "mpjve", "accel", "pve", "mpjae", "pmpjae"),
        *("nmve", "nmje", "surface_error", "landmark_error", "collisions", "depth_reversed"),
    ]
)


def family(metric: str) -> str:
    """`pck` of `pck.visible@150mm`."""
    return metric.partition("@")[0].partition(".")[0]


def lower_is_better(metric: str) -> bool:
    """Whether a smaller number is the better one; for errors and collisions it is."""
    return family(metric) in LOWER
