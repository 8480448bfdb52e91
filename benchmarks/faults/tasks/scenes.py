"""Pictures made of others, or drawn: turned clothes, clothes with holes, pairs of digits, discs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.faults.tasks.pictures import ALL, clothes
from benchmarks.faults.tasks.task import (
    Task,
    answered,
    classified,
    each_standardized,
    get,
    held_back,
    regressed,
    standardized,
    task,
)
from cockpit.problems.data import Pairs

FROM = (40_000, 8000)  # in the training and in the test data: these pictures no other task has
HOLE = 6
DISC = 16


def garments(size: int) -> tuple[Pairs, Pairs]:
    """Further 8,000 pictures of clothes, and 1,000 for validation, all ten kinds."""
    return clothes(ALL, size, FROM)


@task("garments-12", "garments-16", "garments-20")
def all_garments(name: str) -> Task:
    """Ten kinds of clothes in this size."""
    return classified(name, *garments(int(name.partition("-")[2])))


@task("garments-16-smoothed")
def smoothed(name: str) -> Task:
    """The same, with smoothed labels."""
    return replace(
        get("garments-16"), name=name, loss=partial(nn.CrossEntropyLoss, label_smoothing=0.05)
    )


@task("garments-turned")
def turned(name: str) -> Task:
    """By how many right angles a picture was turned; for networks that end in log-softmax."""
    generator, parts = torch.Generator().manual_seed(0), []
    for part in garments(14):
        angles = torch.randint(4, (len(part),), generator=generator)
        each = torch.stack([part.inputs.rot90(number, (2, 3)) for number in range(4)])
        parts.append(Pairs(each[angles, torch.arange(len(part))], angles))
    return replace(classified(name, *parts), loss=nn.NLLLoss)


@task("garments-filled")
def filled(name: str) -> Task:
    """From pictures with a square hole somewhere to those without; 16 × 16 pixels."""
    generator, parts = torch.Generator().manual_seed(0), []
    places = torch.arange(16)
    for part in garments(16):
        corners = torch.randint(16 - HOLE + 1, (2, len(part), 1), generator=generator)
        rows, columns = (places >= corners) & (places < corners + HOLE)
        hole = rows[:, None, :, None] & columns[:, None, None, :]
        parts.append(Pairs(part.inputs.masked_fill(hole, 0.0), part.inputs))
    return regressed(name, *parts)


@task("digits-greater")
def greater(name: str) -> Task:
    """Two digits side by side, 8 × 16 pixels: is the left one the greater one?"""
    found, generator, parts = get("digits"), torch.Generator().manual_seed(0), []
    for part, count in ((found.train, 8000), (found.valid, 1000)):
        left, right = torch.randint(len(part), (2, 2 * count), generator=generator)
        unlike = part.targets[left] != part.targets[right]
        left, right = left[unlike][:count], right[unlike][:count]
        images = torch.cat([part.inputs[left], part.inputs[right]], 3)
        parts.append(Pairs(images, (part.targets[left] > part.targets[right]).long()))
    return answered(name, *parts)


@task("discs")
def discs(name: str) -> Task:
    """Where a disc's centre is, and how large the disc; 16 × 16 pixels with noise."""
    count, generator = 6000, torch.Generator().manual_seed(0)
    centre = DISC / 2 + 8 * (torch.rand(count, 2, generator=generator) - 0.5)
    radius = 2 + 3 * torch.rand(count, 1, generator=generator)
    images = _drawn(centre, radius)
    images = images * (0.5 + torch.rand(count, 1, 1, 1, generator=generator))
    images = images + 0.2 * torch.randn(images.shape, generator=generator)
    train, valid = held_back(images, torch.cat([centre, radius], 1), 5000)
    inputs, others = standardized(train.inputs, valid.inputs)
    targets, answers = each_standardized(train.targets, valid.targets)
    made = regressed(name, Pairs(inputs, targets), Pairs(others, answers))
    return replace(made, loss=nn.SmoothL1Loss)


def _drawn(centre: Tensor, radius: Tensor) -> Tensor:
    """Discs with soft edges, shape [count, 1, 16, 16]."""
    places = torch.arange(DISC) + 0.5
    across, down = (places - centre[:, axis, None] for axis in range(2))
    away = torch.hypot(down[:, :, None], across[:, None, :])
    return torch.sigmoid(3 * (radius[:, :, None] - away))[:, None]
