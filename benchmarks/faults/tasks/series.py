"""Series: some numbers at each of some times, shape [N, times, numbers] or [N, numbers, times]."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.faults.tasks.task import (
    Task,
    classified,
    each_standardized,
    get,
    held_back,
    regressed,
    standardized,
    task,
)
from cockpit.problems.data import Pairs

TIMES = 40
ADDED = 16
POINTS = 24
STROKES = 32
BEAT = 64
YEARS, HELD = 10, 2  # of the weather, and those at their end that are held back
SEEN, AHEAD = 24, 6  # hours


@task("digits-rows")
def rows(name: str) -> Task:
    """Digits as series: eight channels, one for each row of pixels."""
    found = get("digits")
    train, valid = (Pairs(p.inputs.squeeze(1), p.targets) for p in (found.train, found.valid))
    return replace(found, name=name, train=train, valid=valid)


@task("clothes-rows")
def rows_of_clothes(name: str) -> Task:
    """Clothes of 20 × 20 pixels, read row by row."""
    found = get("clothes-20")
    train, valid = (Pairs(p.inputs.squeeze(1), p.targets) for p in (found.train, found.valid))
    return replace(found, name=name, train=train, valid=valid)


@task("waves")
def waves(name: str) -> Task:
    """A sine, a square, a saw or a pulse, of any phase and one to three periods, with noise."""
    count, generator = 5000, torch.Generator().manual_seed(0)
    kinds = torch.randint(4, (count,), generator=generator)
    periods = 1 + 2 * torch.rand(count, 1, generator=generator)
    begin = torch.rand(count, 1, generator=generator)
    phase = (begin + periods * torch.linspace(0, 1, TIMES)) % 1
    shapes = torch.stack([
        (2 * torch.pi * phase).sin() * 2**0.5,
        torch.where(phase < 0.5, 1.0, -1.0),
        (2 * phase - 1) * 3**0.5,
        torch.where(phase < 0.2, 2.0, -0.5),
    ])  # fmt: skip
    seen = shapes[kinds, torch.arange(count)]
    seen = seen + 0.3 * torch.randn(seen.shape, generator=generator)
    return classified(name, *held_back(seen[..., None], kinds, 4000))


@task("adding")
def adding(name: str) -> Task:
    """The sum of two numbers among sixteen; a second column marks which (Hochreiter, 1997)."""
    count, generator = 6000, torch.Generator().manual_seed(0)
    numbers = torch.rand(count, ADDED, generator=generator) * 2 - 1
    marks = torch.zeros(count, ADDED)
    marks.scatter_(1, torch.rand(count, ADDED, generator=generator).topk(2).indices, 1.0)
    sums = (numbers * marks).sum(1, keepdim=True)
    series = torch.stack([numbers, marks], 2)
    return regressed(name, *held_back(series, sums, 5000))


@task("outlines")
def outlines(name: str) -> Task:
    """Points on a circle, square, triangle, cross or spiral, in no order; a little turned."""
    count, generator = 5000, torch.Generator().manual_seed(0)
    kinds = torch.randint(5, (count,), generator=generator)
    along = torch.rand(count, POINTS, generator=generator)
    spiral = along.sqrt()
    shapes = torch.stack([
        _round(along),
        _along(along, [(1, 1), (-1, 1), (-1, -1), (1, -1), (1, 1)]),
        _along(along, [(0, 1.2), (-1.1, -0.8), (1.1, -0.8), (0, 1.2)]),
        torch.where(
            (along < 0.5)[..., None],
            _along(2 * along, [(-1, -1), (1, 1)]),
            _along(2 * along - 1, [(-1, 1), (1, -1)]),
        ),
        1.3 * spiral[..., None] * _round(2 * spiral),
    ])  # fmt: skip
    angles = 0.5 * (torch.rand(count, generator=generator) - 0.5)
    size = 0.7 + 0.6 * torch.rand(count, 1, 1, generator=generator)
    points = size * shapes[kinds, torch.arange(count)] @ _turns(angles)
    points = points + 0.08 * torch.randn(points.shape, generator=generator)
    return classified(name, *_scaled(*held_back(points, kinds, 4000)))


@task("gestures")
def gestures(name: str) -> Task:
    """A pen's steps while it draws a ring, an eight, a spiral, a wave, a tick or a box."""
    count, generator = 5000, torch.Generator().manual_seed(0)
    kinds = torch.randint(6, (count,), generator=generator)
    pace = 0.7 + 0.6 * torch.rand(count, 1, generator=generator)  # some begin fast, some slowly
    along = torch.linspace(0, 1, STROKES + 1) ** pace
    around = 2 * torch.pi * along
    shapes = torch.stack([
        _round(along),
        torch.stack([around.sin(), (2 * around).sin()], -1),
        along[..., None] * _round(2 * along),
        torch.stack([2 * along - 1, 0.5 * (3 * around).sin()], -1),
        _along(along, [(-1, 0.2), (-0.4, -0.8), (0.2, 0), (1, 1)]),
        _along(along, [(1, 1), (-1, 1), (-1, -1), (1, -1), (1, 1)]),
    ])  # fmt: skip
    angles = torch.rand(count, generator=generator) - 0.5
    size = 0.7 + 0.6 * torch.rand(count, 1, 1, generator=generator)
    path = size * shapes[kinds, torch.arange(count)] @ _turns(angles)
    steps = path.diff(dim=1)
    steps = steps + 0.05 * torch.randn(steps.shape, generator=generator)
    return classified(name, *_scaled(*held_back(steps, kinds, 4000)))


