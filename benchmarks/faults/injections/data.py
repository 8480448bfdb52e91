"""Faults of the inputs, and of how they are cut into batches."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.faults.injections.applies import (
    accumulates,
    classification,
    every,
    floats,
    in_batches,
    inputs,
    no,
)
from benchmarks.faults.injections.fault import fault
from benchmarks.faults.loop import tracked_steps
from benchmarks.faults.programs import Program
from benchmarks.faults.setup import Batch, Setup
from cockpit.problems.data import Pairs


def both(setup: Setup, change: Callable[[Tensor], Tensor]) -> None:
    """Change the inputs of training and validation alike, as a fault of the preparation does.

    Where the targets are the inputs, they change with them.
    """

    def changed(pairs: Pairs) -> Pairs:
        inputs = change(pairs.inputs)
        return Pairs(inputs, inputs if pairs.targets is pairs.inputs else pairs.targets)

    setup.train, setup.valid = changed(setup.train), changed(setup.valid)


@fault("nonfinite_input", wrong=True, applies=floats,
       severities={"nan": float("nan"), "inf": float("inf")})  # fmt: skip
def bad_record(setup: Setup, severity: float) -> None:
    """One number of every tenth record is NaN, or infinite."""
    changed = setup.train.inputs.clone()
    changed.flatten(1)[::10, 3] = severity
    setup.train = replace(setup.train, inputs=changed)


@fault("nonfinite_input", wrong=True, applies=floats, onset=lambda severity: 1 / 3)
def one_bad_record(setup: Setup, severity: float) -> None:
    """A single record has a NaN; the run meets it after a third of its steps, at a tracked one.

    At a step that is not tracked nobody looks at the inputs, and what is seen later is a model of
    NaNs, whose cause nobody can tell.
    """
    epochs, tracked = setup.epochs(), tracked_steps(setup.steps)
    bad = next(step for step in range(setup.steps // 3, setup.steps) if tracked(step))

    def order() -> Iterator[Tensor]:
        for step, chosen in enumerate(epochs):
            others = chosen[chosen != 0]
            filled = torch.cat([others, others[: len(chosen) - len(others)]])
            yield (
                torch.cat([torch.zeros(1, dtype=chosen.dtype), filled[1:]])
                if (step == bad)
                else filled
            )

    changed = setup.train.inputs.clone()
    changed.flatten(1)[0, 3] = float("nan")
    setup.train = replace(setup.train, inputs=changed)
    setup.order = order


@fault("same_batch", wrong=True, applies=in_batches)
def same_batch(setup: Setup, severity: float) -> None:
    """``next(iter(loader))`` within the loop, with a fixed seed: the same batch at every step."""
    batch = next(setup.epochs())
    setup.order = lambda: itertools.repeat(batch)


@fault("duplicate_samples", wrong=True, severities={"all": 1e9, "eight": 8})
def same_record(setup: Setup, severity: float) -> None:
    """The data set minds the index too little: each record comes several times in a row."""
    epochs, repeats = setup.epochs(), int(min(severity, setup.batch_size))

    def order() -> Iterator[Tensor]:
        for chosen in epochs:
            yield chosen.repeat_interleave(repeats)[: len(chosen)]

    setup.order = order


@fault("duplicate_samples", "same_batch", wrong=True)
def one_record(setup: Setup, severity: float) -> None:
    """``__getitem__`` ignores its index: each batch is one record again and again."""
    setup.order = lambda: itertools.repeat(torch.full((setup.batch_size,), 7))


@fault("unscaled_input", "uncentred_input", applies=floats,
       severities={"x100": 100.0, "x1000": 1000.0})  # fmt: skip
def unscaled_input(setup: Setup, severity: float) -> None:
    """The inputs are in another unit, as pictures are with pixels up to 255."""
    both(setup, lambda x: x * severity)


@fault("unscaled_input", "uncentred_input", applies=inputs("images"))
def raw_pixels(setup: Setup, severity: float) -> None:
    """Pixels from 0 to 255, neither scaled nor centred."""
    least = setup.train.inputs.min()
    both(setup, lambda x: (x - least) * 255 / (setup.train.inputs.max() - least))


@fault("uncentred_input", "unscaled_input", applies=floats, severities={"10": 10.0, "50": 50.0})
def uncentred_input(setup: Setup, severity: float) -> None:
    """All inputs lie around a large number, many standard deviations from 0."""
    both(setup, lambda x: x + severity)


@fault("unequal_features", "unscaled_input", applies=inputs("features"),
       severities={"x100": 2.0, "x10000": 4.0})  # fmt: skip
def unequal_features(setup: Setup, severity: float) -> None:
    """Columns in units of their own: years beside millimetres."""
    count = setup.train.inputs.shape[1]
    powers = torch.rand(count, generator=setup.generator()) * severity - severity / 2
    powers[0], powers[-1] = -severity / 2, severity / 2
    both(setup, lambda x: x * 10**powers)


@fault("constant_features", applies=inputs("features"))
def constant_features(setup: Setup, severity: float) -> None:
    """Most columns were lost on the way: they hold one number for all samples."""
    count = setup.train.inputs.shape[1]
    lost = torch.arange(count) < min(0.8 * count, count - 1)
    both(setup, lambda x: torch.where(lost, torch.full_like(x, 0.5), x))


@fault("duplicate_samples", "constant_features", wrong=True, applies=floats)
def all_constant(setup: Setup, severity: float) -> None:
    """The preparation lost everything: all samples hold the same numbers."""
    both(setup, lambda x: torch.full_like(x, 0.5))


@fault("duplicated_features", applies=inputs("features"))
def duplicated_features(setup: Setup, severity: float) -> None:
    """A join went wrong: most columns are copies of the first ones."""
    count = setup.train.inputs.shape[1]
    kept = max(1, count // 5)
    both(setup, lambda x: x[:, torch.arange(count) % kept])


def _enough_of_one_class(program: Program) -> bool:
    """Whether one class alone is several batches."""
    return int((program.task.train.targets == 0).sum()) >= 4 * program.batch_size


@fault("class_imbalance", applies=every(classification, _enough_of_one_class),
       severities={"1:50": 0.02, "1:500": 0.002})  # fmt: skip
def class_imbalance(setup: Setup, severity: float) -> None:
    """One class has nearly all samples; of the others there are a few for each thousand."""
    rare = setup.train.targets != 0
    kept = ~rare | (torch.rand(len(rare), generator=setup.generator()) < severity)
    chosen = kept.nonzero().flatten()
    setup.train = replace(
        setup.train, inputs=setup.train.inputs[chosen], targets=setup.train.targets[chosen]
    )


@fault("sorted_data", "class_imbalance", applies=every(classification, in_batches))
def sorted_data(setup: Setup, severity: float) -> None:
    """The data is in the order of its classes, and ``shuffle=True`` was forgotten."""
    ordered = setup.train.targets.argsort(stable=True)
    parts = [p for p in ordered.split(setup.batch_size) if len(p) == setup.batch_size]
    setup.order = lambda: itertools.cycle(parts)


@fault("batch_too_small", "noise_floor", "learning_rate_too_large", nature="statistical",
       applies=no(accumulates), severities={"1": 1, "2": 2})  # fmt: skip
def batch_too_small(setup: Setup, severity: float) -> None:
    """A batch of one or two samples, at the learning rate that suits the program's own."""
    if severity == 1 and _couples(setup):
        severity = 2
    setup.batch_size = int(severity)


