from __future__ import annotations

import hashlib
import io
import shutil
import types

import h5py
import numpy as np
import pytest
import videos
from PIL import Image

from mhbench.conversion.heatmap_rewriting import rewrite_heatmaps
from mhbench.conversion.pipeline import convert
from mhbench.datasets.items import Item, Selection
from mhbench.datasets.videos import video_of
from mhbench.errors import InputError, MissingInputError, OutputError, UsageError
from mhbench.shards import open_shards, verify
from mhbench.shards.images import encoded_image
from mhbench.shards.tables import open_file, read_table
from mhbench.synthetic.raw.human36m import as_filmed
from mhbench.synthetic.raw.human36m import write as write_human36m
from mhbench.synthetic.raw.panoptic import write as write_panoptic
from mhbench.synthetic.scenes import scene

ONE_CAMERA = Selection(cameras=("54138969",))
FRAMES, VIDEO_FRAMES = 14, 15


@pytest.fixture(scope="session")
def dome(tmp_path_factory):
    made = scene(frames=3, people=2, cameras=("00_03", "00_16"), size=(160, 90))
    return write_panoptic(made, tmp_path_factory.mktemp("dome") / "raw").folder


@pytest.fixture
def raw(dome, tmp_path):
    """A raw tree with images that a test may change."""
    return shutil.copytree(dome, tmp_path / "raw")


@pytest.fixture(scope="session")
def filmed(tmp_path_factory):
    """One take with a video that is a frame longer than the poses, as the real ones are."""
    folder = tmp_path_factory.mktemp("filmed") / "raw"
    made = write_human36m(as_filmed(scene(frames=FRAMES, people=1)), folder, images=False).folder
    stem = next((made / "S9").rglob("D3_Positions/*.cdf")).stem
    videos.write(made / f"S9/Videos/{stem}.54138969.mp4", VIDEO_FRAMES, between=2, size=(1000, 1002))
    return made


def embed(raw, out, **options):
    return convert("panoptic", raw, out, **{"engine": "serial", "images": "embed", **options})


def extract(raw, out, selection=ONE_CAMERA, **options):
    return convert("human36m", raw, out, selection, **{"engine": "serial", "images": "extract", **options})


def stored(path):
    table = read_table(path)
    with open_file(path) as file:
        return {name: encoded_image(file, row) for row, name in enumerate(table.frames["image"].tolist())}


def hashes(folder):
    files = [*folder.rglob("*.h5"), folder / "index.json"]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_embedded_images_are_the_files_byte_for_byte(raw, tmp_path):
    report = embed(raw, tmp_path / "out")
    assert not report.failures
    images = {}
    for path in report.folder.rglob("*.h5"):
        images |= stored(path)
    assert len(images) == 6
    assert all(content == (raw / name).read_bytes() for name, content in images.items())
    assert verify(report.folder).faults == ()
    assert "images        6 in the shards" in str(report)


def test_any_number_of_workers_embeds_the_same_bytes(raw, tmp_path):
    outputs = [embed(raw, tmp_path / str(jobs), engine="processes", jobs=jobs) for jobs in (1, 2)]
    assert hashes(outputs[0].folder) == hashes(outputs[1].folder)


def test_images_do_not_change_the_ground_truth(raw, tmp_path):
    embed(raw, tmp_path / "with")
    convert("panoptic", raw, tmp_path / "without", engine="serial")
    one, other = open_shards(tmp_path / "with"), open_shards(tmp_path / "without")
    assert one.gt_sha256() == other.gt_sha256()
    assert [info.content_sha256 for info in one.infos] == [info.content_sha256 for info in other.infos]


def test_what_is_current_is_kept_and_a_changed_image_is_embedded_again(raw, tmp_path):
    first = embed(raw, tmp_path / "out")
    before = hashes(first.folder)
    assert embed(raw, tmp_path / "out").current == 2
    image = next((raw / "170101_synthetic1/hdImgs/00_03").iterdir())
    image.touch()  # the same content: nothing is written
    report = embed(raw, tmp_path / "out")
    assert (report.done, report.current, hashes(first.folder)) == (0, 2, before)
    Image.new("RGB", (160, 90), "red").save(image)
    report = embed(raw, tmp_path / "out")
    assert (report.done, report.current) == (1, 1)
    assert hashes(first.folder) != before
    assert any(image.read_bytes() in stored(path).values() for path in first.folder.rglob("*.h5"))


def test_missing_images_are_the_failure_of_their_item(raw, tmp_path):
    next((raw / "170101_synthetic1/hdImgs/00_03").iterdir()).unlink()
    report = embed(raw, tmp_path / "out")
    (failure,) = report.failures.values()
    assert "1 of 3 images are missing, such as 170101_synthetic1/hdImgs/00_03/" in failure.what
    assert report.done == 1
    assert verify(report.folder).faults == ()


def test_changing_the_form_of_heatmaps_keeps_the_images(raw, tmp_path):
    embed(raw, tmp_path / "one")
    rewrite_heatmaps(tmp_path / "one", "sparse")
    embed(raw, tmp_path / "two", heatmaps="sparse")
    assert hashes(tmp_path / "one" / "panoptic") == hashes(tmp_path / "two" / "panoptic")


