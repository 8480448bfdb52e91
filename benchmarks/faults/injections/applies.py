"""Which programs can have a fault."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from benchmarks.faults.programs import Program

Applies = Callable[[Program], bool]


def contains(*kinds: type[nn.Module]) -> Applies:
    """Programs whose network has a module of these kinds."""
    return lambda program: any(isinstance(m, kinds) for m in program.blank.modules())


def every(*conditions: Applies) -> Applies:
    """Those that fulfil all conditions."""
    return lambda program: all(condition(program) for condition in conditions)


def no(condition: Applies) -> Applies:
    """Those that do not fulfil a condition."""
    return lambda program: not condition(program)


def inputs(*kinds: str) -> Applies:
    """Those with inputs of these kinds: ``images``, ``features``, ``rows``, ``text``."""
    return lambda program: program.task.kind in kinds


def optimizer(*names: str) -> Applies:
    """Those with an optimizer of these names."""
    return lambda program: program.optimizer.name in names


def classification(program: Program) -> bool:
    """Those that tell an input's class from the others (not its characters', not tags)."""
    task = program.task
    return task.classes is not None and task.train.targets.ndim == 1 and not task.tagged


def logits(program: Program) -> bool:
    """Those whose loss makes probabilities of what the network says, one for each class."""
    return isinstance(program.task.loss(), nn.CrossEntropyLoss)


def regression(program: Program) -> bool:
    """Those that foresee numbers."""
    return program.task.classes is None


def negative_targets(program: Program) -> bool:
    """Those of whose targets a good part is negative."""
    return program.task.train.targets.lt(0).float().mean().item() > 0.2


def small_table(program: Program) -> bool:
    """Those with so few samples that there is soon nothing more to learn from them."""
    return program.task.kind == "features" and len(program.task.train) <= 500


def layered(program: Program) -> bool:
    """Those with two layers of weights or more."""
    return sum(p.ndim > 1 for p in program.blank.parameters()) > 1


def sequential(program: Program) -> bool:
    """Those whose network is a plain sequence of torch's own layers."""
    model = program.blank
    own = nn.Module.__module__.split(".")[0]
    return isinstance(model, nn.Sequential) and all(
        type(module).__module__.split(".")[0] == own for module in model
    )


def accumulates(program: Program) -> bool:
    """Those whose step has several micro-batches."""
    return program.parts > 1


def in_batches(program: Program) -> bool:
    """Those that see a part of the data at each step, not all of it."""
    return program.batch_size < len(program.task.train)


def decays(program: Program) -> bool:
    """Those whose learning rate is near 0 in the end."""
    return program.schedule(0.99) < 0.1


def warms_up(program: Program) -> bool:
    """Those whose learning rate begins small."""
    return program.schedule(0.0) < 0.5


def reconstruction(program: Program) -> bool:
    """Those whose targets are the inputs."""
    return program.task.train.targets is program.task.train.inputs


floats = inputs("images", "features", "rows")
