"""What the programs learn: small real data, cut so that a run takes seconds.

All of it is there offline: Fashion-MNIST and the King James Bible as Debian ships them, the rest as
scikit-learn does. Where one of these is missing, loading it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cockpit.problems.data import Pairs, load
from cockpit.problems.data.texts import Passages, encode, vocabulary

CODES = 48
LENGTH = 16
CHARACTERS = 400_000


@dataclass(frozen=True)
class Task:
    """Data with the loss that belongs to it.

    Attributes:
        name: E.g. ``fashion-14``.
        train: What is trained on.
        valid: What is not.
        loss: Makes the loss function, called with (outputs, targets).
        classes: How many; None: a regression. Targets are their numbers or, with a loss for tags,
            floats with a column for each.
    """

    name: str
    train: Pairs
    valid: Pairs
    loss: Callable[[], nn.Module]
    classes: int | None

    @property
    def kind(self) -> str:
        """``images``, ``features``, ``rows`` or ``text``: what an input is."""
        if not self.train.inputs.is_floating_point():
            return "text"
        return {4: "images", 3: "rows"}.get(self.train.inputs.ndim, "features")

    @property
    def tagged(self) -> bool:
        """Whether targets are floats with a column for each class."""
        return self.classes is not None and self.train.targets.is_floating_point()


@cache
def get(name: str) -> Task:
    """The task of this name; the same tensors at each call, which are not to be changed.

    Raises:
        KeyError: If there is none.
    """
    return TASKS[name](name)


def classified(name: str, train: Pairs, valid: Pairs) -> Task:
    """With cross-entropy."""
    return Task(name, train, valid, nn.CrossEntropyLoss, int(train.targets.max()) + 1)


def regressed(name: str, train: Pairs, valid: Pairs) -> Task:
    """With the squared error."""
    return Task(name, train, valid, nn.MSELoss, None)


def standardized(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Mean 0 and standard deviation 1 over all of the training data; one scale for all elements."""
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (valid - mean) / std


def each_standardized(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """The same for each feature by itself; one that is constant becomes 0."""
    mean, std = train.mean(0), train.std(0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    return (train - mean) / std, (valid - mean) / std


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


def halves(name: str) -> Task:
    """From the upper half of a digit to the lower one: 32 numbers to 32 numbers."""
    found = get("digits")
    (train, targets), (valid, answers) = (
        part.inputs.flatten(1).split(32, dim=1) for part in (found.train, found.valid)
    )
    return regressed(name, Pairs(train, targets), Pairs(valid, answers))


def table(name: str) -> Task:
    """A table of scikit-learn's; features, and targets of a regression, are standardized."""
    from sklearn import datasets

    makers: dict[str, Callable[[], Any]] = {
        "cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
        "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
        "friedman": lambda: datasets.make_friedman1(3000, 10, noise=1.0, random_state=0),
    }
    features, answers = (torch.as_tensor(part) for part in makers[name]())
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))
    cut = round(0.8 * len(order))
    train, valid = each_standardized(*features[order].float().tensor_split([cut]))
    if name == "cancer":
        targets, rest = answers[order].long().tensor_split([cut])
        return classified(name, Pairs(train, targets), Pairs(valid, rest))
    targets, rest = each_standardized(*answers[order].float()[:, None].tensor_split([cut]))
    return regressed(name, Pairs(train, targets), Pairs(valid, rest))


def bible(name: str) -> Task:
    """Pieces of 16 characters of the King James Bible, and the character that follows each."""
    found = load("bible", report=lambda _: None)
    known = vocabulary(found.train[:CHARACTERS], CODES)
    train, valid = (
        Passages(encode(text, known), LENGTH)
        for text in (found.train[:CHARACTERS], found.test[: 300 * LENGTH])
    )
    (pieces, following), (others, answers) = (
        part.take(torch.arange(len(part))) for part in (train, valid)
    )
    return Task(name, Pairs(pieces, following), Pairs(others, answers), nn.CrossEntropyLoss, CODES)


def smoothed(name: str) -> Task:
    """Clothes, with smoothed labels."""
    return replace(
        get("fashion-14"), name=name, loss=partial(nn.CrossEntropyLoss, label_smoothing=0.1)
    )


def few(name: str) -> Task:
    """The first 256 digits, to be taken all at once."""
    found = get("digits")
    return replace(found, name=name, train=Pairs(*found.train.take(torch.arange(256))))


def tags(name: str) -> Task:
    """Digits, with a yes or no for each class."""
    found = get("digits")
    train, valid = (
        Pairs(part.inputs, functional.one_hot(part.targets, 10).float())
        for part in (found.train, found.valid)
    )
    return Task(name, train, valid, nn.BCEWithLogitsLoss, 10)


def itself(name: str) -> Task:
    """A digit's pixels in [0, 1], to be told from a few numbers that are made of them."""
    found = get("digits-raw")
    train, valid = (part.inputs.flatten(1) for part in (found.train, found.valid))
    return regressed(name, Pairs(train, train), Pairs(valid, valid))


def rows(name: str) -> Task:
    """Digits as series: eight channels, one for each row of pixels."""
    found = get("digits")
    train, valid = (Pairs(p.inputs.squeeze(1), p.targets) for p in (found.train, found.valid))
    return replace(found, name=name, train=train, valid=valid)


def robust(name: str) -> Task:
    """Friedman's function, with a loss that minds outliers less."""
    return replace(get("friedman"), name=name, loss=nn.SmoothL1Loss)


def uneven(name: str) -> Task:
    """Digits of which those from 5 on are there a third as often; the loss weighs them more."""
    found = get("digits")
    rare, kept = found.train.targets >= 5, torch.arange(len(found.train)) % 3 == 0
    train = Pairs(*found.train.take((~rare | kept).nonzero().flatten()))
    counts = train.targets.bincount(minlength=10)
    weight = len(train) / (10 * counts)
    loss = partial(nn.CrossEntropyLoss, weight=weight)
    return replace(found, name=name, train=train, loss=loss)


TASKS: dict[str, Callable[[str], Task]] = {
    "fashion": fashion,
    "fashion-raw": fashion,
    "fashion-14": fashion,
    "fashion-14-raw": fashion,
    "digits": digits,
    "digits-raw": digits,
    "digits-flat": digits,
    "fashion-14-smoothed": smoothed,
    "digits-few": few,
    "digits-tags": tags,
    "digits-itself": itself,
    "digits-rows": rows,
    "digits-uneven": uneven,
    "friedman-robust": robust,
    "halves": halves,
    "cancer": table,
    "diabetes": table,
    "friedman": table,
    "bible": bible,
}
