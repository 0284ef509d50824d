"""LoCO on a GPU, where one is there: the networks find what they find on the CPU, and every training runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mhbench.heatmaps import PEAK_RULES
from mhbench.models.loco.autoencoder import Autoencoder
from mhbench.models.loco.predictor import Predictor
from mhbench.models.loco.volumes import found_peaks, rendered
from mhbench.models.training_config import CrowdConfig
from mhbench.models.training_crowds import CrowdSource
from mhbench.training import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

SETTINGS = {
    "crowds.kind": "jta", "crowds.smaller": "10", "crowds.depth_bins": "16", "crowds.far": "20.0",
    "crowds.depth_max": "25.0", "crowds.people": "2.0", "crowds.most": "3", "crowds.validation": "2",
    "epoch_steps": "2", "epochs": "2", "batch": "2", "tensorboard": "false",
}  # fmt: skip


def test_volumes_and_their_peaks_are_those_of_the_cpu():
    samples = CrowdSource(CrowdConfig(kind="jta", smaller=4, people=20)).held_out()[:3]
    grid, centres = samples[0].grid().padded(4), [sample.centres() for sample in samples]
    here, there = (rendered(grid, centres, torch.device(name)) for name in ("cpu", "cuda"))
    assert torch.equal(here, there.cpu())
    for rule in PEAK_RULES.values():
        for ours, theirs in zip(found_peaks(here, rule), found_peaks(there, rule), strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])


@pytest.mark.parametrize(
    ("dtype", "share"), [(torch.float32, 1e-3), (torch.bfloat16, 0.05), (torch.float16, 0.02)]
)
def test_networks_compute_what_they_compute_on_the_cpu(dtype, share):
    torch.manual_seed(0)
    predictor, autoencoder = Predictor(2, 32, 1 / 8).eval(), Autoencoder(2, 32).eval()
    image = torch.rand(1, 3, 136, 264)
    with torch.inference_mode():
        expected = autoencoder.decode(predictor(image))
        found = autoencoder.to("cuda", dtype).decode(predictor.to("cuda", dtype)(image.to("cuda", dtype)))
    assert (found.float().cpu() - expected).abs().max() < share * expected.abs().max()


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_training_runs_and_goes_on(tmp_path, precision):
    def run(model, **changes):
        changes = SETTINGS | {"precision": precision} | changes
        stopped = train(model, tmp_path, tmp_path / model, changes=changes, device="cuda", stop_after=3)
        assert stopped.step == 3
        assert train(model, tmp_path, tmp_path / model, changes=changes, device="cuda").finished
        return tmp_path / model

    vha = run("loco-vha", level="2", sigma_start="2.0", crop="[8, 8]") / "autoencoder.safetensors"
    run("loco-predictor", autoencoder=str(vha), width="0.03125")
    run("loco-uncompressed", width="0.03125")
    run("loco-refiner")
