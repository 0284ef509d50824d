from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import training_samples
from click.testing import CliRunner
from PIL import Image
from pyarrow import parquet
from pycocotools.coco import COCO
from training_samples import JOINTS, write

from mhbench.cli.export import command
from mhbench.datasets.raw.coco_people import FLAGS, read_coco_people
from mhbench.errors import InputError, MissingExtraError, MissingInputError, UsageError
from mhbench.export import export_shards
from mhbench.export.sources import plain
from mhbench.frames import FrameTable
from mhbench.shards import Origin, no_heatmaps, open_shards, write_shard

ABOUT = {"title": "Fake", "licence": "for nobody", "source": "here", "citation": "none"}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for name in ("coco", "webdataset", "huggingface"):
        monkeypatch.setattr(f"mhbench.export.{name}_files.about", lambda _: ABOUT)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tmp_path_factory.mktemp("raw")


@pytest.fixture(scope="module")
def shards(tmp_path_factory, raw):
    return write(tmp_path_factory.mktemp("shards"), raw)


def same(found, column):
    """Lists with null for NaN against a float column, bit for bit."""
    array = np.array(found, dtype=np.float64).astype(column.dtype).reshape(column.shape)
    return np.array_equal(array, column, equal_nan=True)


def test_coco_tools_read_it(shards, tmp_path, capsys):
    report = export_shards(shards, "coco", tmp_path)
    (path,) = report.files
    assert path.name == "fake_all.json"
    people = COCO(path)
    capsys.readouterr()
    assert (len(people.imgs), len(people.anns)) == (24, report.people)
    assert people.cats[1]["keypoints"] == list(JOINTS)
    for number, frame in enumerate(shards, 1):
        image = people.imgs[number]
        assert (image["frame"], image["file_name"]) == (frame.id, frame.columns["image"])
        assert np.array_equal(image["K"], frame.columns["K"])
        found = people.loadAnns(people.getAnnIds(number))
        joints2d, flags = frame.persons["joints2d"], frame.persons["joint_flags"]
        assert len(found) == len(joints2d)
        for one, own, flag, own3d in zip(found, joints2d, flags, frame.persons["joints3d"], strict=True):
            keypoints = np.array(one["keypoints"]).reshape(14, 3)
            assert (keypoints[:, 2] == np.where(flag & 2 > 0, 2, 0)).all()
            assert same(keypoints[:, :2], own)
            assert same(one["joints3d"], own3d)
            assert one["num_keypoints"] == 14
            assert one["bbox"][:2] == pytest.approx(own.min(axis=0))
            assert one["area"] == pytest.approx(np.prod(own.max(axis=0) - own.min(axis=0)))


def keypoint_table():
    """Two images with ids, boxes, hidden joints, a crowd; nothing in 3D."""
    states = np.array([[2, 1, 0] + [2] * 14, [0] * 17, [1] * 17])
    joints2d = np.random.default_rng(0).uniform(5, 90, (3, 17, 2)).round(2).astype(np.float32)
    joints2d[states == 0] = np.nan
    return FrameTable(
        dataset="fake",
        split="val",
        skeleton="coco_17",
        frames={
            "id": np.array(["a/0/7", "a/0/9"]),
            "image": np.array(["7.jpg", "9.jpg"]),
            "image_id": np.array([7, 9]),
            "width": np.full(2, 100, dtype=np.int32),
            "height": np.full(2, 90, dtype=np.int32),
            "crowd_index": np.array([0.25, np.nan]),
        },
        person_start=np.array([0, 2, 3]),
        persons={
            "annotation_id": np.array([40, 30, 20]),
            "joints2d": joints2d,
            "joint_flags": FLAGS[states],
            "bbox": np.array([[1.5, 2, 30, 40], [0, 0, 9, 9], [5, 5, 50, 60]]),
            "area": np.array([700.5, np.nan, 3000]),
            "num_keypoints": np.array([16, 0, 17], dtype=np.int32),
            "iscrowd": np.array([0, 1, 0], dtype=np.uint8),
        },
    )


def save(path, table):
    origin = Origin(item="a", frames_available=2, converter_version=1, manifest_hash="", raw_sha256="")
    write_shard(path, table, origin, no_heatmaps("2D only"))
    return open_shards(path)


def test_what_came_from_a_coco_file_goes_back_into_one(tmp_path):
    table = keypoint_table()
    export_shards(save(tmp_path / "a.h5", table), "coco", tmp_path)
    found = read_coco_people(tmp_path / "fake_val.json", 17)
    assert found.image_id.tolist() == [7, 9]
    assert found.annotation_id.tolist() == [40, 30, 20]
    assert np.array_equal(found.joints.astype(np.float32), table.persons["joints2d"], equal_nan=True)
    for name in ("flags", "bbox", "num_keypoints", "iscrowd"):
        column = table.persons["joint_flags" if name == "flags" else name]
        assert np.array_equal(getattr(found, name), column)
    assert found.area.tolist() == [700.5, 81, 3000]  # the box where there is no area
    assert np.array_equal(found.crowd_index, [0.25, np.nan], equal_nan=True)


def test_people_the_image_shows_nothing_of_are_left_out_and_counted(tmp_path):
    table = training_samples.table("walk", 5, 1)
    flags = table.persons["joint_flags"] | np.uint8(32)
    hidden = replace(table, persons={**table.persons, "joint_flags": flags | 1})
    report = export_shards(save(tmp_path / "a.h5", hidden), "coco", tmp_path)
    assert (report.people, report.left_out) == (0, table.person_count)
    assert "nothing of them is labelled in the image" in str(report)


