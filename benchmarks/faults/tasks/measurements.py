"""Measurements as physics would have them: spectra, orbits, throws, with noise."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.faults.tasks.tables import cut
from benchmarks.faults.tasks.task import Task, classified, regressed, task
from cockpit.problems.data import Pairs

SUBSTANCES, WAVELENGTHS = 5, 48
NOISE = 0.05  # of an absorbance
SECOND = 50  # steps of a throw's computation


def spectra(count: int) -> tuple[Tensor, Tensor]:
    """Absorbances of mixtures by the law of Beer and Lambert, and what is in them.

    Returns:
        Shapes [count, wavelengths] and [count, substances].
    """
    generator = torch.Generator().manual_seed(0)
    places = torch.linspace(0, 1, WAVELENGTHS)
    centres = torch.rand(SUBSTANCES, 3, 1, generator=generator)
    widths = 0.04 + 0.08 * torch.rand(SUBSTANCES, 3, 1, generator=generator)
    heights = 0.3 + torch.rand(SUBSTANCES, 3, 1, generator=generator)
    pure = (heights * (-(((places - centres) / widths) ** 2) / 2).exp()).sum(1)
    shares = torch.rand(count, SUBSTANCES, generator=generator)
    slope = 0.3 * torch.randn(count, 1, generator=generator) * places
    noise = NOISE * torch.randn(count, WAVELENGTHS, generator=generator)
    return shares @ pure + slope + noise, shares


@task("spectra")
def mixtures(name: str) -> Task:
    """From a spectrum to the shares of five substances: 600 spectra of 48 wavelengths."""
    return regressed(name, *cut(*spectra(600)))


@task("spectra-itself")
def reconstructed(name: str) -> Task:
    """A spectrum, to be told from a few numbers that are made of it."""
    absorbances, shares = spectra(3000)
    train, valid = cut(absorbances, shares)
    return regressed(name, Pairs(train.inputs, train.inputs), Pairs(valid.inputs, valid.inputs))


@task("substances")
def substances(name: str) -> Task:
    """Which of five substances a mixture has most of, by its spectrum."""
    absorbances, shares = spectra(625)
    return classified(name, *cut(absorbances, shares.argmax(1)))


@task("orbits")
def orbits(name: str) -> Task:
    """Does a comet stay, leave, or fall into its star, by place, velocity and the star's mass?

    Few fall in: the loss weighs the classes by how rare they are.
    """
    generator = torch.Generator().manual_seed(0)
    place, velocity = torch.randn(2, 6000, 3, generator=generator).unbind()
    mass = 0.5 + 1.5 * torch.rand(6000, 1, generator=generator)
    distance = place.norm(dim=1, keepdim=True)
    energy = velocity.square().sum(1, keepdim=True) / 2 - mass / distance
    momentum = torch.linalg.cross(place, velocity).norm(dim=1, keepdim=True)
    eccentricity = (1 + 2 * energy * momentum**2 / mass**2).clamp(min=0).sqrt()
    nearest = momentum**2 / mass / (1 + eccentricity)
    fate = torch.where(energy > 0, 1, 0)
    fate = torch.where(nearest < 0.15, 2, fate).flatten()
    made = classified(name, *cut(torch.cat([place, velocity, mass], 1), fate))
    counts = made.train.targets.bincount().float()
    weight = len(made.train) / (len(counts) * counts)
    return replace(made, loss=partial(nn.CrossEntropyLoss, weight=weight))


@task("throws")
def throws(name: str) -> Task:
    """How far a ball flies in air, by how it is thrown.

    Columns: speed, angle, height of the hand, the air's resistance, and wind from behind.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(4000, 5, generator=generator)
    least = torch.tensor([5.0, 0.1, 0.0, 0.0, -8.0])
    most = torch.tensor([30.0, 1.4, 10.0, 0.05, 8.0])
    columns = least + (most - least) * drawn
    return replace(regressed(name, *cut(columns, _flown(columns)[:, None])), loss=nn.L1Loss)


def _flown(columns: Tensor) -> Tensor:
    """The distance of each flight, by short steps."""
    speed, angle, height, drag, wind = columns.unbind(1)
    across, up = speed * angle.cos(), speed * angle.sin()
    distance = torch.zeros_like(speed)
    for _ in range(8 * SECOND):
        flies = (height > 0) | (up > 0)
        beside = (across - wind).hypot(up)
        across = across - drag * beside * (across - wind) / SECOND
        up = up - (9.81 + drag * beside * up) / SECOND
        distance = distance + flies * across / SECOND
        height = height + up / SECOND
    return distance
