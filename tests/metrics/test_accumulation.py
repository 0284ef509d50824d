"""Accumulators: the five averages of the literature, and the same bits however the work was divided."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from golden_cases import read_case
from hypothesis import given
from hypothesis import strategies as st
from pose_strategies import seeds

from mhbench.errors import ShapeError, UsageError
from mhbench.metrics.accumulation import MeanAccumulator, unweighted_mean

GOLDEN = ["averaging_order"]


def test_five_averages_of_the_same_errors(golden):
    arrays, facts = read_case(golden / "metrics_3d", "averaging_order")
    errors = MeanAccumulator()
    for index, sequence in enumerate(facts["sequences"]):
        values = arrays["errors"][arrays["seq_index"] == index]
        assert len(values) == sequence["frames"]
        errors.add("S{subject}/{action}/{trial}/{camera}".format(**sequence), values)
    by_action = errors.split(lambda key: key.split("/")[1])
    by_subject = errors.split(lambda key: key.split("/")[0])
    averages = {
        "all_frames__spin_hmr_overall_mmpose": errors.mean(),
        "mean_of_sequence_means_per_action_then_actions__hmr_headline": unweighted_mean(
            part.mean_of_means() for part in by_action.values()
        ),
        "frames_pooled_per_action_then_actions__videopose3d": unweighted_mean(
            part.mean() for part in by_action.values()
        ),
        "mean_of_sequence_means": errors.mean_of_means(),
        "mean_of_subject_means": unweighted_mean(part.mean() for part in by_subject.values()),
    }
    assert averages == pytest.approx(facts["values"], abs=1e-9)


@given(seeds, st.integers(1, 12), st.integers(1, 5))
def test_the_same_bits_for_any_number_of_workers_in_any_order(seed, shards, workers):
    generator = np.random.default_rng(seed)
    values = {
        f"shard-{index}": generator.lognormal(sigma=8.0, size=generator.integers(0, 20))
        for index in range(shards)
    }
    alone = MeanAccumulator()
    for key, shard in values.items():
        alone.add(key, shard)
    parts = [MeanAccumulator() for _ in range(workers)]
    for key in generator.permutation(list(values)):
        parts[generator.integers(workers)].add(str(key), generator.permutation(values[key]))
    together = MeanAccumulator()
    for position in generator.permutation(workers):
        # a copy, as another process would hand it over
        together.merge(copy.deepcopy(parts[position]))
    for name in ("mean", "mean_of_means"):
        left, right = getattr(alone, name)(), getattr(together, name)()
        assert left == right or (math.isnan(left) and math.isnan(right))
    assert together.count == alone.count == sum(len(shard) for shard in values.values())
    assert list(together.means()) == sorted(values)


def test_missing_values_are_counted_and_stay_out():
    errors = MeanAccumulator()
    errors.add("a", [1.0, np.nan, 3.0])
    errors.add("b", [np.nan])
    assert errors.mean() == 2.0
    assert (errors.count, errors.missing) == (2, 2)
    assert errors.mean_of_means() == 2.0
    assert math.isnan(errors.means()["b"])
    assert math.isnan(MeanAccumulator().mean())
    assert math.isnan(MeanAccumulator().mean_of_means())


def test_values_of_any_shape_are_pooled():
    errors = MeanAccumulator()
    errors.add("a", [[1.0, 2.0], [3.0, 6.0]])
    assert errors.mean() == 3.0


def test_nothing_is_counted_twice():
    errors = MeanAccumulator()
    errors.add("a", [1.0])
    other = copy.deepcopy(errors)
    with pytest.raises(UsageError, match="counted already"):
        errors.add("a", [2.0])
    with pytest.raises(UsageError, match="counted already"):
        errors.merge(other)
    assert errors.mean() == 1.0


def test_infinite_values_are_refused():
    with pytest.raises(ShapeError, match="infinite"):
        MeanAccumulator().add("a", [1.0, np.inf])