def _round(along: Tensor) -> Tensor:
    """On a circle, which is gone around once while ``along`` goes from 0 to 1."""
    return torch.stack([(2 * torch.pi * along).cos(), (2 * torch.pi * along).sin()], -1)


def _along(along: Tensor, corners: list[tuple[float, float]]) -> Tensor:
    """On straight lines from corner to corner."""
    places = torch.tensor(corners, dtype=torch.float)
    way = along.clamp(0, 1) * (len(corners) - 1)
    start = way.floor().clamp(max=len(corners) - 2).long()
    return places[start].lerp(places[start + 1], (way - start)[..., None])


def _turns(angles: Tensor) -> Tensor:
    """Matrices that turn rows of two numbers, shape [N, 2, 2]."""
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)


def _scaled(train: Pairs, valid: Pairs) -> tuple[Pairs, Pairs]:
    """Inputs with mean 0 and standard deviation 1."""
    inputs, others = standardized(train.inputs, valid.inputs)
    return Pairs(inputs, train.targets), Pairs(others, valid.targets)


@task("beats")
def beats(name: str) -> Task:
    """Heartbeats as sums of five bumps: sound, or with one of four things wrong."""
    count, generator = 5000, torch.Generator().manual_seed(0)
    kinds = torch.randint(5, (count,), generator=generator)
    centre = torch.tensor([0.25, 0.42, 0.46, 0.50, 0.70]).repeat(count, 1)
    width = torch.tensor([0.030, 0.012, 0.014, 0.012, 0.045]).repeat(count, 1)
    height = torch.tensor([0.25, -0.2, 1.2, -0.3, 0.4]).repeat(count, 1)
    height = height * (0.8 + 0.4 * torch.rand(count, 5, generator=generator))
    height[kinds == 1, 0] = 0.0  # no atrial wave
    width[kinds == 2, 1:4] *= 2.5  # slow ventricles
    height[kinds == 3, 4] *= -1.0  # an inverted last wave
    centre[kinds == 4, 4] += 0.12  # a late one
    shift = 0.16 * (torch.rand(count, 1, generator=generator) - 0.5)
    away = torch.linspace(0, 1, BEAT) - (centre + shift)[..., None]
    beat = (height[..., None] * (-((away / width[..., None]) ** 2) / 2).exp()).sum(1)
    beat = beat + 0.07 * torch.randn(beat.shape, generator=generator)
    return classified(name, *_scaled(*held_back(beat[:, None], kinds, 4000)))


@task("weather")
def weather(name: str) -> Task:
    """From a day's temperatures, clouds and hours to the temperature six hours later.

    Clouds drift and damp the days' course; validation is by the last two years.
    """
    generator = torch.Generator().manual_seed(0)
    hours = torch.arange(YEARS * 365 * 24)
    drift, clouds = torch.randn(2, len(hours), generator=generator).double()
    front, cloud = (
        torch.tensor(_wander(part.tolist(), kept)) for part, kept in ((drift, 0.98), (clouds, 0.96))
    )
    sky = torch.sigmoid(1.5 * cloud)
    day, year = 2 * torch.pi * hours / 24, 2 * torch.pi * hours / (365 * 24)
    warmth = 10 - 8 * year.cos() - (6 - 5 * sky) * (day - 0.8).cos() + 2.5 * front
    columns = torch.stack([warmth, sky, day.sin(), day.cos()], 1).float()
    pieces = columns.unfold(0, SEEN + AHEAD, SEEN + AHEAD + 1).transpose(1, 2)
    seen, coming = pieces[:, :SEEN], pieces[:, -1, :1]
    last = round(len(pieces) * (YEARS - HELD) / YEARS)
    train, valid = each_standardized(*(part.flatten(0, 1) for part in seen.tensor_split([last])))
    targets, answers = each_standardized(*coming.tensor_split([last]))
    inputs, others = (part.unflatten(0, (-1, SEEN)) for part in (train, valid))
    return regressed(name, Pairs(inputs, targets), Pairs(others, answers))


def _wander(shocks: list[float], kept: float) -> list[float]:
    """Each value is a part of the one before, and a shock; their variance is that of the shocks."""
    found, fresh = [shocks[0]], (1 - kept**2) ** 0.5
    for shock in shocks[1:]:
        found.append(kept * found[-1] + fresh * shock)
    return found
