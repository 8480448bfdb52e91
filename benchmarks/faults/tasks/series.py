"""Series: some numbers at each of some times, shape [N, times, numbers] or [N, numbers, times]."""

from __future__ import annotations

from dataclasses import replace

import torch

from benchmarks.faults.tasks.task import Task, classified, get, held_back, regressed, task
from cockpit.problems.data import Pairs

TIMES = 40
ADDED = 16


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
