"""What the name of a metric says about how it is made, before anything is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mhbench.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def unknown_metric(where: str, rule: MetricRule, known: Iterable[str]) -> ManifestError:
    """The error of a metric that its kind of scoring does not have; `where` names the protocol."""
    return ManifestError(
        f"{where}: no metric is called {rule.name!r}",
        expected=f"for this scoring one of: {', '.join(known)}",
        action="correct the name in the protocol's file, or its kind of scoring",
    )


def needs_root(rule: MetricRule) -> bool:
    """Whether a metric is measured from the root of the people."""
    rooted = error_name(rule) in {"mpjpe", "n_mpjpe", "accel"}
    return rooted or rule.name.startswith(("depth_order", "depth_reversed"))
