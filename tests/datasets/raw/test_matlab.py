from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import io

from mhbench.datasets.raw.matlab import read_matlab5, read_matlab73
from mhbench.errors import InputError, MissingInputError, UnsafeInputError

HEADER_73 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(512)


def write_73(path, fill):
    with h5py.File(path, "w", userblock_size=512) as file:
        fill(file)
    with path.open("r+b") as file:
        file.write(HEADER_73)
    return path


def variable(file, name, values, kind=b"double"):
    values = np.asarray(values)
    data = file.create_dataset(name, data=values.T)
    data.attrs["MATLAB_class"] = np.bytes_(kind)
    return data


@pytest.mark.parametrize("compressed", [False, True])
def test_version_5_is_read_without_squeezing(tmp_path, compressed):
    cells = np.full((2, 1), None, dtype=object)
    cells[0, 0], cells[1, 0] = np.zeros((3, 56)), np.ones((1, 56))
    path = tmp_path / "annot.mat"
    io.savemat(path, {"annot2": cells, "frames": np.arange(3)[:, None]}, do_compression=compressed)
    found = read_matlab5(path)
    assert found["frames"].shape == (3, 1)
    assert found["annot2"].shape == (2, 1)
    assert found["annot2"][1, 0].shape == (1, 56)
    assert list(read_matlab5(path, ["frames"])) == ["frames"]


def test_version_73_has_matlabs_shapes(tmp_path):
    def fill(file):
        variable(file, "annot2", np.arange(24.0).reshape(2, 3, 4))
        variable(file, "name", [[ord(letter) for letter in "TS1"]], b"char")
        variable(file, "valid", np.array([[1, 0]], dtype=np.uint8), b"logical")
        empty = variable(file, "none", np.array([0, 17], dtype=np.uint64))
        empty.attrs["MATLAB_empty"] = 1
        variable(file, "#refs#/a", np.eye(2))
        cells = np.full((1, 1), file["#refs#/a"].ref, dtype=h5py.ref_dtype)
        variable(file, "cells", cells, b"cell")
        variable(file, "one/field", np.ones((1, 2)))

    found = read_matlab73(write_73(tmp_path / "annot_data.mat", fill))
    np.testing.assert_array_equal(found["annot2"], np.arange(24.0).reshape(2, 3, 4))
    assert found["name"] == "TS1"
    assert found["valid"].tolist() == [[True, False]]
    assert found["none"].shape == (0, 17)
    np.testing.assert_array_equal(found["cells"][0, 0], np.eye(2))
    assert found["one"]["field"].shape == (1, 2)
    assert "#refs#" not in found


def test_the_wrong_version_is_named(tmp_path):
    five, seven = (
        tmp_path / "five.mat",
        write_73(tmp_path / "seven.mat", lambda file: variable(file, "a", [[1.0]])),
    )
    io.savemat(five, {"a": 1.0})
    io.savemat(tmp_path / "four.mat", {"a": 1.0}, format="4")
    with pytest.raises(InputError, match=r"five\.mat is a MATLAB file of version 5"):
        read_matlab73(five)
    with pytest.raises(InputError, match=r"seven\.mat is a MATLAB file of version 7\.3"):
        read_matlab5(seven)
    with pytest.raises(InputError, match=r"four\.mat is a MATLAB file of version 4"):
        read_matlab5(tmp_path / "four.mat")


@pytest.mark.parametrize("reader", [read_matlab5, read_matlab73])
def test_missing_files_and_other_files(tmp_path, reader):
    with pytest.raises(MissingInputError):
        reader(tmp_path / "none.mat")
    (tmp_path / "other.mat").write_bytes(b"<html>" * 100)
    with pytest.raises(InputError, match="is no MATLAB file"):
        reader(tmp_path / "other.mat")
    with pytest.raises(InputError, match="is a folder"):
        reader(tmp_path)


def test_a_missing_variable_is_named_with_those_there_are(tmp_path):
    io.savemat(tmp_path / "a.mat", {"poses": 1.0})
    with pytest.raises(InputError, match="no variable annot2") as caught:
        read_matlab5(tmp_path / "a.mat", ["poses", "annot2"])
    assert "there are poses" in caught.value.expected
    with pytest.raises(InputError, match="no variable b"):
        read_matlab73(write_73(tmp_path / "b.mat", lambda file: variable(file, "a", [[1.0]])), ["b"])


@pytest.mark.parametrize("compressed", [False, True])
def test_a_version_5_file_cut_anywhere_is_named(tmp_path, compressed):
    path = tmp_path / "a.mat"
    io.savemat(path, {"a": np.random.default_rng(0).normal(size=(20, 3))}, do_compression=compressed)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 8, 16):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"a\.mat"):
            read_matlab5(path, ["a"])


