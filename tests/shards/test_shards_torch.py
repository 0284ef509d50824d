from __future__ import annotations

import builtins
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import JOINTS, write

from mhbench.errors import MissingExtraError, UsageError
from mhbench.heatmaps import BatchBuffer, render
from mhbench.shards import Augmentation, BlockOrder, Samples, frame_counts
from mhbench.shards.torch import Loader, collate

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tmp_path_factory.mktemp("raw")


@pytest.fixture(scope="module")
def shards(tmp_path_factory, raw):
    return write(tmp_path_factory.mktemp("shards"), raw)


def visited(batches):
    return [[frame.id for frame in batch.frames] for batch in batches]


@pytest.mark.parametrize("device", DEVICES)
def test_volumes_of_a_batch_are_those_of_its_frames(shards, raw, device):
    batch = collate(Samples(shards, raw=raw, pad_to=4)[4:9]).to(device)
    volumes = batch.volumes().cpu().numpy()
    assert volumes.shape == (5, 14, 24, 12, 16)
    assert batch.images.shape == (5, 3, 96, 128)
    index, values = batch.voxels()
    for row, frame in enumerate(batch.frames):
        assert np.array_equal(volumes[row], frame.heatmaps())
    assert np.array_equal(volumes.reshape(-1)[index.cpu().numpy()], values.cpu().numpy())


def test_sigma_is_chosen_when_volumes_are_rendered(shards):
    samples = Samples(shards, images=False)
    batch = collate([samples[1]])
    wide = batch.volumes(sigma=4)
    assert np.array_equal(wide[0].numpy(), render(replace(batch.grid, sigma=4), samples[1].centres))
    assert batch.volumes(sigma=4, out=wide).data_ptr() == wide.data_ptr()
    buffer = BatchBuffer(replace(batch.grid, sigma=4), 2)
    assert torch.equal(batch.volumes(sigma=4, out=buffer), wide)
    with pytest.raises(UsageError, match="does not fit"):
        batch.volumes(out=buffer)


def test_images_of_several_sizes_lie_at_the_top_left(shards, raw):
    small = Samples(shards, raw=raw, augmentation=Augmentation(crop=(64, 72)))
    batch = collate([Samples(shards, raw=raw)[0], small[1]])
    assert batch.images.shape == (2, 3, 96, 128)
    assert np.array_equal(batch.images[1, :, :64, :72].permute(1, 2, 0), small[1].image)
    assert not batch.images[1, :, 64:].any()
    assert batch.grid.shape[2:] == (12, 16)
    assert batch.transforms[0] is None


def test_different_grids_do_not_mix(shards):
    with pytest.raises(UsageError, match="has another grid"):
        collate([Samples(shards, images=False)[0], Samples(shards, images=False, joints=JOINTS[:2])[1]])


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_visits_all_frames_in_the_order_of_the_seed(shards, raw, workers):
    order = BlockOrder(frame_counts(shards), block=4, window=2, seed=5)
    samples = Samples(shards, raw=raw, augmentation=Augmentation(rotation=20))
    loader = Loader(samples, 5, order=order, workers=workers, drop_last=False)
    for epoch in range(2):
        batches = list(loader)
        assert len(batches) == len(loader) == 5
        assert list(itertools.chain(*visited(batches))) == [
            shards[number].id for number in order.frames(epoch)
        ]
        number = int(order.frames(epoch)[3])
        assert np.array_equal(batches[0].transforms[3].matrix, samples[epoch, number].transform.matrix)


def test_the_documented_training_runs_and_continues(shards, raw):
    document = (Path(__file__).parents[2] / "docs" / "heatmaps.md").read_text(encoding="utf-8")
    names = {}
    exec(document.partition("## Training")[2].split("```python\n")[1].partition("```")[0], names)  # noqa: S102 - our own
    seen = []

    def step(images, volumes):
        assert images.shape == (4, 3, 64, 96)
        assert volumes.shape == (4, 14, 24, 8, 12)
        seen.append(float(volumes.sum()))
        return 1.0

    state = names["train"](shards, raw, step, 4)
    assert (len(seen), state["sigma"]["sigma"]) == (24, 4)
    assert names["train"](shards, raw, step, 5, state)["loader"]["epoch"] == 5
    assert len(seen) == 30


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_epoch_continues_with_the_next_batch(shards, workers):
    def loader():
        return Loader(Samples(shards, images=False), 4, workers=workers)

    whole = loader()
    expected = visited(whole) + visited(whole)
    first = loader()
    seen = []
    for batch in first:
        seen.append(batch)
        state = json.loads(json.dumps(first.state_dict()))
        if len(seen) == 2:
            break
    second = loader()
    second.load_state_dict(state)
    assert visited(seen) + visited(second) + visited(second) == expected


def test_a_state_of_other_settings_is_refused(shards):
    state = Loader(Samples(shards, images=False), 4).state_dict()
    with pytest.raises(UsageError, match="batch_size 4"):
        Loader(Samples(shards, images=False), 2).load_state_dict(state)
    with pytest.raises(UsageError, match="the order is one of 1 shards"):
        Loader(Samples(shards, images=False), 2, order=BlockOrder((24,)))


def test_ranks_of_a_distributed_run_share_an_epoch(shards):
    def part(rank):
        order = BlockOrder(frame_counts(shards), block=2, rank=rank, world=3)
        return Loader(Samples(shards, images=False), 2, order=order)

    ids = [list(itertools.chain(*visited(part(rank)))) for rank in range(3)]
    assert [len(one) for one in ids] == [8, 8, 8]
    assert len(set(itertools.chain(*ids))) == 24
    part(1).load_state_dict(part(0).state_dict())


def test_empty_frames_are_no_trouble(shards):
    samples = Samples(shards, images=False)
    empty = [number for number in range(len(samples)) if not len(samples[number].centres)]
    batch = collate([samples[empty[0]]])
    assert not batch.volumes().any()
    assert batch.voxels()[0].shape == (0,)


def test_without_torch_the_extra_is_named(shards, monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name.startswith("torch"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtraError, match="models"):
        Loader(Samples(shards, images=False), 2)
