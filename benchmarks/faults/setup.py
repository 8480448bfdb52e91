"""A program about to be trained: all of its parts, each of which an injection may exchange."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.faults.programs import Optimizer, Program
from benchmarks.faults.schedules import Course
from cockpit.problems.data import Pairs

Batch = tuple[Tensor, Tensor]


@dataclass
class Setup:
    """The parts of a training loop.

    Attributes:
        program: What is trained.
        seed: Of the weights, the order of the data, and all random numbers.
        train: What is trained on; tensors are shared, so they are exchanged, not changed.
        valid: What is not.
        model: The network.
        loss_fn: The loss function.
        optimizer: With its settings.
        schedule: Of the learning rate.
        batch_size: N.
        steps: Of the optimizer.
        order: Endless numbers of samples, a batch at a time; None: shuffled epochs.
        load: What the loader does with a batch besides.
        parameters: What the optimizer is given of the model.
        differentiate: What is made of the loss before the backward pass.
        zero_grad: Whether gradients are zeroed before each step.
        training: Whether the model is in training mode.
        before_step: What is done between backward pass and optimizer step.
    """

    program: Program
    seed: int
    train: Pairs
    valid: Pairs
    model: nn.Module
    loss_fn: nn.Module
    optimizer: Optimizer
    schedule: Course
    batch_size: int
    steps: int
    order: Callable[[], Iterator[Tensor]] | None = None
    load: Callable[[Tensor, Tensor], Batch] = lambda inputs, targets: (inputs, targets)
    parameters: Callable[[nn.Module], Any] = lambda model: list(model.parameters())
    differentiate: Callable[[Tensor], Tensor] = lambda loss: loss
    zero_grad: bool = True
    training: bool = True
    before_step: list[Callable[[nn.Module], object]] = field(default_factory=list)

    @classmethod
    def of(cls, program: Program, seed: int) -> Setup:
        """The program as it should be."""
        task = program.task
        made = cls(
            program,
            seed,
            task.train,
            task.valid,
            program.model(seed),
            task.loss(),
            program.optimizer,
            program.schedule,
            program.batch_size,
            program.steps,
        )
        if program.clip is not None:
            longest = program.clip
            made.before_step.append(
                lambda model: nn.utils.clip_grad_norm_(model.parameters(), longest)
            )
        return made

    def batches(self) -> Iterator[Batch]:
        """Without end, in the order that the seed decides.

        A batch of all samples is the very tensors, as a user has them who needs no loader.
        """
        if self.order is None and self.batch_size >= len(self.train):
            while True:
                yield self.load(self.train.inputs, self.train.targets)
        orders = self.order() if self.order else self.epochs()
        for chosen in orders:
            yield self.load(*self.train.take(chosen))

    def epochs(self) -> Iterator[Tensor]:
        """Numbers of samples, shuffled anew each epoch; what is left at its end is left out.

        A batch of all samples is not shuffled.
        """
        generator = torch.Generator().manual_seed(self.seed)
        count = len(self.train)
        if self.batch_size >= count:
            yield from itertools.repeat(torch.arange(count))
        while True:
            drawn = torch.randperm(count, generator=generator).split(self.batch_size)
            yield from (part for part in drawn if len(part) == min(self.batch_size, count))

    def generator(self) -> torch.Generator:
        """Random numbers for an injection: others than those of the data's order."""
        return torch.Generator().manual_seed(self.seed + 10_000)
