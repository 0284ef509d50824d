from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import training_samples
from click.testing import CliRunner

from mhbench.cli.main import program
from mhbench.datasets.manifest import dataset_manifest
from mhbench.errors import InputError, MissingInputError, OutputError, UnsafeInputError, UsageError
from mhbench.export import export_shards
from mhbench.export.coco_import import import_coco
from mhbench.shards import Origin, Samples, open_shards, verify, write_shard
from mhbench.skeletons import skeleton

COCO = skeleton("coco_17").joints


def official(images=3, people=2):
    """A file as COCO publishes it: names of the joints, no word of ours."""
    random = np.random.default_rng(0)
    annotations = []
    for number in range(images * people):
        points = random.integers(1, 90, (17, 2)).astype(float)
        state = random.integers(0, 3, 17)
        points[state == 0] = 0
        annotations.append(
            {
                "id": 900 - number,
                "image_id": 10 * (images - number // people),
                "category_id": 1,
                "keypoints": np.column_stack([points, state]).reshape(-1).tolist(),
                "num_keypoints": int(np.count_nonzero(state)),
                "bbox": [1.5, 2.0, 30.0, 40.0],
                "area": 600.5,
                "iscrowd": 0,
                "segmentation": [],
            }
        )
    return {
        "info": {"year": 2017},
        "images": [
            {"id": 10 * (one + 1), "file_name": f"{one}.jpg", "width": 100, "height": 90, "license": 3}
            for one in range(images)
        ],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO), "skeleton": [[16, 14]]}],
    }


def save(path, content):
    path.write_text(json.dumps(content))
    return path


def test_an_official_file_becomes_shards(tmp_path):
    content = official()
    report = import_coco(save(tmp_path / "a.json", content), tmp_path / "out", split="val")
    shards = open_shards(tmp_path / "out")
    assert (shards.dataset, report.skeleton, report.frames, report.people) == ("coco", "coco_17", 3, 6)
    assert verify(tmp_path / "out" / "coco").faults == ()
    assert [frame.id for frame in shards] == ["val/0/10", "val/0/20", "val/0/30"]
    assert [str(frame.columns["image"]) for frame in shards] == ["0.jpg", "1.jpg", "2.jpg"]
    for frame in shards:
        wanted = [one for one in content["annotations"] if one["image_id"] == frame.columns["image_id"]]
        found = frame.persons
        assert found["annotation_id"].tolist() == [one["id"] for one in wanted]
        keypoints = np.array([one["keypoints"] for one in wanted]).reshape(-1, 17, 3)
        labelled = keypoints[..., 2] > 0
        assert np.array_equal(np.isfinite(found["joints2d"]).all(axis=-1), labelled)
        assert np.array_equal(found["joints2d"][labelled], keypoints[labelled][:, :2])
        assert np.array_equal(found["joint_flags"] & 2 > 0, labelled)
        assert np.array_equal(found["joint_flags"] & 4 > 0, keypoints[..., 2] == 2)
        assert set(found["area"].tolist()) == {600.5}
    with pytest.raises(InputError, match="coco has no heatmap grid"):
        shards[0].heatmaps()
    assert "heatmaps: none, the data set coco has no heatmap grid" in str(report)


@pytest.fixture
def jta(tmp_path):
    """Shards that call themselves JTA, with tracks, a camera, and people without any joint in the image."""
    table = training_samples.table("seq_9", 9, 4)
    people = table.person_count
    flags = table.persons["joint_flags"].copy()
    outside = np.any((table.persons["joints2d"] < 0) | (table.persons["joints2d"] > (127, 95)), axis=-1)
    flags[outside] |= 32
    table = replace(
        table,
        dataset="jta",
        split="test",
        frames={**table.frames, "distortion": np.zeros((9, 8))},
        persons={**table.persons, "joint_flags": flags, "track": np.arange(people)},
        lens="opencv",
    )
    grid = dataset_manifest("jta").grid
    from mhbench.conversion.items import heatmaps_of

    origin = Origin("a", 9, 1, "", "")
    write_shard(tmp_path / "a.h5", table, origin, heatmaps_of(table, grid, "peaks"))
    return open_shards(tmp_path / "a.h5")


def test_what_was_exported_comes_back(jta, tmp_path):
    exported = export_shards(jta, "coco", tmp_path / "coco").files[0]
    report = import_coco(exported, tmp_path / "out")
    assert "heatmaps: peaks" in str(report)
    again = open_shards(tmp_path / "out")
    assert (again.dataset, again.infos[0].split) == ("jta", "test")
    (table,) = again.tables()
    assert table.lens == "opencv"
    for one, other in zip(jta, again, strict=True):
        assert (one.id, one.columns["image"]) == (other.id, other.columns["image"])
        for name in ("K", "distortion", "width", "height"):
            assert np.array_equal(one.columns[name], other.columns[name])
        kept = np.isin(one.persons["track"], other.persons["track"])
        for name in ("track", "joints3d", "joints2d", "joint_flags"):
            assert np.array_equal(one.persons[name][kept], other.persons[name], equal_nan=True)
        assert one.grid() == other.grid()
        assert np.array_equal(one.centres(), other.centres())
    assert len(Samples(again, images=False)[0].centres)
    twice = export_shards(again, "coco", tmp_path / "again").files[0]
    assert json.loads(twice.read_text())["annotations"] == json.loads(exported.read_text())["annotations"]