def test_a_damaged_image_in_a_shard_is_found(raw, tmp_path):
    folder = embed(raw, tmp_path / "out").folder
    path = next(folder.rglob("*.h5"))
    with h5py.File(path, "r+") as file:
        file["images/content"][100] ^= 1
    # the hash of the file tells too, unless somebody made the index anew
    index = folder / "index.json"
    info = next(info for info in open_shards(folder).infos if path.match(info.path))
    now = hashlib.sha256(path.read_bytes()).hexdigest()
    index.write_text(index.read_text().replace(info.sha256, now))
    (fault,) = verify(folder).faults
    assert "the image of frame 0 is not the one that was stored" in fault.what


def test_a_disk_without_room_is_refused_before_anything_is_written(raw, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: types.SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match="free space"):
        embed(raw, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.h5"))


def test_an_unknown_choice_is_refused(raw, tmp_path):
    with pytest.raises(UsageError, match="images cannot be stored as 'all'"):
        embed(raw, tmp_path, images="all")


def test_frames_are_cut_out_of_the_video(filmed, tmp_path):
    report = extract(filmed, tmp_path)
    assert not report.failures
    (path,) = report.folder.rglob("*.h5")
    images = list(stored(path).values())
    assert len(images) == FRAMES
    for number, content in enumerate(images):
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.size) == ("JPEG", (1000, 1002))
            assert videos.number_in(np.asarray(image)) == number
    assert verify(report.folder).faults == ()
    assert f"videos        {VIDEO_FRAMES} frames, {FRAMES} of them annotated; 1 of 1 differ" in str(report)


def test_only_wanted_frames_are_cut_out_and_a_second_run_does_nothing(filmed, tmp_path):
    every_fifth = Selection(cameras=("54138969",), every=5)
    report = extract(filmed, tmp_path, every_fifth)
    (path,) = report.folder.rglob("*.h5")
    found = [videos.number_in(np.asarray(Image.open(io.BytesIO(one)))) for one in stored(path).values()]
    assert found == [0, 5, 10]
    before = hashes(report.folder)
    assert extract(filmed, tmp_path, every_fifth).current == 1
    assert extract(filmed, tmp_path, every_fifth, force=True).done == 1
    assert hashes(report.folder) == before


def test_a_missing_or_short_video_names_itself_and_both_lengths(filmed, tmp_path):
    raw = shutil.copytree(filmed, tmp_path / "raw")
    (failure,) = extract(raw, tmp_path / "out", Selection(cameras=("55011271",))).failures.values()
    assert "there is no video S9/Videos/" in failure.what
    (video,) = (raw / "S9/Videos").iterdir()
    videos.write(video, 9, size=(1000, 1002))
    (failure,) = extract(raw, tmp_path / "short").failures.values()
    assert "has 9 frames, and the annotations" in failure.what
    assert "go to frame 14" in failure.what
    videos.write(video, VIDEO_FRAMES, size=(500, 500))
    (failure,) = extract(raw, tmp_path / "small").failures.values()
    assert "frame 0 has 500 x 500 pixels" in failure.what
    assert failure.expected.startswith("1000 x 1002")


def test_data_sets_without_videos_say_what_to_do(raw, tmp_path):
    report = embed(raw, tmp_path / "out", images="extract")
    assert {failure.what for failure in report.failures.values()} == {
        "panoptic has no videos to extract images from"
    }


@pytest.mark.parametrize(
    ("dataset", "split", "keys", "path", "first"),
    [
        (
            "human36m",
            "all",
            {"subject": "S9", "stem": "Directions 1", "camera": "54138969"},
            "S9/Videos/Directions 1.54138969.mp4",
            0,
        ),
        (
            "human36m",
            "all",
            {"subject": "S9", "stem": "Directions 1", "camera": "54138969"},
            "S9/Videos/Directions_1.54138969.mp4",
            0,
        ),
        ("jta", "test", {"sequence": "seq_256"}, "videos/test/seq_256.mp4", 1),
        (
            "mpi_inf_3dhp",
            "train",
            {"sequence": "S1_Seq2", "camera": "8"},
            "S1/Seq2/imageSequence/video_8.avi",
            0,
        ),
    ],
)
def test_videos_lie_where_they_are_unpacked(tmp_path, dataset, split, keys, path, first):
    item = Item(name="x", split=split, files=("a",), frames_available=1, keys=keys)
    with pytest.raises(MissingInputError, match="there is no video"):
        video_of(dataset, tmp_path, item)
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    found = video_of(dataset, tmp_path, item)
    assert (found.path, found.first_index) == (tmp_path / path, first)


def test_a_split_that_comes_as_images_says_so(tmp_path):
    item = Item(name="TS1", split="test", files=("a",), frames_available=1, keys={"sequence": "TS1"})
    with pytest.raises(InputError, match="comes with images"):
        video_of("mpi_inf_3dhp", tmp_path, item)
