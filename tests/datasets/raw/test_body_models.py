from __future__ import annotations

import os
import pickle
import zipfile

import numpy as np
import pytest
from scipy import sparse

from mhbench.datasets.raw import body_models
from mhbench.datasets.raw.body_models import body_model_path, read_body_model, read_regressor
from mhbench.errors import InputError, MissingInputError, UnsafeInputError
from mhbench.synthetic.raw.python2_pickles import (
    ChumpyArray,
    ChumpyExpression,
    SparseColumns,
    python2_pickle,
)

RNG = np.random.default_rng(3)


def arrays(joints=3, vertices=6, shapes=12):
    weights, regressor = RNG.random((vertices, joints)), np.zeros((joints, vertices))
    regressor[range(joints), range(joints)] = 1
    return {
        "v_template": RNG.normal(size=(vertices, 3)),
        "shapedirs": RNG.normal(size=(vertices, 3, shapes)),
        "posedirs": RNG.normal(size=(vertices, 3, 9 * (joints - 1))),
        "J_regressor": regressor,
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1], [0, 1, 2]], dtype=np.uint32),
        "f": np.array([[0, 1, 2]], dtype=np.uint32),
    }


def same(model, content):
    np.testing.assert_array_equal(model.v_template, content["v_template"])
    np.testing.assert_array_equal(model.shapedirs, content["shapedirs"][..., :10])
    np.testing.assert_array_equal(model.posedirs, content["posedirs"])
    np.testing.assert_array_equal(model.J_regressor, content["J_regressor"])
    np.testing.assert_array_equal(model.weights, content["weights"])
    assert model.parents.tolist() == [-1, 0, 1]
    assert model.faces.tolist() == [[0, 1, 2]]


def test_the_official_form_with_chumpy_and_a_sparse_matrix(tmp_path):
    content = arrays()
    path = tmp_path / "basicModel_f_lbs_10_207_0_v1.0.0.pkl"
    stored = content | {name: ChumpyArray(content[name]) for name in ("shapedirs", "v_template", "posedirs")}
    stored |= {"J_regressor": SparseColumns(content["J_regressor"]), "bs_style": "lbs"}
    stored["J"] = ChumpyExpression(np.zeros(3), np.zeros(3))  # not one of the arrays that are needed
    path.write_bytes(python2_pickle(stored))
    model = read_body_model(path)
    same(model, content)
    assert model.gender == "female"


def test_leaves_of_chumpy_written_by_pythons_own_pickle(tmp_path, monkeypatch):
    import sys
    import types

    package, ch = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    monkeypatch.setitem(sys.modules, "chumpy", package)
    monkeypatch.setitem(sys.modules, "chumpy.ch", ch)
    content = arrays()
    stored = dict(content)
    for name in ("v_template", "weights"):
        stored[name] = ch.Ch()
        stored[name].__dict__.update(x=content[name], _dirty_vars={"x"}, _cache={"drs": {}, "r": None})
    stored["J_regressor"] = sparse.csc_matrix(content["J_regressor"])
    path = tmp_path / "SMPL_MALE.pkl"
    path.write_bytes(pickle.dumps(stored, protocol=2))
    same(read_body_model(path), content)


def test_npz_files_are_read_without_what_they_hold_besides(tmp_path):
    content = arrays()
    path = tmp_path / "SMPLX_NEUTRAL.npz"
    np.savez(path, **content, joint2num=np.array({"a": 1}, dtype=object))
    model = read_body_model(path)
    same(model, content)
    assert model.gender == "neutral"
    np.savez(path, **content | {"weights": np.array([None], dtype=object)})
    with pytest.raises(InputError, match="plain arrays, without pickles"):
        read_body_model(path)


def test_gender_comes_from_the_name_or_from_the_caller(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **arrays())
    with pytest.raises(InputError, match="does not say whom the model was made from"):
        read_body_model(path)
    assert read_body_model(path, "male").gender == "male"


@pytest.mark.parametrize(
    "name",
    [
        "SMPL_MALE.pkl",
        "basicModel_m_lbs_10_207_0_v1.0.0.pkl",
        "basicmodel_m_lbs_10_207_0_v1.1.0.pkl",
        "smpl_male.pkl",
    ],
)
def test_official_names_are_found(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / "SMPL_FEMALE.pkl").touch()
    assert body_model_path(tmp_path, "male").name == name


