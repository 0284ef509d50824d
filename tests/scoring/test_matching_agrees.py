"""The rules on the people of a whole shard against the rules of `mhbench.matching` on one frame at a time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people_tables import changed, prediction_table, truth_table

from mhbench import matching
from mhbench.protocols.loading import load_protocol
from mhbench.scoring.encounters import meet, root_positions
from mhbench.scoring.people import People
from mhbench.skeletons import skeleton

SKELETON = "panoptic_15"
JOINTS = len(skeleton(SKELETON))
PLAN = SimpleNamespace(rows=np.arange(JOINTS), root=(0,))
GENERIC = load_protocol("panoptic/generic")
LIMIT_M = 0.9


def people_of(counts, joints, scored):
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    row = np.concatenate([np.arange(count) for count in counts]).astype(np.int64)
    return People(start, row, np.arange(start[-1]), joints, scored)


def shard(seed, most):
    """True and predicted people of six frames; joints, scores and keys are missing or equal now and then."""
    random = np.random.default_rng(seed)
    counts = random.integers(0, most + 1, 6), random.integers(0, 5, 6)
    joints = [random.normal(0, 0.5, (count.sum(), JOINTS, 3)) for count in counts]
    joints[1][random.random(joints[1].shape[:2]) < 0.2] = np.nan
    seen = [random.random((count.sum(), JOINTS)) < 0.8 for count in counts]
    true, found = (people_of(*one) for one in zip(counts, joints, seen, strict=True))
    split = [
        [list(one[start:stop]) for start, stop in zip(who.start[:-1], who.start[1:], strict=True)]
        for one, who in zip(joints, (true, found), strict=True)
    ]
    table = truth_table("panoptic", SKELETON, split[0])
    scores = random.choice([0.1, 0.5, 0.5, np.nan], len(found))
    keys = random.choice(["0", "1", "2", "", "9"], len(found))
    predictions = prediction_table(table, SKELETON, split[1], scores=scores, person=keys)
    return table, predictions, true, found


def least(distances):
    """(P,) place of the least distance of each row; -1 where none is known."""
    known = np.where(np.isnan(distances), np.inf, distances)
    return np.array([row.argmin() if row.size and row.min() < np.inf else -1 for row in known], dtype=int)


def frame_by_frame(rule, table, predictions, true, found):
    tracks = table.persons["track"].astype(str)
    for frame in range(len(true.start) - 1):
        a, b = (slice(*who.start[frame : frame + 2].tolist()) for who in (true, found))
        if rule == "hungarian":
            apart = np.linalg.norm(true.joints[a, None] - found.joints[None, b], axis=-1)
            known = np.isfinite(apart) & true.scored[a, None]
            total, count = np.where(known, apart, 0.0).sum(axis=-1), known.sum(axis=-1)
            means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
            yield matching.hungarian(means, LIMIT_M), found.start[frame]
        elif rule == "highest_score":
            scores = predictions.persons["score"][b]
            yield matching.highest_score(scores, a.stop - a.start), found.start[frame]
        elif rule == "given":
            yield matching.given(tracks[a], predictions.persons["person"][b]), found.start[frame]
        elif rule == "track":
            yield matching.track_index(a.stop - a.start, b.stop - b.start), found.start[frame]
        else:
            roots = [root_positions(who.joints, PLAN.root)[:, 0] for who in (true, found)]
            yield least(np.linalg.norm(roots[0][a, None] - roots[1][None, b], axis=-1)), found.start[frame]


@pytest.mark.parametrize("rule", ["hungarian", "highest_score", "given", "track", "nearest"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=40)
def test_many_frames_at_once_meet_as_one_by_one(rule, seed):
    table, predictions, true, found = shard(seed, 1 if rule == "highest_score" else 4)
    if rule in {"track", "nearest", "hungarian", "highest_score"}:
        # the key `person` decides where a rule needs no distance
        predictions.persons.pop("person")
    protocol = changed(GENERIC, matching={"rule": rule, "limit_m": LIMIT_M, "missed_person": "out"})
    partner, distance = meet(table, predictions, true, found, protocol, PLAN, rooted=False)
    parts = frame_by_frame(rule, table, predictions, true, found)
    expected = np.concatenate([np.where(match >= 0, match + first, -1) for match, first in parts])
    assert partner.tolist() == expected.tolist()
    assert np.array_equal(np.isfinite(distance) & (partner < 0), np.zeros(len(true), dtype=bool))
