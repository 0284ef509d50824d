"""One training in two processes of torchrun: the sum of their work, and the same weights in the end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from mhbench.models.tensor_files import read_tensors
from mhbench.models.training_loop import LOG, STATE
from mhbench.training import train

SETTINGS = {
    "crowds.kind": "jta", "crowds.smaller": "20", "crowds.depth_bins": "16", "crowds.depth_max": "25.0",
    "crowds.far": "20.0", "crowds.people": "2.0", "crowds.most": "3", "crowds.validation": "2", "level": "2",
    "sigma_start": "2.0", "crop": "[8, 8]", "epoch_steps": "2", "epochs": "2", "tensorboard": "false",
}  # fmt: skip


def torchrun(out, epochs):
    """What the leader prints."""
    words = ["train", "loco-vha", "--out", str(out), "--device", "cpu"]
    for name, value in (SETTINGS | {"epochs": str(epochs)}).items():
        words += ["--set", f"{name}={value}"]
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mhbench"]
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *words],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_two_processes_train_as_one_with_twice_the_batches_and_go_on_where_they_stopped(tmp_path):
    assert torchrun(tmp_path / "team", epochs=1).count("2 steps, best") == 1
    assert torchrun(tmp_path / "team", epochs=2).count("4 steps, best") == 1
    # one process that accumulates sees the same batches: numbers 2 n and 2 n + 1 in step n
    train("loco-vha", tmp_path, tmp_path / "alone", changes=SETTINGS | {"accumulation": "2"}, device="cpu")
    team, _ = read_tensors(tmp_path / "team" / STATE)
    alone, _ = read_tensors(tmp_path / "alone" / STATE)
    assert team.keys() == alone.keys()
    for name, tensor in team.items():
        torch.testing.assert_close(tensor, alone[name], rtol=1e-4, atol=1e-6, msg=name)
    assert [len((tmp_path / name / LOG).read_text().splitlines()) for name in ("team", "alone")] == [3, 3]
