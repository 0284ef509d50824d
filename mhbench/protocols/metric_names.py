"""What the name of a metric says about how it is made, before anything is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mhbench.protocols.rules import MetricRule

COUNTING: Final = ("precision", "recall", "f1", "depth_order", "depth_reversed")
"""Families that count people and pairs of them."""
OWN_ERRORS: Final = ("mpjpe_abs", "pmpjpe", "n_mpjpe", "accel", "pve", "mpjae", "pmpjae")
"""Families of which the records hold an error of the same name."""


def error_name(rule: MetricRule) -> str:
    """Which error of the records a metric is made of; "" for one that only counts."""
    family = rule.name.partition("@")[0].partition(".")[0]
    if family in COUNTING:
        return ""
    if family in OWN_ERRORS:
        return family
    if family.endswith("_abs") or rule.root == "none":
        return "mpjpe_abs"
    return "mpjpe"


def needs_root(rule: MetricRule) -> bool:
    """Whether a metric is measured from the root of the people."""
    rooted = error_name(rule) in {"mpjpe", "n_mpjpe", "accel"}
    return rooted or rule.name.startswith(("depth_order", "depth_reversed"))
