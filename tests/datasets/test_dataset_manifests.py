from __future__ import annotations

import pytest

from mhbench.columns import FRAME_COLUMNS, PERSON_COLUMNS
from mhbench.datasets.choosing import exclusion_manifests
from mhbench.datasets.manifest import dataset_manifest
from mhbench.manifests import manifest_names
from mhbench.skeletons import skeleton

IDS = "3dpw crowdpose human36m jta mpi_inf_3dhp muco mupots ochuman panoptic surreal up3d"


def test_every_data_set_of_the_contract_has_its_manifest():
    assert manifest_names("datasets") == IDS.split()


@pytest.mark.parametrize("name", IDS.split())
def test_names_in_a_manifest_exist(name):
    manifest = dataset_manifest(name)
    assert manifest.name == name
    assert manifest.source.startswith("http")
    assert manifest.needs
    joints = skeleton(manifest.skeleton).joints
    if manifest.grid:
        assert len(manifest.grid.joints) == 14
        assert set(manifest.grid.joints) <= set(joints)
        assert manifest.grid.depth_min < manifest.grid.depth_max
    assert all(len(skeleton(one)) for one in manifest.joint_sets.values())
    assert not set(manifest.extras) & (set(FRAME_COLUMNS) | set(PERSON_COLUMNS))
    listed = exclusion_manifests(manifest.exclusions, name)
    assert [one.name for one in listed] == list(manifest.exclusions)
    assert {one.dataset for one in listed} <= {name}


def test_every_exclusion_list_is_named_by_its_data_set():
    listed = [one for name in IDS.split() for one in dataset_manifest(name).exclusions]
    assert sorted(listed) == manifest_names("exclusions")