def test_what_to_get_is_said_where_there_is_no_file(tmp_path):
    with pytest.raises(MissingInputError) as caught:
        body_model_path(tmp_path, "female")
    assert "gender female" in caught.value.what
    assert caught.value.expected == "SMPL_FEMALE.pkl (basicModel_f_lbs_10_207_0_v1.0.0.pkl)"
    assert "https://smpl.is.tue.mpg.de" in caught.value.action
    with pytest.raises(MissingInputError, match="SMPL_NEUTRAL"):
        read_body_model(tmp_path / "SMPL_NEUTRAL.pkl")


class Payload:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_hostile_pickles_run_nothing_and_are_named(tmp_path):
    path, mark = tmp_path / "SMPL_MALE.pkl", tmp_path / "ran"
    path.write_bytes(pickle.dumps(arrays() | {"weights": Payload(mark)}, protocol=2))
    with pytest.raises(UnsafeInputError, match=r"SMPL_MALE\.pkl asks for (posix|nt)\.system"):
        read_body_model(path)
    path.write_bytes(python2_pickle(arrays() | {"weights": ChumpyExpression(np.ones(1), np.ones(1))}))
    with pytest.raises(UnsafeInputError, match=r"an expression of chumpy \(chumpy\.ch_ops\.add\)"):
        read_body_model(path)
    assert not mark.exists()


def test_damaged_files_are_named(tmp_path, monkeypatch):
    pkl, npz = tmp_path / "SMPL_MALE.pkl", tmp_path / "SMPLX_MALE.npz"
    content = arrays()
    del content["weights"], content["f"]
    pkl.write_bytes(python2_pickle(content))
    with pytest.raises(InputError, match="it has no weights, f"):
        read_body_model(pkl)
    pkl.write_bytes(python2_pickle(arrays() | {"weights": "text"}))
    with pytest.raises(InputError, match="weights is no array of numbers"):
        read_body_model(pkl)
    pkl.write_bytes(python2_pickle(arrays())[:-400])
    with pytest.raises(InputError, match="no complete pickle"):
        read_body_model(pkl)
    np.savez_compressed(npz, **arrays())
    packed = bytearray(npz.read_bytes())
    begin = packed.index(b"v_template.npy") + len(b"v_template.npy")
    packed[begin + 20 : begin + 60] = bytes(range(160, 200))  # what is no deflate stream
    npz.write_bytes(packed)
    with pytest.raises(InputError, match="cannot be read"):
        read_body_model(npz)
    np.savez(npz, **arrays())
    whole = npz.read_bytes()
    npz.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        read_body_model(npz)
    with zipfile.ZipFile(npz, "w") as archive:
        archive.writestr("v_template.npy", b"no array")
    with pytest.raises(InputError, match="cannot be read: the magic string"):
        read_body_model(npz)
    monkeypatch.setattr(body_models, "FILE_LIMIT", 100)
    npz.write_bytes(whole)
    with pytest.raises(InputError, match="would unpack to"):
        read_body_model(npz)


def test_regressors_are_plain_arrays_whose_rows_sum_to_one(tmp_path):
    path = tmp_path / "J_regressor_h36m.npy"
    np.save(path, np.full((17, 4), 0.25, dtype=np.float32))
    assert read_regressor(path).shape == (17, 4)
    assert read_regressor(path).dtype == np.float64
    np.save(path, np.full((17, 4), 0.3))
    with pytest.raises(InputError, match="rows that sum to one"):
        read_regressor(path)
    np.save(path, np.array([None]), allow_pickle=True)
    with pytest.raises(InputError, match="without pickles"):
        read_regressor(path)
    with pytest.raises(MissingInputError):
        read_regressor(tmp_path / "none.npy")


@pytest.mark.parametrize("shape", [(10**9, 10**5), (10**30, 10), (2, 3)])
def test_regressors_that_claim_what_they_do_not_hold_are_refused(tmp_path, shape):
    path = tmp_path / "J_regressor_h36m.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with pytest.raises(InputError, match="cannot be read"):
        read_regressor(path)


def test_regressors_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "J_regressor_h36m.npy"
    with path.open("wb") as file:
        np.savez(file, rows=np.eye(3))
    with pytest.raises(InputError, match="cannot be read"):
        read_regressor(path)
    np.save(path, np.eye(3, dtype=np.complex128))
    with pytest.raises(InputError, match="holds complex128"):
        read_regressor(path)
    np.save(path, np.zeros((0, 3)))
    with pytest.raises(InputError, match="is no regressor"):
        read_regressor(path)
