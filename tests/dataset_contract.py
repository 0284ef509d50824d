"""What every data set must satisfy, as one test class; a data set's test file subclasses it.

The subclass sets `dataset` and gives two fixtures: `raw`, a raw tree in the official layout, and `expected`,
the number of frames and people of each of its items, `{"<split>/<item>": (frames, people)}`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from mhbench.cameras import project
from mhbench.columns import FRAME_COLUMNS, PERSON_COLUMNS, JointFlag
from mhbench.conversion.pipeline import convert
from mhbench.datasets import dataset
from mhbench.datasets.items import Item, Selection
from mhbench.datasets.manifest import dataset_manifest
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from mhbench.frames import FrameTable


def three_parts(error):
    """What is wrong, of an error that also says what was expected and what to do."""
    assert error.what
    assert error.expected
    assert error.action
    return error.what


class DatasetContract:
    """Discovery, counts, shapes, units, reprojection, splits, selection, and one output for any workers."""

    dataset: str
    selection = Selection()
    person_extent = (0.2, 4.0)  # m, diagonal of the box around the labelled joints
    furthest = 100.0  # m
    reprojection_px = 0.01  # largest error of joints2d against joints3d; None where 2D is an annotation

    @pytest.fixture
    def module(self):
        return dataset(self.dataset)

    @pytest.fixture
    def found(self, module, raw):
        return module.items(raw, self.selection)

    @pytest.fixture
    def tables(self, module, raw, found) -> dict[str, FrameTable]:
        return {f"{item.split}/{item.name}": module.read(raw, item, self.selection)[0] for item in found}

    def test_the_manifest_fits(self):
        manifest = dataset_manifest(self.dataset)
        assert manifest.name == self.dataset
        assert len(skeleton(manifest.skeleton))
        if manifest.grid:
            assert not set(manifest.grid.joints) - set(skeleton(manifest.skeleton).joints)

    def test_the_inventory_finds_everything_that_is_needed(self, module, raw):
        findings = module.inventory(raw)
        assert findings
        assert all(finding.present for finding in findings if finding.needed)

    def test_items_are_sorted_plain_and_have_their_files(self, found, raw):
        names = [(item.split, item.name) for item in found]
        assert names == sorted(set(names))
        assert {item.split for item in found} <= set(dataset_manifest(self.dataset).splits)
        for item in found:
            assert msgspec.json.decode(msgspec.json.encode(item), type=Item) == item
            assert item.files
            assert all((raw / file).exists() for file in item.files)

    def test_counts(self, found, tables, expected):
        assert {name: (table.frame_count, table.person_count) for name, table in tables.items()} == expected
        assert {f"{item.split}/{item.name}": item.frames_available for item in found} == {
            name: frames for name, (frames, _) in expected.items()
        }

    def test_columns_are_known_or_declared(self, tables):
        manifest = dataset_manifest(self.dataset)
        for table in tables.values():
            assert (table.dataset, table.lens) == (self.dataset, manifest.lens)
            extra = set(table.frames) - set(FRAME_COLUMNS) | set(table.persons) - set(PERSON_COLUMNS)
            assert extra == set(manifest.extras)
            assert {name: joint_set.skeleton for name, joint_set in table.sets.items()} == dict(
                manifest.joint_sets
            )
            for name in extra:
                declared = manifest.extras[name]
                column = (table.frames if declared.scope == "frames" else table.persons)[name]
                sizes = [len(skeleton(table.skeleton)) if size == "J" else size for size in declared.row]
                assert list(column.shape[1:]) == sizes
                assert column.dtype.kind == "U" if declared.dtype == "U" else column.dtype == declared.dtype

    def test_ids_are_unique_and_say_where_the_frame_is(self, tables):
        ids = [one for table in tables.values() for one in table.frames["id"].tolist()]
        assert len(ids) == len(set(ids))
        for table in tables.values():
            columns = (table.frames[name].tolist() for name in ("id", "sequence", "camera", "index", "image"))
            for one, sequence, camera, index, image in zip(*columns, strict=True):
                start, _, number = one.rpartition("/")
                assert start == f"{sequence}/{camera}"
                assert int(number) == index
                assert image
                assert not image.startswith("/")

    def test_joints_have_the_skeletons_number_and_the_size_of_people(self, tables):
        for table in tables.values():
            assert table.persons["joints2d"].shape[1:] == (len(skeleton(table.skeleton)), 2)
            if "joints3d" not in table.persons:  # a data set of 2D annotations
                assert not np.any(table.persons["joint_flags"] & JointFlag.LABELLED_3D)
                continue
            joints = table.persons["joints3d"]
            assert joints.shape[1:] == (len(skeleton(table.skeleton)), 3)
            assert joints.dtype == np.float32
            labelled = table.persons["joint_flags"] & JointFlag.LABELLED_3D > 0
            assert np.isfinite(joints[labelled]).all()
            assert np.linalg.norm(joints[labelled], axis=-1).max() < self.furthest
            for person, mask in zip(joints, labelled, strict=True):
                if mask.sum() >= 8:
                    assert self.person_extent[0] < np.linalg.norm(np.ptp(person[mask], axis=0))
                    assert self.person_extent[1] > np.linalg.norm(np.ptp(person[mask], axis=0))

    def test_3d_projects_onto_2d_and_the_flags_say_where(self, tables):
        for table in tables.values():
            frame = table.frame_of_person
            found = table.persons["joints2d"]
            points = table.persons.get("joints3d", np.full((*found.shape[:2], 3), np.nan))
            assert not np.isinf(found).any()
            flags = table.persons["joint_flags"]
            assert np.isfinite(found[flags & JointFlag.LABELLED_2D > 0]).all()
            size = np.stack([table.frames["width"][frame], table.frames["height"][frame]], axis=-1)[:, None]
            outside = ~np.all((found >= -0.5) & (found < size - 0.5), axis=-1)
            present = np.isfinite(points).all(axis=-1) | np.isfinite(found).all(axis=-1)
            np.testing.assert_array_equal(flags & JointFlag.OUT_OF_IMAGE > 0, outside & present)
            if self.reprojection_px is not None and "joints3d" in table.persons:
                camera = (table.frames["K"][frame], table.frames["distortion"][frame])
                pixels = project(points, *camera, lens=table.lens)
                near = ~outside  # far outside the image single precision moves a pixel
                assert np.abs(pixels - found)[near].max(initial=0) < self.reprojection_px

    def test_splits_share_no_frame(self, tables):
        images: dict[str, set[str]] = {}
        for name, table in tables.items():
            images.setdefault(name.partition("/")[0], set()).update(table.frames["image"].tolist())
        for one, other in itertools.combinations(images.values(), 2):
            assert not one & other

    def test_stride_and_limit_refer_to_raw_indices(self, module, raw, found, tables):
        every = msgspec.structs.replace(self.selection, every=2)
        for item in found:
            whole = tables[f"{item.split}/{item.name}"].frames["index"]
            kept = module.read(raw, item, every)[0].frames["index"]
            np.testing.assert_array_equal(kept, whole[whole % 2 == 0])
            limited = module.read(raw, item, msgspec.structs.replace(every, limit=1))[0]
            np.testing.assert_array_equal(limited.frames["index"], kept[:1])

    def test_reading_again_gives_the_same(self, module, raw, found, tables):
        for item in found:
            again = module.read(raw, item, self.selection)[0]
            table = tables[f"{item.split}/{item.name}"]
            for one, other in ((table.frames, again.frames), (table.persons, again.persons)):
                assert one.keys() == other.keys()
                for name, column in one.items():
                    np.testing.assert_array_equal(column, other[name])

    def test_any_number_of_workers_writes_the_same_bytes(self, raw, found, tmp_path_factory):
        outputs = []
        for jobs in (1, 2):
            out = tmp_path_factory.mktemp("out")
            report = convert(self.dataset, raw, out, self.selection, jobs=jobs)
            assert not report.failures
            files = sorted(path for path in out.rglob("*") if path.suffix in {".h5", ".json"})
            outputs.append({path.relative_to(out): path.read_bytes() for path in files})
        assert outputs[0] == outputs[1]
        assert sum(path.suffix == ".h5" for path in outputs[0]) == len(found)
