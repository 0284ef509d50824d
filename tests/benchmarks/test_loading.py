from __future__ import annotations

import sys

import pytest
from benchmarks_at_hand import benchmark


@pytest.fixture(scope="module")
def script():
    with benchmark("loading") as module:
        yield module


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_memory_of_workers_is_seen(script, tmp_path):
    script.write(tmp_path, 0, 64)
    own, pss = script.memory_of_workers(tmp_path, images=False)
    assert 1 < own < pss < 650


def test_batches_go_on_over_epochs(script, tmp_path):
    script.write(tmp_path, 0, 3 * script.BATCH)
    batches = script.endless(script.loader(tmp_path, workers=0, images=True))
    first = [next(batches) for _ in range(4)]
    assert [len(one.frames) for one in first] == [script.BATCH] * 4
    assert first[0].images.shape == (script.BATCH, 3, 1080, 1920)
    assert len({frame.id for batch in first[:3] for frame in batch.frames}) == 3 * script.BATCH