def test_people_without_2d_joints_are_no_coco_file(tmp_path):
    table = training_samples.table("walk", 2, 1)
    flat = replace(table, persons={name: table.persons[name] for name in ("joints3d", "joint_flags")})
    with pytest.raises(InputError, match="no 2D joints"):
        export_shards(save(tmp_path / "a.h5", flat), "coco", tmp_path)


def test_samples_of_webdataset(shards, raw, tmp_path):
    report = export_shards(shards, "webdataset", tmp_path, raw=raw, images=True, frames_per_file=10)
    assert [path.name for path in report.files] == [
        *(f"fake-all-{number:06d}.tar" for number in range(3)),
        "fake.json",
    ]
    described = json.loads((tmp_path / "fake.json").read_text())
    assert described["licence"] == "for nobody"
    assert described["skeletons"]["loco_14"]["joints"] == list(JOINTS)
    samples = {}
    for path in report.files[:3]:
        with tarfile.open(path) as archive:
            for member in archive:
                key, _, suffix = member.name.partition(".")
                samples.setdefault(key, {})[suffix] = archive.extractfile(member).read()
    assert list(samples) == [frame.id for frame in shards]
    for frame in shards:
        sample = samples[frame.id]
        record = json.loads(sample["json"])
        assert len(record["persons"]) == len(frame.persons["joints3d"])
        for name in ("joints3d", "joints2d", "joint_flags"):
            assert same([person[name] for person in record["persons"]], frame.persons[name])
        assert np.array_equal(np.load(io.BytesIO(sample["centres.npy"])), frame.centres())
        assert tuple(record["heatmap"]["joints"]) == frame.grid().joints
        pixels = np.asarray(Image.open(io.BytesIO(sample["png"])))
        assert np.array_equal(pixels, np.asarray(Image.open(raw / frame.columns["image"])))


def test_a_hugging_face_folder(shards, raw, tmp_path):
    report = export_shards(shards, "huggingface", tmp_path, raw=raw, images=True, frames_per_file=19)
    names = [path.relative_to(tmp_path).as_posix() for path in report.files]
    assert names == [*(f"data/full-{number:05d}-of-00002.parquet" for number in range(2)), "README.md"]
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\n")
    assert "- split: full\n    path: data/full-*.parquet" in card  # the library reserves the name all
    assert "for nobody" in card
    rows = [row for name in names[:2] for row in parquet.read_table(tmp_path / name).to_pylist()]
    assert [row["id"] for row in rows] == [frame.id for frame in shards]
    for row, frame in zip(rows, shards, strict=True):
        assert same(row["K"], frame.columns["K"])
        for name in ("joints3d", "joints2d", "joint_flags"):
            assert same(row[f"persons_{name}"], frame.persons[name])
        assert row["image"]["path"] == frame.columns["image"]
        assert row["image"]["bytes"] == (raw / frame.columns["image"]).read_bytes()


@pytest.mark.parametrize("kind", ["coco", "webdataset", "huggingface"])
def test_the_same_shards_give_the_same_bytes(shards, tmp_path, kind):
    first, second = (export_shards(shards, kind, tmp_path / name) for name in ("a", "b"))
    assert [one.read_bytes() for one in first.files] == [one.read_bytes() for one in second.files]
    assert (first.frames, first.people) == (second.frames, sum(info.persons for info in shards.infos))


def test_shards_of_different_kinds_make_no_one_file(tmp_path):
    shards = write(tmp_path / "shards", None, (2, 3))
    table = training_samples.table("walk1", 3, 1)
    flat = replace(table, persons={name: table.persons[name] for name in ("joints2d", "joint_flags")})
    save(tmp_path / "shards" / "all" / "walk1.h5", flat)
    with pytest.raises(InputError, match=r"different columns: .*joints3d"):
        export_shards(shards, "huggingface", tmp_path / "out")
    other = msgspec.structs.replace(shards.infos[1], skeleton="coco_17")
    with pytest.raises(InputError, match="several skeletons: coco_17, loco_14"):
        export_shards(replace(shards, infos=(shards.infos[0], other)), "coco", tmp_path / "out")


def test_a_failed_export_leaves_no_half_file(shards, tmp_path):
    with pytest.raises(MissingInputError):
        export_shards(shards, "webdataset", tmp_path / "out", raw=tmp_path, images=True)
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "walk0").mkdir()
    for number in range(7):
        (tmp_path / "walk0" / f"{number:04d}.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="no image of a known format"):
        export_shards(shards, "webdataset", tmp_path / "out", raw=tmp_path, images=True)


def test_nonsense_is_refused(shards, tmp_path, monkeypatch):
    for kind, options in (("tfds", {}), ("coco", {"images": True}), ("coco", {"frames_per_file": 0})):
        with pytest.raises(UsageError):
            export_shards(shards, kind, tmp_path, **options)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="parquet"):
        export_shards(shards, "huggingface", tmp_path)


def test_numbers_are_written_with_the_digits_they_need():
    assert plain(np.float32([0.1, 1000.25, np.nan]))[:2] == [0.1, 1000.25]
    assert plain(np.array([[1, 2]])) == [[1, 2]]
    assert plain(np.str_("ö")) == "ö"


def test_the_command_says_what_it_wrote(shards, tmp_path):
    done = CliRunner().invoke(
        command, [str(shards.folder), "--to", "coco", "--out", str(tmp_path)], standalone_mode=False
    )
    assert done.exit_code == 0, done.exception
    assert f"coco: 24 frames, {sum(info.persons for info in shards.infos)} people in 1 files" in done.output
