from __future__ import annotations

import collections
import contextlib
import os
import pickle
import sys
import tracemalloc
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import sparse

from mhbench.datasets.raw.pickles import decode_pickle, read_pickle
from mhbench.errors import InputError, MissingInputError, UnsafeInputError

PYTHON_2_ARRAY = (  # what Python 2 writes for {'poses': numpy.arange(6.).reshape(2, 3), 'name': 'caf\xe9'}
    b"\x80\x02}q\x00(U\x05posesq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85q\x04"
    b"U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x02K\x03\x86q\x08cnumpy\ndtype\nq\tU\x02f8q\nK\x00K\x01\x87q\x0bRq\x0c(K\x03"
    b"U\x01<q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89U\x30"
    + np.arange(6.0).tobytes()
    + b"q\x0ftq\x10bU\x04nameq\x11U\x04caf\xe9q\x12u."
)


def global_call(module, name, argument):
    return f"c{module}\n{name}\n(S'{argument}'\ntR.".encode()


@pytest.fixture
def chumpy(monkeypatch):
    """A library of the real one's names, only there while the pickles are written."""
    package, ch, ops = (types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.ch_ops"))
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    ops.add = type("add", (ch.Ch,), {"__module__": "chumpy.ch_ops"})
    for module in (package, ch, ops):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    leaf, expression = ch.Ch(), ops.add()
    leaf.__dict__.update(x=np.arange(12.0).reshape(4, 3), _dirty_vars={"x"}, _cache={"drs": {}, "r": None})
    expression.__dict__.update(a=leaf, b=leaf)
    return {"leaf": leaf, "expression": expression}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_reads_what_official_files_hold(protocol):
    content = {
        "poses": [np.random.default_rng(0).normal(size=(5, 72)), np.zeros((0, 72))],
        "camera": np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
        "valid": np.array([True, False]),
        "names": np.array(["a", "bc"]),
        "bytes": np.array([b"a", b"bc"]),
        "cells": np.array([None, "m", 3], dtype=object),
        "big": np.arange(3, dtype=">i4"),
        "scalar": np.float64(2.5),
        "set": {1, 2},
        "raw": b"\x00\xff",
        "changeable": bytearray(b"\x00\xff") if protocol == pickle.HIGHEST_PROTOCOL else b"\x00\xff",
        "plain": ("text", 1, 2.5, None, True, 1 << 80),
    }
    found = decode_pickle(pickle.dumps(content, protocol=protocol), "a.pkl")
    assert found.keys() == content.keys()
    for key in ("camera", "valid", "names", "bytes", "cells", "big", "scalar"):
        np.testing.assert_array_equal(found[key], content[key])
    np.testing.assert_array_equal(found["poses"][0], content["poses"][0])
    assert found["poses"][1].shape == (0, 72)
    assert found["camera"].dtype == np.float32
    assert found["big"].dtype.isnative
    assert found["camera"].flags.writeable
    assert {key: found[key] for key in ("set", "raw", "changeable", "plain")} == {
        key: content[key] for key in ("set", "raw", "changeable", "plain")
    }


@given(
    npst.arrays(
        st.one_of(npst.integer_dtypes(), npst.floating_dtypes(sizes=(32, 64)), npst.boolean_dtypes()),
        npst.array_shapes(min_dims=0, min_side=0),
    ),
    st.sampled_from(range(pickle.HIGHEST_PROTOCOL + 1)),
)
def test_every_array_comes_back_bit_for_bit(array, protocol):
    found = decode_pickle(pickle.dumps(array, protocol=protocol), "a.pkl")
    assert found.shape == array.shape
    assert found.tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_python_2_text_is_latin1_and_its_arrays_are_read():
    found = decode_pickle(PYTHON_2_ARRAY, "a.pkl")
    np.testing.assert_array_equal(found["poses"], np.arange(6.0).reshape(2, 3))
    assert found["name"] == "café"


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_both_names_of_numpys_core_are_read(module):
    content = PYTHON_2_ARRAY.replace(b"numpy.core.multiarray", module.encode())
    assert decode_pickle(content, "a.pkl")["poses"].shape == (2, 3)


@pytest.mark.parametrize("module", ["scipy.sparse._csc", "scipy.sparse.csc"])
def test_sparse_matrices_of_old_and_new_scipy_are_read(module):
    matrix = sparse.random(6, 9, density=0.3, format="csc", random_state=1)
    content = pickle.dumps(matrix, protocol=2).replace(b"scipy.sparse._csc", module.encode())
    found = decode_pickle(content, "a.pkl")
    assert isinstance(found, sparse.csc_matrix)
    np.testing.assert_array_equal(found.toarray(), matrix.toarray())


def test_a_sparse_matrix_with_an_index_out_of_range_is_refused():
    matrix = sparse.csc_matrix(np.eye(3))
    matrix.indices[1] = 1_000_000
    with pytest.raises(InputError):
        decode_pickle(pickle.dumps(matrix, protocol=2), "a.pkl")


@pytest.mark.parametrize("protocol", [0, 2])
def test_a_leaf_of_chumpy_gives_its_array(chumpy, protocol):
    content = pickle.dumps({"v_template": chumpy["leaf"]}, protocol=protocol)
    np.testing.assert_array_equal(
        decode_pickle(content, "a.pkl")["v_template"], np.arange(12.0).reshape(4, 3)
    )


def test_an_expression_of_chumpy_is_refused_by_name_unless_its_key_is_not_wanted(chumpy):
    content = pickle.dumps({"J": chumpy["expression"], "v_template": chumpy["leaf"]}, protocol=2)
    with pytest.raises(UnsafeInputError, match=r"expression of chumpy \(chumpy\.ch_ops\.add\)"):
        decode_pickle(content, "a.pkl")
    assert list(decode_pickle(content, "a.pkl", keys=["v_template", "weights"])) == ["v_template"]


class Payload:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_payload_is_refused_by_name_and_not_run(tmp_path, protocol):
    mark = tmp_path / "ran"
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"poses": Payload(os.system, f"touch {mark}")}, protocol=protocol))
    with pytest.raises(UnsafeInputError, match=r"asks for (posix|nt)\.system, which was not executed"):
        read_pickle(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("builtins", "getattr"),
        ("builtins", "bytearray"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy", "ndarray"),
        ("mhbench.datasets.raw.pickles", "_dtype"),
        ("collections", "OrderedDict"),
    ],
)
def test_every_other_name_is_refused(module, name):
    with pytest.raises(UnsafeInputError, match=rf"asks for \w+(\.\w+)*\.{name}, which was not executed"):
        decode_pickle(global_call(module, name, "1"), "a.pkl")


