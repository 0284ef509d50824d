from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse

from mhbench.datasets.raw.pickles import decode_pickle
from mhbench.synthetic.raw.python2_pickles import ChumpyArray, SparseColumns, python2_pickle

CONTENT = {
    "sequence": "courtyard_arguing_00",
    "poses": [np.random.default_rng(0).normal(size=(5, 72)), np.zeros((0, 72))],
    "valid": np.array([True, False]),
    "ids": np.arange(3, dtype=">i4"),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "plain": (1, -2, 2.5, None, True, [], {}),
}


def same(found):
    assert list(found) == list(CONTENT)
    assert found["sequence"] == CONTENT["sequence"]
    assert found["plain"] == CONTENT["plain"]
    for key in ("valid", "ids", "fortran"):
        np.testing.assert_array_equal(found[key], CONTENT[key])
    for one, other in zip(found["poses"], CONTENT["poses"], strict=True):
        np.testing.assert_array_equal(one, other)


def test_pythons_own_reader_understands_it():
    same(pickle.loads(python2_pickle(CONTENT), encoding="latin1"))  # noqa: S301, TID251 - written above


def test_the_restricted_reader_understands_it():
    same(decode_pickle(python2_pickle(CONTENT), "a.pkl"))


def test_it_is_byte_for_byte_what_python_2_wrote_but_for_memos():
    python_2 = (  # {'poses': numpy.arange(6.).reshape(2, 3)}
        b"\x80\x02}(U\x05posescnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(J\x00\x00\x00\x00tU\x01btR"
        b"(J\x01\x00\x00\x00(J\x02\x00\x00\x00J\x03\x00\x00\x00tcnumpy\ndtype\n"
        b"(U\x02f8J\x00\x00\x00\x00J\x01\x00\x00\x00tR(J\x03\x00\x00\x00U\x01<NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffJ\x00\x00\x00\x00tb\x89U\x30" + np.arange(6.0).tobytes() + b"tbu."
    )
    assert python2_pickle({"poses": np.arange(6.0).reshape(2, 3)}) == python_2


def test_sparse_matrices_and_chumpy_leaves():
    matrix = sparse.random(6, 9, density=0.3, random_state=1).toarray()
    found = decode_pickle(python2_pickle([SparseColumns(matrix), ChumpyArray(matrix)]), "a.pkl")
    assert isinstance(found[0], sparse.csc_matrix)
    np.testing.assert_array_equal(found[0].toarray(), matrix)
    np.testing.assert_array_equal(found[1], matrix)


def test_what_no_official_file_holds_is_refused():
    with pytest.raises(TypeError, match="no official file holds a set"):
        python2_pickle({1, 2})
