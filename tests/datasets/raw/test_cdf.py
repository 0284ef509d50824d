from __future__ import annotations

import gzip
import struct
import tracemalloc
from functools import partial

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
    with pytest.raises(InputError, match="larger than 1000 bytes"):
        read_cdf(path, limit=1000)
    with pytest.raises(MissingInputError):
        read_cdf(tmp_path / "none.cdf")
    with pytest.raises(InputError, match="is a folder"):
        read_cdf(tmp_path)
    whole = path.read_bytes()
    for size in (0, 3, 8, 100, 500, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="damaged or cut short"):
            read_cdf(path)


def write_whole(path, poses):
    """A file that is compressed as a whole, and not block by block."""
    plain = write(path, poses).read_bytes()
    packed = gzip.compress(plain[8:])
    size = 32 + len(packed)
    record = struct.pack(">qiqqi", size, 10, 8 + size, len(plain) - 8, 0) + packed
    parameters = struct.pack(">qiiiii", 28, 11, 5, 0, 1, 6)
    path.write_bytes(plain[:4] + bytes.fromhex("cccc0001") + record + parameters)
    return path


def test_files_that_unpack_to_more_than_they_may_are_refused_before_they_do(tmp_path):
    poses = np.zeros((1, 7000, 96), dtype=np.float32)
    for write_packed in (partial(write, compress=6), write_whole):
        path = write_packed(tmp_path / "a.cdf", poses)
        np.testing.assert_array_equal(read_cdf(path), poses)
        assert path.stat().st_size < 20_000
        tracemalloc.start()
        with pytest.raises(InputError, match="unpacks to more than 20000 bytes"):
            read_cdf(path, limit=20_000)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()


def test_counts_and_offsets_that_would_never_end_are_refused(tmp_path):
    path = write(tmp_path / "a.cdf", np.zeros((1, 3, 96), dtype=np.float32))
    whole = path.read_bytes()
    description = int.from_bytes(whole[20:28], "big")
    variable = int.from_bytes(whole[description + 20 : description + 28], "big")
    index = int.from_bytes(whole[variable + 28 : variable + 36], "big")
    used = int.from_bytes(whole[index + 20 : index + 24], "big")
    for place, number, fault in (
        (description + 48, (1 << 30).to_bytes(4, "big"), "more than 1000 variables, attributes or axes"),
        (description + 60, (1 << 30).to_bytes(4, "big"), "more than 1000 variables, attributes or axes"),
        (variable + 340, (1 << 30).to_bytes(4, "big"), "more than 1000 axes"),
        (index + 12, index.to_bytes(8, "big"), "named twice"),
        (index + 24, (1 << 30).to_bytes(4, "big"), "longer than the file"),
        (index + 28 + 8 * used, (1 << 40).to_bytes(8, "big"), "a place that it does not have"),
    ):
        path.write_bytes(whole[:place] + number + whole[place + len(number) :])
        with pytest.raises(InputError, match=fault):
            read_cdf(path)


def test_real_poses_are_read(samples):
    paths = sorted((samples / "human36m").rglob("*.cdf"))
    assert paths
    assert {read_cdf(path).shape[2] for path in paths} <= {64, 96}