def test_a_version_73_file_cut_short_is_named(tmp_path):
    path = write_73(tmp_path / "a.mat", lambda file: variable(file, "a", np.ones((500, 3))))
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match="damaged or cut short"):
        read_matlab73(path)


def test_bombs_are_refused_before_they_unpack(tmp_path):
    io.savemat(tmp_path / "five.mat", {"a": np.zeros((1000, 1000))}, do_compression=True)
    with pytest.raises(InputError, match="unpacks to more than it may"):
        read_matlab5(tmp_path / "five.mat", limit=1 << 20)

    def fill(file):
        file.create_dataset("a", shape=(1000, 1000), dtype="f8", compression="gzip")

    with pytest.raises(InputError, match="unpacks to more than it may"):
        read_matlab73(write_73(tmp_path / "seven.mat", fill), limit=1 << 20)


def test_links_out_of_a_version_73_file_are_refused(tmp_path):
    other = write_73(tmp_path / "other.mat", lambda file: variable(file, "a", [[1.0]]))

    def link(file):
        file["a"] = h5py.ExternalLink(str(other), "a")

    with pytest.raises(UnsafeInputError, match="link to another place"):
        read_matlab73(write_73(tmp_path / "link.mat", link))

    def store(file):
        file.create_dataset("a", shape=(2,), dtype="f8", external=[(str(other), 0, 16)])

    with pytest.raises(UnsafeInputError, match="from another file"):
        read_matlab73(write_73(tmp_path / "store.mat", store))


def test_cells_that_contain_themselves_end(tmp_path):
    def fill(file):
        cell = file.create_dataset("a", shape=(1,), dtype=h5py.ref_dtype)
        cell[0] = cell.ref

    with pytest.raises(InputError, match="unpacks to more than it may"):
        read_matlab73(write_73(tmp_path / "a.mat", fill))


def test_a_text_where_a_reference_belongs_is_no_way_into_another_file(tmp_path):
    other = write_73(tmp_path / "other.mat", lambda file: variable(file, "a", [[1.0]]))

    def fill(file):
        file["elsewhere"] = h5py.ExternalLink(str(other), "a")
        file.create_dataset("a", data=["/elsewhere"], dtype=h5py.string_dtype())

    with pytest.raises(UnsafeInputError, match="/a holds texts"):
        read_matlab73(write_73(tmp_path / "a.mat", fill), ["a"])


HEADER_5 = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def described(kind, *shape, name=b""):
    """What stands before the values of an array: its class, shape and name."""
    return (
        element(6, struct.pack("<II", kind, 0))
        + element(5, struct.pack(f"<{len(shape)}i", *shape))
        + element(1, name)
    )


def nested(depth):
    content, head = described(6, 1, 1) + element(9, bytes(8)), described(1, 1, 1)
    for _ in range(depth):
        content = head + element(14, content)
    return content


FIELD = element(5, struct.pack("<i", 32)) + element(1, b"f".ljust(32, b"\0"))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (described(1, 1, 1 << 29), "an array of 536870912 parts has 0 bytes"),  # 4 GB of cells
        (described(2, 1, 1 << 29) + FIELD, "an array of 536870912 parts has 0 bytes"),
        (nested(2000), "nested more than 16 deep"),  # SciPy ends the process at some ten thousand
        (described(6, 1, 1 << 28) + struct.pack("<II", 9, 1 << 31), "larger than the array around it"),
        (described(1, 1, 1) + struct.pack("<II", 14, 1 << 30), "larger than the array, or none"),
        (described(16, 1, 1) + element(14, b""), "class 16, which is no data"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_sizes_in_a_version_5_file_that_cannot_be_true_are_refused(tmp_path, content, fault, packed):
    path = tmp_path / "a.mat"
    whole = element(14, content)
    path.write_bytes(HEADER_5 + (element(15, zlib.compress(whole)) if packed else whole))
    tracemalloc.start()
    with pytest.raises(InputError, match=fault):
        read_matlab5(path)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


@given(st.binary(min_size=1, max_size=300))
def test_whatever_a_version_5_file_holds_only_an_input_error_comes_out(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("matlab") / "a.mat"
    packed = zlib.compress(content)
    path.write_bytes(HEADER_5 + struct.pack("<II", 15, len(packed)) + packed)
    with contextlib.suppress(InputError):
        read_matlab5(path)


def test_real_files_are_read(samples):
    info = read_matlab5(samples / "surreal" / "03_01_c0008_info.mat", ["joints3D"])
    assert info["joints3D"].shape[:2] == (3, 24)
