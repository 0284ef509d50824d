"""Which joints are scored: those a protocol names, found by name in both skeletons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mhbench.errors import UsageError
from mhbench.scoring.statistics import error_name
from mhbench.skeletons import conversion, skeleton

if TYPE_CHECKING:
    from mhbench.protocols import Protocol

FEWEST_SHARED_JOINTS: Final = 6
HIPS: Final = ("left_hip", "right_hip")


@dataclass(frozen=True, slots=True)
class JointPlan:
    """How the joints of a prediction meet those of the ground truth, resolved once per pair of skeletons.

    Attributes:
        names: scored joints, in ground-truth order.
        rows: their indices in the ground truth's skeleton.
        source: for each joint of the ground truth's skeleton the index in the prediction's, -1 = none.
        root: indices in the ground truth's skeleton whose mean is the root; empty = no rooted error.
        approximate: scored joints that the prediction's skeleton only has approximately.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    source: tuple[int, ...]
    root: tuple[int, ...]
    approximate: tuple[str, ...]


def plan_joints(
    protocol: Protocol, truth: str, predicted: str, *, allow_approximate: bool = False
) -> JointPlan:
    """Resolve the joints a protocol scores for a ground-truth and a predicted skeleton.

    Raises:
        UsageError: a joint the protocol names is missing or only approximate on the predicted side, or fewer
            than six joints are shared; the message lists them.
    """
    target = skeleton(truth)
    mapping = conversion(predicted, truth)
    exact = [
        int(source) if source >= 0 and (allow_approximate or not loose) else -1
        for source, loose in zip(mapping.indices, mapping.approximate, strict=True)
    ]
    if protocol.truth.joints == "shared":
        names = tuple(name for name, source in zip(target.joints, exact, strict=True) if source >= 0)
        if len(names) < FEWEST_SHARED_JOINTS:
            raise UsageError(
                f"the skeletons {predicted} and {truth} share only {len(names)} joints exactly",
                expected=f"at least {FEWEST_SHARED_JOINTS}",
                action="name the predicted skeleton correctly, or allow approximate joints",
            )
    else:
        names = _listed_joints(protocol, truth)
    rows = target.indices(names)
    missing = [name for name, row in zip(names, rows, strict=True) if exact[row] < 0]
    if missing:
        raise UsageError(
            f"predictions in {predicted} cannot give the joints of {protocol.name}: {', '.join(missing)}",
            expected=f"a skeleton with exactly: {', '.join(names)}",
            action="--allow-approximate accepts stand-ins; the result is then not comparable",
        )
    loose = tuple(name for name, row in zip(names, rows, strict=True) if mapping.approximate[row])
    return JointPlan(names, rows, tuple(exact), _root_rows(protocol, truth, exact, names), loose)


def _listed_joints(protocol: Protocol, truth: str) -> tuple[str, ...]:
    """The joints a protocol names; of `a | b` the first one that the ground truth's skeleton has."""
    listed = protocol.truth.joints
    known = skeleton(truth).joints
    if isinstance(listed, str):
        listed = skeleton(listed).joints
    chosen = []
    for entry in listed:
        options = [name.strip() for name in entry.split("|")]
        chosen.append(next((name for name in options if name in known), options[0]))
    return tuple(chosen)


def _root_rows(protocol: Protocol, truth: str, exact: list[int], names: tuple[str, ...]) -> tuple[int, ...]:
    """Joints of the root: as named; or the skeleton's root if it is shared, else the hips (section 0)."""
    target = skeleton(truth)
    roots = {rule.root for rule in protocol.metric if error_name(rule) == "mpjpe"}
    if not roots:
        return ()
    (root,) = roots  # one rooted error per protocol; held by tests/test_protocols.py
    if root == "skeleton":
        own = target.indices(target.root)
        hips = tuple(target.index(name) for name in HIPS if name in names)
        return own if all(exact[row] >= 0 for row in own) else hips if len(hips) == 2 else ()
    return target.indices(root if isinstance(root, tuple) else (root,))