def _couples(setup: Setup) -> bool:
    return any("BatchNorm" in type(module).__name__ for module in setup.model.modules())


@fault("batch_too_large", "learning_rate_too_small", nature="statistical", advisory=True,
       applies=lambda program: program.batch_size <= 64)  # fmt: skip
def batch_too_large(setup: Setup, severity: float) -> None:
    """A batch of up to 1,024 and as many epochs as before, which are far fewer steps.

    Of 64 steps at least, so that there is a course to look at: those are more epochs.
    """
    size = min(1024, len(setup.train) // 2)
    setup.steps = max(64, setup.steps * setup.batch_size // size)
    setup.batch_size = size


def _can_be_cut(program: Program) -> bool:
    return 4 * program.batch_size <= len(program.task.train) / 2


@fault("overfitting", nature="statistical", applies=every(no(accumulates), _can_be_cut),
       severities={"64": 64, "200": 200})  # fmt: skip
def few_samples(setup: Setup, severity: float) -> None:
    """A slice of the data that was meant for a trial: there is little to learn from.

    Of four batches at least: else each step has the same one, which is another fault.
    """
    count = max(int(severity), 4 * setup.batch_size)
    setup.train = replace(
        setup.train, inputs=setup.train.inputs[:count], targets=setup.train.targets[:count]
    )


@fault("loader_bound", advisory=True, nature="statistical",
       applies=lambda program: program.steps <= 150)  # fmt: skip
def slow_loader(setup: Setup, severity: float) -> None:
    """Loading a batch takes several times as long as a step."""

    def load(inputs: Tensor, targets: Tensor) -> Batch:
        time.sleep(0.02)
        return inputs, targets

    setup.load = load