def test_splits_are_imported_one_after_the_other(tmp_path):
    for split, images in (("train", 3), ("val", 2), ("train", 1)):
        import_coco(save(tmp_path / "a.json", official(images)), tmp_path, dataset="mine", split=split)
    shards = open_shards(tmp_path / "mine")
    assert [(info.split, info.frames) for info in shards.infos] == [("train", 1), ("val", 2)]
    assert len(list((tmp_path / "mine").rglob("*.h5"))) == 2
    assert export_shards(shards, "huggingface", tmp_path / "hf").frames == 3
    assert "imported" in (tmp_path / "hf" / "README.md").read_text()


def test_a_file_with_a_fault_leaves_what_was_imported_before(tmp_path, monkeypatch):
    for split in ("train", "val"):
        import_coco(save(tmp_path / "a.json", official()), tmp_path, dataset="mine", split=split)
    before = {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*") if path.is_file()}

    def too_deep(_):
        raise InputError("joints beyond the grid")

    monkeypatch.setattr("mhbench.export.coco_import.check_depths", too_deep)
    with pytest.raises(InputError, match="beyond the grid"):
        import_coco(save(tmp_path / "a.json", official(1)), tmp_path, dataset="mine", split="val")
    assert {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*") if path.is_file()} == before


def test_an_import_that_breaks_off_leaves_the_other_splits(tmp_path, monkeypatch):
    for split in ("train", "val"):
        import_coco(save(tmp_path / "a.json", official()), tmp_path, dataset="mine", split=split)

    def full(*_):
        raise OutputError("the disk is full")

    monkeypatch.setattr("mhbench.export.coco_import.write_shard", full)
    with pytest.raises(OutputError):
        import_coco(save(tmp_path / "a.json", official(1)), tmp_path, dataset="mine", split="val")
    assert [(info.split, info.frames) for info in open_shards(tmp_path / "mine").infos] == [("train", 3)]


def test_a_conversion_is_never_overwritten(tmp_path):
    training_samples.write(tmp_path / "fake")
    path = save(tmp_path / "a.json", official())
    with pytest.raises(UsageError, match="holds a converted data set"):
        import_coco(path, tmp_path, dataset="fake")
    assert len(open_shards(tmp_path / "fake")) == 24


def broken(change):
    content = official()
    change(content)
    return content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["categories"][0].update(keypoints=["nose", "tail"]), "no known skeleton"),
        (lambda c: c.update(categories=[]), "0 categories have keypoints"),
        (lambda c: c["annotations"][2].update(keypoints=[1.0, 2.0, 2]), r"annotations\[2\].keypoints"),
        (lambda c: c["annotations"][1]["keypoints"].__setitem__(5, 7), r"annotations\[1\].keypoints"),
        (lambda c: c["annotations"][0].update(image_id=77), "no image 77"),
        (lambda c: c["images"][0].update(id=20), "two images have the id 20"),
        (lambda c: c["images"][0].update(width="wide"), r"images\[0\].width"),
        (lambda c: [one.update(frame="a/0/1") for one in c["images"]], "the same key `frame`"),
        (lambda c: [one.update(frame="a/0/x") for one in c["images"]], r"images\[0\].frame"),
        (lambda c: [one.update(frame="a/0/²") for one in c["images"]], r"images\[0\].frame"),
        (lambda c: c["images"][1].update(frame=f"a/0/{10**19}"), r"images\[1\].frame"),
        (lambda c: c["images"][1].update(id=2**63), r"images\[1\].id"),
        (lambda c: c["images"][1].update(height=0), r"images\[1\].height"),
        (lambda c: [one.update(K=[[0.0] * 3] * 3) for one in c["images"]], "focal length"),
        (lambda c: c["annotations"][3].update(id=2**63), r"annotations\[3\].id"),
        (lambda c: c["annotations"][3].update(track=2**63), r"annotations\[3\].track"),
        (lambda c: c["annotations"][3].update(iscrowd=2), r"annotations\[3\].iscrowd"),
        (lambda c: c["annotations"][3].update(num_keypoints=2**31), r"annotations\[3\].num_keypoints"),
        (lambda c: c["annotations"][3].update(joints3d=[[1e39, 0, 1]] * 17), r"joints3d\[0\]\[0\]"),
        (lambda c: c["images"][0].update(lens="opencv"), "mixes lenses"),
        (lambda c: c["annotations"][0].update(joints3d=[[0, 0, 1]]), "person 900 has 1 joints3d"),
        (lambda c: c["annotations"][0].update(joint_flags=[256] * 17), "joint_flags"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        import_coco(save(tmp_path / "a.json", broken(change)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_hostile_files_are_refused(tmp_path):
    with pytest.raises(UnsafeInputError):
        import_coco(
            save(tmp_path / "a.json", broken(lambda c: c["images"][0].update(file_name="../../x"))),
            tmp_path / "out",
        )
    for name in ("../x", "", "a/b", "."):
        with pytest.raises(UsageError, match="makes no folder"):
            import_coco(save(tmp_path / "a.json", official()), tmp_path, dataset=name or "/")
    with pytest.raises(MissingInputError):
        import_coco(tmp_path / "absent.json", tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(official())[:-30])
    with pytest.raises(InputError):
        import_coco(tmp_path / "a.json", tmp_path)


def test_joints_may_be_spelled_as_usual_and_an_empty_file_is_fine(tmp_path):
    content = official(0)
    content["categories"][0]["keypoints"] = [
        name.replace("left_", "l_").replace("right_", "r_") for name in COCO
    ]
    report = import_coco(save(tmp_path / "a.json", content), tmp_path)
    assert (report.skeleton, report.frames) == ("coco_17", 0)
    assert len(open_shards(tmp_path / "coco")) == 0


def test_the_command_says_what_it_did(tmp_path):
    path = save(tmp_path / "a.json", official())
    done = CliRunner().invoke(program, ["import", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "3 images and 6 people of coco_17 in 1 shards" in done.output
