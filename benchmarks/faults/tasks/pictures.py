"""Pictures: of clothes, and of handwritten digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.faults.tasks.task import (
    Task,
    answered,
    classified,
    each_standardized,
    get,
    regressed,
    standardized,
    task,
)
from cockpit.problems.data import Pairs, load

ALL = tuple(range(10))
TOPS, SHOES, FLAT_SHOES = (0, 2, 3, 4, 6), (5, 7, 8, 9), (5, 7)  # bags are with the shoes


@task("fashion", "fashion-raw", "fashion-14", "fashion-14-raw")
def fashion(name: str) -> Task:
    """6,000 pictures of clothes, 1,000 for validation; ``-14``: halved; ``-raw``: in [0, 1]."""
    found = load("fashion-mnist", report=lambda _: None)
    (train, targets), (valid, answers) = (
        part.take(torch.arange(count)) for part, count in ((found.train, 6000), (found.test, 1000))
    )
    if "-14" in name:
        train, valid = functional.avg_pool2d(train, 2), functional.avg_pool2d(valid, 2)
    if not name.endswith("-raw"):
        train, valid = standardized(train, valid)
    return classified(name, Pairs(train, targets), Pairs(valid, answers))


@task("digits", "digits-raw", "digits-flat")
def digits(name: str) -> Task:
    """1,500 handwritten digits of 8 × 8 pixels; ``-flat``: 64 features, each standardized."""
    found = load("digits", report=lambda _: None)
    (train, targets), (valid, answers) = (
        part.take(torch.arange(len(part))) for part in (found.train, found.test)
    )
    if name.endswith("-flat"):
        train, valid = each_standardized(train.flatten(1), valid.flatten(1))
    elif not name.endswith("-raw"):
        train, valid = standardized(train, valid)
    return classified(name, Pairs(train, targets), Pairs(valid, answers))


@task("halves")
def halves(name: str) -> Task:
    """From the upper half of a digit to the lower one: 32 numbers to 32 numbers."""
    found = get("digits")
    (train, targets), (valid, answers) = (
        part.inputs.flatten(1).split(32, dim=1) for part in (found.train, found.valid)
    )
    return regressed(name, Pairs(train, targets), Pairs(valid, answers))


@task("fashion-14-smoothed")
def smoothed(name: str) -> Task:
    """Clothes, with smoothed labels."""
    return replace(
        get("fashion-14"), name=name, loss=partial(nn.CrossEntropyLoss, label_smoothing=0.1)
    )


@task("digits-few")
def few(name: str) -> Task:
    """The first 256 digits, to be taken all at once."""
    found = get("digits")
    return replace(found, name=name, train=Pairs(*found.train.take(torch.arange(256))))


@task("digits-tags")
def tags(name: str) -> Task:
    """Digits, with a yes or no for each class."""
    found = get("digits")
    train, valid = (
        Pairs(part.inputs, functional.one_hot(part.targets, 10).float())
        for part in (found.train, found.valid)
    )
    return Task(name, train, valid, nn.BCEWithLogitsLoss, 10)


@task("digits-itself")
def itself(name: str) -> Task:
    """A digit's pixels in [0, 1], to be told from a few numbers that are made of them."""
    found = get("digits-raw")
    train, valid = (part.inputs.flatten(1) for part in (found.train, found.valid))
    return regressed(name, Pairs(train, train), Pairs(valid, valid))


@task("digits-uneven")
def uneven(name: str) -> Task:
    """Digits of which those from 5 on are there a third as often; the loss weighs them more."""
    found = get("digits")
    rare, kept = found.train.targets >= 5, torch.arange(len(found.train)) % 3 == 0
    train = Pairs(*found.train.take((~rare | kept).nonzero().flatten()))
    counts = train.targets.bincount(minlength=10)
    weight = len(train) / (10 * counts)
    loss = partial(nn.CrossEntropyLoss, weight=weight)
    return replace(found, name=name, train=train, loss=loss)


def clothes(
    classes: Sequence[int], size: int, begin: tuple[int, int] = (20_000, 4000)
) -> tuple[Pairs, Pairs]:
    """Other pictures of clothes than those of ``fashion``: 8,000, and 1,000 for validation.

    Args:
        classes: Those that are kept; they are numbered anew, in this order.
        size: Height and width that they are brought to.
        begin: Number of the first one in the training data, and in the test data.
    """
    found = load("fashion-mnist", report=lambda _: None)
    parts = []
    for part, first, count in ((found.train, begin[0], 8000), (found.test, begin[1], 1000)):
        images, labels = part.take(torch.arange(first, first + count))
        numbers = torch.full((10,), -1)
        numbers[list(classes)] = torch.arange(len(classes))
        kept = numbers[labels] >= 0
        parts.append((resized(images[kept], size), numbers[labels[kept]]))
    (train, targets), (valid, answers) = parts
    train, valid = standardized(train, valid)
    return Pairs(train, targets), Pairs(valid, answers)


def resized(images: Tensor, size: int) -> Tensor:
    """In other pixels."""
    return functional.interpolate(
        images, (size, size), mode="bilinear", antialias=True, align_corners=False
    )


@task("clothes-7", "clothes-10", "clothes-16", "clothes-20", "clothes-28")
def all_clothes(name: str) -> Task:
    """All ten kinds of clothes, in this size."""
    return classified(name, *clothes(ALL, int(name.partition("-")[2])))


@task("tops")
def tops(name: str) -> Task:
    """What is worn above: shirts, pullovers, dresses, coats, in 16 × 16 pixels."""
    return classified(name, *clothes(TOPS, 16))


@task("shoes")
def shoes(name: str) -> Task:
    """Three kinds of shoes, and bags, in full."""
    return classified(name, *clothes(SHOES, 28))


@task("sneakers")
def sneakers(name: str) -> Task:
    """A sneaker or a sandal: yes or no; 12 × 12 pixels."""
    return answered(name, *clothes(FLAT_SHOES, 12))


@task("clothes-likely")
def likely(name: str) -> Task:
    """Clothes of 10 × 10 pixels, for networks that end in logarithms of probabilities."""
    return replace(get("clothes-10"), name=name, loss=nn.NLLLoss)


@task("clothes-denoised")
def denoised(name: str) -> Task:
    """From clothes of 10 × 10 pixels with much noise to those without."""
    found, generator = get("clothes-10"), torch.Generator().manual_seed(0)
    parts = []
    for part in (found.train, found.valid):
        clean = part.inputs.flatten(1)
        parts.append(Pairs(clean + 0.5 * torch.randn(clean.shape, generator=generator), clean))
    return regressed(name, *parts)


@task("digits-16")
def large_digits(name: str) -> Task:
    """Digits brought to 16 × 16 pixels, with some noise."""
    found, generator = get("digits"), torch.Generator().manual_seed(0)
    parts = []
    for part in (found.train, found.valid):
        images = resized(part.inputs, 16)
        noise = 0.3 * torch.randn(images.shape, generator=generator)
        parts.append(Pairs(images + noise, part.targets))
    return classified(name, *parts)
