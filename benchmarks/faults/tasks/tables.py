"""Tables: those that scikit-learn ships, and drawn ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.faults.tasks.task import (
    Task,
    answered,
    classified,
    each_standardized,
    get,
    held_back,
    regressed,
    task,
)
from cockpit.problems.data import Pairs

CATEGORIES = (24, 7, 12, 4, 30)  # hours, days, months, weathers, stations


@task("cancer", "diabetes", "friedman")
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


@task("friedman-robust")
def robust(name: str) -> Task:
    """Friedman's function, with a loss that minds outliers less."""
    return replace(get("friedman"), name=name, loss=nn.SmoothL1Loss)


def cut(features: Tensor, answers: Tensor) -> tuple[Pairs, Pairs]:
    """Features, each standardized, with their answers in an order by chance; a fifth is held back.

    Args:
        features: float, shape [samples, features].
        answers: Classes, shape [samples], or floats, shape [samples, outputs]: standardized, too.
    """
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(1))
    held = round(0.8 * len(order))
    train, valid = each_standardized(*features[order].float().tensor_split([held]))
    targets, rest = answers[order].tensor_split([held])
    if answers.is_floating_point():
        targets, rest = each_standardized(targets.float(), rest.float())
    return Pairs(train, targets), Pairs(valid, rest)


@task("wine")
def wine(name: str) -> Task:
    """Which of three growers a wine is from: 178 wines, 13 measurements of each."""
    from sklearn import datasets

    features, answers = map(torch.as_tensor, datasets.load_wine(return_X_y=True))
    return classified(name, *cut(features, answers.long()))


@task("clusters")
def clusters(name: str) -> Task:
    """Five classes of two clusters each, in twenty columns, of which half mean nothing."""
    from sklearn import datasets

    features, answers = map(
        torch.as_tensor,
        datasets.make_classification(
            4000, 20, n_informative=8, n_redundant=2, n_classes=5, n_clusters_per_class=2,
            class_sep=1.6, flip_y=0.01, random_state=0,
        ),
    )  # fmt: skip
    return classified(name, *cut(features, answers.long()))


@task("moons")
def moons(name: str) -> Task:
    """Two moons, each around the end of the other, and four columns that mean nothing."""
    from sklearn import datasets

    features, answers = map(torch.as_tensor, datasets.make_moons(2000, noise=0.15, random_state=0))
    noise = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    return classified(name, *cut(torch.cat([features.float(), noise], 1), answers.long()))


@task("parity")
def parity(name: str) -> Task:
    """Whether three numbers of six have an even number of negatives: no one of them tells."""
    features = torch.randn(4000, 6, generator=torch.Generator().manual_seed(0))
    return answered(name, *cut(features, features[:, :3].prod(1).gt(0).long()))


@task("arm")
def arm(name: str) -> Task:
    """Where the hand is, by the angles of shoulder, elbow and wrist and the bones' lengths."""
    generator = torch.Generator().manual_seed(0)
    angles = (torch.rand(5000, 3, generator=generator) - 0.5) * torch.pi
    bones = 0.5 + torch.rand(5000, 3, generator=generator)
    heading = angles.cumsum(1)
    hand = torch.stack([(bones * heading.cos()).sum(1), (bones * heading.sin()).sum(1)], 1)
    made = regressed(name, *cut(torch.cat([angles, bones], 1), hand))
    return replace(made, loss=nn.HuberLoss)


@task("plane")
def plane(name: str) -> Task:
    """A linear function of half of 25 columns, with noise."""
    from sklearn import datasets

    features, answers = map(
        torch.as_tensor,
        datasets.make_regression(2000, 25, n_informative=12, noise=40.0, random_state=0),
    )
    return regressed(name, *cut(features, answers[:, None]))


@task("impedance")
def impedance(name: str) -> Task:
    """Friedman's second function: of a circuit's resistance, frequency and two parts."""
    from sklearn import datasets

    features, answers = map(
        torch.as_tensor, datasets.make_friedman2(3000, noise=50.0, random_state=0)
    )
    return replace(regressed(name, *cut(features, answers[:, None])), loss=nn.L1Loss)


@task("iris")
def iris(name: str) -> Task:
    """Which of three kinds an iris is: 150 flowers, four lengths of each."""
    from sklearn import datasets

    features, answers = map(torch.as_tensor, datasets.load_iris(return_X_y=True))
    return classified(name, *cut(features, answers.long()))


@task("topics")
def topics(name: str) -> Task:
    """Which of six topics a text has, by how often it has each of 24 words; it may have several."""
    from sklearn import datasets

    counts, answers = map(
        torch.as_tensor,
        datasets.make_multilabel_classification(
            5000, 24, n_classes=6, n_labels=2, length=60, allow_unlabeled=False, random_state=0
        ),
    )
    train, valid = cut(counts, answers.long())
    train, valid = (Pairs(part.inputs, part.targets.float()) for part in (train, valid))
    return Task(name, train, valid, nn.BCEWithLogitsLoss, 6)


@task("demand")
def demand(name: str) -> Task:
    """How many bicycles are hired, by five categories; logarithms, standardized, some noise.

    The codes of hour, day, month, weather and station follow each other; no row comes twice.
    """
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(math.prod(CATEGORIES), generator=generator)[:8000]
    hour, day, month, weather, station = (
        torch.as_tensor(part) for part in np.unravel_index(chosen.numpy(), CATEGORIES)
    )
    works = day < 5
    rush = (-((hour - 8) ** 2) / 4).exp() + (-((hour - 17) ** 2) / 6).exp()
    leisure = (-((hour - 14) ** 2) / 18).exp()
    busy = torch.randn(CATEGORIES[-1], generator=generator)
    hired = (
        torch.where(works, 2.0 * rush, 1.5 * leisure)
        + 0.7 * (2 * torch.pi * (month - 3) / 12).sin()
        - torch.tensor([0.0, 0.3, 0.8, 1.6])[weather]
        + 0.6 * busy[station]
        + 0.15 * torch.randn(len(hour), generator=generator)
    )
    firsts = [sum(CATEGORIES[:number]) for number in range(len(CATEGORIES))]
    codes = torch.stack([hour, day, month, weather, station], 1) + torch.tensor(firsts)
    train, valid = held_back(codes, hired[:, None].float(), 6400)
    targets, answers = each_standardized(train.targets, valid.targets)
    return regressed(name, Pairs(train.inputs, targets), Pairs(valid.inputs, answers))