def test_subclasses_of_arrays_and_structured_types_are_refused():
    for value in (np.ma.masked_array([1, 2]), np.zeros(2, dtype=[("a", "i4")]), collections.Counter("ab")):
        with pytest.raises(UnsafeInputError):
            decode_pickle(pickle.dumps(value), "a.pkl")


def test_a_type_that_lies_about_objects_never_reaches_numpy():
    # flags 0 would make NumPy take eight bytes of the file for a pointer
    lie = PYTHON_2_ARRAY.replace(b"U\x02f8", b"U\x02O8")
    with pytest.raises(InputError, match="array of objects without its list"):
        decode_pickle(lie, "a.pkl")


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(InputError, match=r"shape \(2, 9\) without its 144 bytes"):
        decode_pickle(PYTHON_2_ARRAY.replace(b"K\x02K\x03\x86", b"K\x02K\x09\x86"), "a.pkl")
    with pytest.raises(InputError, match="shape"):
        decode_pickle(PYTHON_2_ARRAY.replace(b"K\x02K\x03\x86", b"J\xff\xff\xff\xffK\x03\x86"), "a.pkl")


def test_what_contains_itself_or_shares_parts():
    loop = []
    loop.append(loop)
    with pytest.raises(InputError, match="contains itself"):
        decode_pickle(pickle.dumps(loop), "a.pkl")
    doubling = [np.zeros(1)]
    for _ in range(64):  # 2**64 parts if each were visited
        doubling = [doubling, doubling]
    found = decode_pickle(pickle.dumps(doubling), "a.pkl")
    assert found[0] is found[1]
    deep = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    with pytest.raises(InputError, match="nested too deeply"):
        decode_pickle(deep, "a.pkl")


OBJECTS = (  # an array of 2**30 objects, and an empty list for them
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01J\x00\x00\x00\x40\x85"
    b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]tb."
)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\x80\x02]r\xff\xff\xff\x7fq\x00b.", "complete pickle"),  # a memo of 2**31 entries
        (b"\x80\x02}K\x01" + b"2\x86" * 64 + b"K\x02s.", "a tuple of tuples as a key"),  # 2**64 hashes
        (b"\x80\x04(K\x01" + b"2\x86" * 64 + b"\x91.", "a tuple of tuples as a key"),
        (b"\x80\x05\x96" + (1 << 33).to_bytes(8, "little") + b"N.", "complete pickle"),
        (OBJECTS, "array of objects without its list"),
    ],
)
def test_a_few_bytes_cannot_claim_all_memory_or_all_time(content, fault):
    tracemalloc.start()
    with pytest.raises(InputError, match=fault):
        decode_pickle(content, "a.pkl")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_flat_tuples_are_keys():
    assert decode_pickle(pickle.dumps({(1, "a"): {(2, 3)}}), "a.pkl") == {(1, "a"): {(2, 3)}}


def test_damaged_empty_and_missing_files(tmp_path):
    whole = pickle.dumps({"poses": np.zeros((4, 3))}, protocol=2)
    for size in range(len(whole)):
        with pytest.raises(InputError):
            decode_pickle(whole[:size], "a.pkl")
    with pytest.raises(MissingInputError):
        read_pickle(tmp_path / "none.pkl")
    with pytest.raises(InputError, match="holds no dictionary"):
        decode_pickle(pickle.dumps([1]), "a.pkl", keys=["poses"])


@given(st.binary(max_size=200), st.integers(0, len(PYTHON_2_ARRAY)))
def test_whatever_the_bytes_only_an_input_error_comes_out(noise, place):
    with contextlib.suppress(InputError):
        decode_pickle(PYTHON_2_ARRAY[:place] + noise + PYTHON_2_ARRAY[place + len(noise) :], "a.pkl")


def test_real_pickles_are_read(samples):
    for path in sorted(samples.rglob("*.pkl")):
        found = read_pickle(path)
        assert found
