from __future__ import annotations

import copy
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
from PIL import Image
from training_samples import GRID, JOINTS, write

from mhbench.errors import InputError, MissingInputError, UnsafeInputError, UsageError
from mhbench.heatmaps import HeatmapBuffer, locate, render, to_camera
from mhbench.shards import Augmentation, Samples, decoded_image, layout, open_shards
from mhbench.skeletons import skeleton


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tmp_path_factory.mktemp("raw")


@pytest.fixture(scope="module")
def shards(tmp_path_factory, raw):
    return write(tmp_path_factory.mktemp("shards"), raw)


def test_a_sample_is_the_frame_with_its_image(shards, raw):
    samples = Samples(shards, raw=raw)
    assert len(samples) == 24
    for number, sample in enumerate(samples):
        frame = shards[number]
        assert sample.frame == frame
        assert np.array_equal(sample.image, np.asarray(Image.open(raw / frame.columns["image"])))
        assert np.array_equal(render(sample.grid, sample.centres), frame.heatmaps())
        assert sample.transform is None


def test_plain_numpy_needs_no_torch_and_one_buffer(shards):
    samples = Samples(shards, images=False, joints=JOINTS[:3], pad_to=8)
    buffer = HeatmapBuffer(samples[0].grid)
    assert buffer.grid.shape == (3, 24, 16, 16)
    for sample in samples[3:9]:
        assert sample.image is None
        volume = buffer.render(sample.centres)
        assert np.array_equal(volume[:, :, :12], sample.frame.heatmaps(JOINTS[:3]))


def test_changing_nothing_gives_the_stored_centres(shards):
    samples = Samples(shards, images=False, augmentation=Augmentation())
    for sample in samples:
        assert np.array_equal(sample.centres, sample.frame.centres())
        assert sample.grid == sample.frame.grid()


def test_mirrored_people_have_their_joints_swapped(shards):
    mirror = dict(skeleton("loco_14").pairs) | {right: left for left, right in skeleton("loco_14").pairs}
    samples = Samples(shards, images=False, augmentation=Augmentation(mirror=1))
    for sample in samples:
        joints2d = sample.frame.persons["joints2d"]
        labelled = np.where(
            (sample.frame.persons["joint_flags"] & 1 > 0)[..., None], sample.frame.persons["joints3d"], np.nan
        )
        joints2d = (127, 0) + joints2d * (-1, 1)
        # the mirror image of u = 128 lies at -1; what the frame does not draw is not drawn
        own = sample.frame.persons["joints2d"]
        joints2d[((own < 0) | (own > (128, 96))).any(axis=-1)] = np.nan
        alone = locate(GRID, joints2d, labelled)
        expected = {(mirror.get(row[0], row[0]), *row[1:]) for row in alone.centres.tolist()}
        assert set(map(tuple, sample.centres.tolist())) == expected


def test_what_is_found_in_a_changed_image_leads_back_to_the_joints(shards):
    augmentation = Augmentation(mirror=0.5, scale=(0.8, 2.0), rotation=30, shift=4, crop=(80, 96))
    samples = Samples(shards, images=False, augmentation=augmentation, seed=3)
    found = 0
    for sample in samples:
        assert sample.grid.shape[2:] == (10, 12)
        swapped = np.arange(14)
        if sample.transform.mirrored:
            for left, right in skeleton("loco_14").pairs:
                swapped[[left, right]] = right, left
        everyone = sample.frame.persons["joints3d"]
        camera = next(open_shards(sample.frame.path).tables()).camera(sample.frame.row)
        pixels = sample.transform.invert(sample.centres[:, [3, 2]] * 8.0)
        # depth and channel of the voxel, the pixel through the inverse: as if nothing had been changed
        voxels = np.column_stack([sample.centres[:, :2], pixels[:, ::-1] / 8])
        for point, channel in zip(to_camera(sample.grid, voxels, camera), sample.centres[:, 0], strict=True):
            nearest = np.abs(everyone[:, swapped[channel]] - point).sum(axis=-1).min()
            assert nearest < 1.2  # two half voxels of 8 px at 10 m, and half a bin
            found += 1
    assert found > 100


def test_what_is_drawn_at_random_depends_on_the_number_and_the_epoch_only(shards):
    samples = Samples(shards, images=False, augmentation=Augmentation(rotation=30), seed=1)
    first = samples[5].transform.matrix
    assert np.array_equal(copy.deepcopy(samples)[0, 5].transform.matrix, first)
    assert np.array_equal(samples[-19].transform.matrix, first)
    for other in (samples[1, 5], samples[6], replace(samples, seed=2)[5]):
        assert not np.array_equal(other.transform.matrix, first)


def test_an_image_that_cannot_be_had_is_named(shards, raw, tmp_path):
    with pytest.raises(UsageError, match=r"path of walk0/0000\.png only"):
        Samples(shards)[0]
    with pytest.raises(MissingInputError, match=r"no image .*walk0/0000\.png"):
        decoded_image(shards[0], tmp_path)
    shutil.copytree(raw, tmp_path / "raw")
    (tmp_path / "raw" / "walk0" / "0000.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="is no image\n"):
        decoded_image(shards[0], tmp_path / "raw")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "raw" / "walk0" / "0000.png")  # a bomb of 50 kB
    with pytest.raises(InputError, match=r"is no image: .*decompression bomb"):
        decoded_image(shards[0], tmp_path / "raw")


def test_a_path_out_of_the_raw_root_is_refused(tmp_path):
    shards = write(tmp_path / "shards", tmp_path / "raw", (2,))
    path = shards.folder / "all" / "walk0.h5"
    with h5py.File(path, "r+") as file:
        file["frames/image"][0] = b"../secret.png"
    with pytest.raises(UnsafeInputError, match="leads out of"):
        decoded_image(open_shards(path)[0], tmp_path / "raw")


def test_images_in_the_shard_need_no_raw_root(tmp_path, raw, shards):
    from mhbench.shards.images import ImageStore, put_images

    path = shutil.copy(shards.folder / "all" / "walk0.h5", tmp_path / "a.h5")
    contents = [(raw / frame.columns["image"]).read_bytes() for frame in shards[:7]]
    with h5py.File(path, "r+") as file:
        put_images(file, ImageStore("embed", 10**6, contents))
    for number, frame in enumerate(open_shards(path)):
        assert np.array_equal(decoded_image(frame), decoded_image(shards[number], raw))


def test_a_data_set_without_images_says_so(tmp_path):
    shards = write(tmp_path / "shards", None, (2,))
    path = shards.folder / "all" / "walk0.h5"
    with h5py.File(path, "r+") as file:
        del file[f"{layout.FRAMES}/image"]
    with pytest.raises(InputError, match="has no image"):
        decoded_image(open_shards(path)[0], tmp_path)
