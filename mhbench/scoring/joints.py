"""Which joints are scored: those a protocol names, found by name in both skeletons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mhbench.errors import UsageError
from mhbench.protocols.metric_names import needs_root
from mhbench.skeletons import conversion, skeleton

if TYPE_CHECKING:
    import numpy.typing as npt

    from mhbench.protocols.rules import Protocol

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
        labelled: indices in the ground truth's skeleton of joints that every true person must have.
        fit_also: indices, each a tuple whose mean is a further point of an alignment.
        approximate: scored joints that the prediction's skeleton only has approximately.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    source: tuple[int, ...]
    root: tuple[int, ...]
    labelled: tuple[int, ...]
    fit_also: tuple[tuple[int, ...], ...]
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
    loose = mapping.approximate & ~_stand_ins(protocol, truth, predicted)
    exact = np.where(loose & (not allow_approximate), -1, mapping.indices).tolist()
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
    there = {name for name, source in zip(target.joints, exact, strict=True) if source >= 0}
    root = _root_names(protocol, truth, there)
    also = tuple(point for rule in protocol.metric for point in rule.fit_also)
    required = dict.fromkeys((*names, *protocol.truth.needed, *sum(also, ())))
    if _names_root(protocol):
        required |= dict.fromkeys(root)
    missing = [name for name in required if target.joints[target.index(name)] not in there]
    if missing:
        raise UsageError(
            f"predictions in {predicted} cannot give the joints of {protocol.name}: {', '.join(missing)}",
            expected=f"a skeleton with exactly: {', '.join(required)}",
            action="--allow-approximate accepts stand-ins; the result is then not comparable",
        )
    rows = target.indices(names)
    return JointPlan(
        names=names,
        rows=rows,
        source=tuple(exact),
        root=target.indices(root),
        labelled=target.indices(protocol.truth.labelled),
        fit_also=tuple(target.indices(point) for point in also),
        approximate=tuple(name for name, row in zip(names, rows, strict=True) if loose[row]),
    )


def _stand_ins(protocol: Protocol, truth: str, predicted: str) -> npt.NDArray[np.bool_]:
    """(J,) joints of the ground truth for which the protocol itself accepts the point that stands in."""
    target, given = skeleton(truth), skeleton(predicted)
    indices = conversion(predicted, truth).indices
    accepted = protocol.prediction.stand_ins
    return np.array(
        [
            index >= 0 and accepted.get(name) == given.points[index]
            for name, index in zip(target.joints, indices.tolist(), strict=True)
        ]
    )


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


def _named_roots(protocol: Protocol) -> set[str | tuple[str, ...]]:
    named = {rule.root for rule in protocol.metric if needs_root(rule)}
    # who is matched by position needs a root even where no error is measured from it
    return named or ({"skeleton"} if protocol.matching.rule in {"hungarian", "nearest"} else set())


def _names_root(protocol: Protocol) -> bool:
    return bool(_named_roots(protocol) - {"skeleton"})


def _root_names(protocol: Protocol, truth: str, there: set[str]) -> tuple[str, ...]:
    """Joints of the root: as named; or the skeleton's root if both sides have it, else the hips."""
    roots = _named_roots(protocol)
    if not roots:
        return ()
    (root,) = roots  # one root per protocol; held by tests/test_protocols.py
    if root != "skeleton":
        return root if isinstance(root, tuple) else (root,)
    options = (skeleton(truth).root, HIPS)
    return next((names for names in options if there.issuperset(names)), ())
