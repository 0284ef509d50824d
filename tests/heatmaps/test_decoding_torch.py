from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mhbench.errors import ShapeError, UsageError
from mhbench.heatmaps import PEAK_RULES, decoding_torch, peaks
from mhbench.heatmaps.decoding_torch import peaks_batch

SHAPE = (2, 2, 4, 3, 5)
# "passes": what a GPU does, on the processor
DEVICES = ["cpu", "passes", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES, scope="module")
def device(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "passes":
            patch.setattr(decoding_torch, "_has_kernels", lambda _: False)
        yield "cuda" if request.param == "cuda" else "cpu"


# few levels, so that plateaus are common; NaN is nothing
levels = st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 1.0, float("nan")])
kinds = st.sampled_from([np.float16, np.float32, np.float64])


def on_processor(volumes, rule):
    parts = [peaks(volume, **rule._asdict()) for volume in volumes]
    places = [np.column_stack([np.full(len(one), row), one]) for row, (one, _) in enumerate(parts)]
    return np.concatenate(places), np.concatenate([values for _, values in parts])


@pytest.mark.parametrize("name", sorted(PEAK_RULES))
@given(st.data())
@settings(max_examples=40)
def test_all_rules_find_what_the_processor_finds(device, name, data):
    volumes = data.draw(hnp.arrays(data.draw(kinds), SHAPE, elements=levels.map(np.float16)))
    rule = PEAK_RULES[name]
    places, values = peaks_batch(torch.from_numpy(volumes).to(device), **rule._asdict())
    expected = on_processor(volumes, rule)
    assert np.array_equal(places.cpu().numpy(), expected[0])
    assert np.array_equal(values.cpu().numpy(), expected[1])
    assert values.dtype == torch.float32


def test_long_volumes_are_searched_in_parts(device, monkeypatch):
    volumes = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    monkeypatch.setattr(decoding_torch, "_TOGETHER", 17)
    found = peaks_batch(torch.from_numpy(volumes).to(device))
    assert np.array_equal(found[0].cpu().numpy(), on_processor(volumes, PEAK_RULES["validation"])[0])


def test_bfloat16_is_widened(device):
    volumes = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)).bfloat16().to(device)
    found = peaks_batch(volumes, threshold=0.3, neighbours=26)
    expected = peaks_batch(volumes.float(), threshold=0.3, neighbours=26)
    assert torch.equal(found[0], expected[0])


def test_nothing_in_nothing(device):
    assert peaks_batch(torch.zeros(0, 2, 4, 3, 5, device=device))[0].shape == (0, 5)
    assert peaks_batch(torch.zeros(SHAPE, device=device))[0].shape == (0, 5)


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(ShapeError, match="floats"):
        peaks_batch(torch.zeros(SHAPE, dtype=torch.int32))
    with pytest.raises(ShapeError, match="floats"):
        peaks_batch(torch.zeros(SHAPE[1:]))
    with pytest.raises(UsageError):
        peaks_batch(torch.zeros(SHAPE), neighbours=18)
