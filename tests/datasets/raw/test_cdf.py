from __future__ import annotations

import numpy as np
import pytest
from cdflib.cdfwrite import CDF

from mhbench.datasets.raw.cdf import read_cdf
from mhbench.errors import InputError, MissingInputError


def write(path, poses, *, name="Pose", kind=44, compress=0):
    file = CDF(path, cdf_spec={"Compressed": compress, "rDim_sizes": []}, delete=True)
    spec = {
        "Variable": name,
        "Data_Type": kind,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Var_Type": "zVariable",
        "Dim_Sizes": list(poses.shape[1:]),
        "Compress": compress,
    }
    file.write_var(spec, var_data=poses)
    file.close()
    return path


@pytest.mark.parametrize("compress", [0, 6])
def test_reads_poses_bit_for_bit(tmp_path, compress):
    poses = np.random.default_rng(0).normal(scale=1000, size=(1, 7, 96)).astype(np.float32)
    found = read_cdf(write(tmp_path / "a.cdf", poses, compress=compress))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, poses)


def test_faults_are_named(tmp_path):
    poses = np.zeros((1, 700, 96), dtype=np.float32)
    path = write(tmp_path / "a.cdf", poses)
    with pytest.raises(InputError, match="no variable 'Poses'") as caught:
        read_cdf(path, "Poses")
    assert "Pose" in caught.value.expected
    with pytest.raises(InputError, match="unpacks to more than 1000 bytes"):
        read_cdf(path, limit=1000)
    with pytest.raises(InputError, match="unpacks to more than 1000 bytes"):
        read_cdf(write(tmp_path / "b.cdf", poses, compress=6), limit=1000)
    with pytest.raises(MissingInputError):
        read_cdf(tmp_path / "none.cdf")
    with pytest.raises(InputError, match="cannot be read"):
        read_cdf(tmp_path)
    whole = path.read_bytes()
    for size in (0, 3, 8, 100, 500, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="damaged or cut short"):
            read_cdf(path)


def test_real_poses_are_read(samples):
    paths = sorted((samples / "human36m").rglob("*.cdf"))
    assert paths
    assert {read_cdf(path).shape[2] for path in paths} <= {64, 96}
