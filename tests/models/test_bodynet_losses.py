"""BodyNet's losses: the paper's formulas in numpy, gradients, ties between views and voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mhbench.errors import ShapeError, UsageError
from mhbench.models.losses import bodynet
from mhbench.volumes import projections

RANDOM = np.random.default_rng(11)
LOGITS = RANDOM.normal(0, 2, (2, 4, 5, 6))
TARGET = RANDOM.uniform(size=LOGITS.shape) < 0.4


def probability(logits):
    return 1 / (1 + np.exp(-logits))


def entropy(predicted, target):
    return -(target * np.log(predicted) + (1 - target) * np.log(1 - predicted))


@pytest.mark.parametrize("form", ["bodynet", "paper"])
def test_voxels_and_their_silhouettes(form):
    reduce = np.mean if form == "bodynet" else lambda values: values.sum() / len(LOGITS)
    logits, target = torch.from_numpy(LOGITS), torch.from_numpy(TARGET)
    voxels = bodynet.voxel_loss(logits, target, form=form)
    assert voxels.item() == pytest.approx(reduce(entropy(probability(LOGITS), TARGET)))
    weight = RANDOM.uniform(0, 2, LOGITS.shape[1:])
    weighed = bodynet.voxel_loss(logits, target, weight=torch.from_numpy(weight), form=form)
    assert weighed.item() == pytest.approx(reduce(weight * entropy(probability(LOGITS), TARGET)))

    views, truths = projections(probability(LOGITS)), projections(TARGET)
    losses = bodynet.reprojection_losses(logits, *map(torch.from_numpy, truths), form=form)
    for loss, view, truth in zip(losses, views, truths, strict=True):
        assert loss.item() == pytest.approx(reduce(entropy(view, truth)))


@pytest.mark.parametrize("form", ["bodynet", "paper"])
def test_parts_and_their_silhouettes(form):
    logits = RANDOM.normal(0, 2, (2, 7, 3, 4, 5))
    parts = RANDOM.integers(0, 7, (2, 3, 4, 5))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    chosen = np.take_along_axis(shares, parts[:, None], axis=1)
    reduce = np.mean if form == "bodynet" else lambda values: values.sum() / 2
    loss = bodynet.part_loss(torch.from_numpy(logits), torch.from_numpy(parts), form=form)
    assert loss.item() == pytest.approx(reduce(-np.log(chosen)))

    one_hot = np.moveaxis(np.eye(7)[parts], -1, 1)
    single = probability(logits)
    views, truths = [], []
    for axis in (2, 4):
        views.append(np.concatenate([single[:, :1].min(axis=axis), single[:, 1:].max(axis=axis)], axis=1))
        truths.append(np.concatenate([one_hot[:, :1].min(axis=axis), one_hot[:, 1:].max(axis=axis)], axis=1))
    losses = bodynet.part_reprojection_losses(
        torch.from_numpy(logits), *map(torch.from_numpy, truths), form=form
    )
    for found, view, truth in zip(losses, views, truths, strict=True):
        assert found.item() == pytest.approx(reduce(entropy(view, truth)))


def test_gradients():
    logits = torch.from_numpy(LOGITS).requires_grad_()
    front, side = (torch.from_numpy(view) for view in projections(TARGET))
    torch.autograd.gradcheck(lambda x: bodynet.voxel_loss(x, torch.from_numpy(TARGET)), logits)
    torch.autograd.gradcheck(lambda x: bodynet.reprojection_losses(x, front, side, form="paper"), logits)
    parts = torch.from_numpy(RANDOM.normal(size=(1, 7, 2, 3, 4))).requires_grad_()
    labels = torch.from_numpy(RANDOM.integers(0, 7, (1, 2, 3, 4)))
    torch.autograd.gradcheck(lambda x: bodynet.part_loss(x, labels), parts)
    views = torch.ones(1, 7, 3, 4), torch.zeros(1, 7, 2, 3)
    torch.autograd.gradcheck(lambda x: bodynet.part_reprojection_losses(x, *views), parts)


def test_sure_and_wrong_stays_finite():
    logits = torch.full((1, 2, 2, 2), 1e4, requires_grad=True)
    loss = bodynet.voxel_loss(logits, torch.zeros(1, 2, 2, 2))
    loss.backward()
    assert loss.item() == 1e4
    assert (logits.grad > 0).all()


def test_the_sum_of_the_tasks():
    ones = {task: torch.ones(()) for task in bodynet.TASKS}
    for form in ("bodynet", "paper"):
        assert bodynet.combined_loss(ones, form=form).item() == pytest.approx(1)
    # without the tasks in between, ten to one to one
    three = {"voxels": torch.tensor(1.0), "front": torch.tensor(0.0), "side": torch.tensor(0.0)}
    assert bodynet.combined_loss(three).item() == pytest.approx(10 / 12)
    only = {"joints2d": torch.tensor(1.0), "segmentation": torch.tensor(0.0)}
    assert bodynet.combined_loss(only, form="paper").item() == pytest.approx(1e4 / (1e4 + 1))
    assert bodynet.combined_loss(only, form="bodynet").item() == pytest.approx(1 / (1e4 + 1))


def test_refusals():
    logits = torch.zeros(1, 2, 3, 4)
    with pytest.raises(ShapeError, match="the same shape"):
        bodynet.voxel_loss(logits, torch.zeros(1, 2, 3, 5))
    with pytest.raises(ShapeError, match=r"\(B, C, D, H, W\)"):
        bodynet.part_loss(logits, torch.zeros(1, 3, 4))
    with pytest.raises(UsageError, match="no form 'mean'"):
        bodynet.voxel_loss(logits, logits, form="mean")
    with pytest.raises(UsageError, match="no task pose"):
        bodynet.combined_loss({"pose": torch.zeros(())})
    with pytest.raises(UsageError, match="no loss"):
        bodynet.combined_loss({})
