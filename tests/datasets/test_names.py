"""Data sets by all the names that people type."""

from __future__ import annotations

import msgspec
import pytest
from click.testing import CliRunner

from mhbench.cli.main import main, program
from mhbench.datasets import DATASETS
from mhbench.datasets.names import dataset_id
from mhbench.protocols.loading import resolve_protocol


@pytest.mark.parametrize(
    ("id_", "names"),
    [
        ("human36m", ["h36m", "H36M", "Human3.6M", "human3.6m"]),
        ("mpi_inf_3dhp", ["mpii3d", "3dhp", "MPI-INF-3DHP", "mpi-inf-3dhp"]),
        ("panoptic", ["cmu_panoptic", "CMU Panoptic", "Panoptic"]),
        ("mupots", ["mupots3d", "MuPoTS-3D"]),
        ("muco", ["MuCo-3DHP"]),
        ("3dpw", ["3DPW", "pw3d"]),
        ("up3d", ["UP-3D"]),
    ],
)
def test_a_data_set_answers_to_its_names(id_, names):
    assert {dataset_id(name) for name in names} == {id_}


def test_ids_are_their_own_and_unknown_names_stay():
    assert [dataset_id(one) for one in DATASETS] == list(DATASETS)
    assert dataset_id("coco") == "coco"


def test_commands_and_protocols_take_them():
    def output(*words):
        done = CliRunner(catch_exceptions=False).invoke(program, words)
        assert done.exit_code == 0, done.output
        return done.output

    assert output("datasets", "H36M").startswith("human36m")
    assert "mpi_inf_3dhp/test" in output("protocols", "mpii3d")
    assert output("protocols", "CMU-Panoptic/generic") == output("protocols", "panoptic/generic")
    assert resolve_protocol("h36m/p2", None).name == "human36m/loco-p2"


def test_predictions_that_name_it_otherwise_are_told_its_id(tmp_path, capsys):
    document = {"format": "mhbench-predictions/1", "dataset": "h36m", "skeleton": "h36m_17", "units": "m"}
    path = tmp_path / "preds.json"
    path.write_bytes(msgspec.json.encode({**document, "space": "camera", "predictions": []}))
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", str(path), "--protocol", "generic"])
    assert caught.value.code == 2
    assert "write the id 'human36m' in $.dataset" in capsys.readouterr().err
