"""The header of a run's log: what is fixed for an attempt."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral
from typing import Any

import torch
from torch import nn

from cockpit._version import __version__
from cockpit.backward.compiled import named_parameters, plain_name, uncompiled
from cockpit.log.record import Layer
from cockpit.optimizers import Optimizers
from cockpit.quantities.base import Quantity

__all__ = ["checked_steps", "describe_layers", "describe_run"]


def checked_steps(planned: int | None) -> int | None:
    """How many steps a run shall have, if it is known.

    Raises:
        TypeError: If it is no whole number.
        ValueError: If it is not positive.
    """
    if planned is None:
        return None
    if isinstance(planned, bool) or not isinstance(planned, Integral):
        raise TypeError(f"planned_steps is a whole number; got {planned!r}.")
    if planned < 1:
        raise ValueError(f"planned_steps is the number of steps of the run; got {planned}.")
    return int(planned)


def describe_layers(model: nn.Module) -> list[Layer]:
    """All named parameters, each with the module that owns it."""
    owners = {
        id(p): (plain_name(name), type(module).__name__)
        for name, module in reversed(list(model.named_modules()))
        for p in module.parameters(recurse=False)
    }
    return [
        Layer(name, tuple(p.shape), *owners[id(p)], trainable=p.requires_grad)
        for name, p in named_parameters(model)
    ]


def describe_run(
    model: nn.Module,
    quantities: list[Quantity],
    optimizers: Optimizers,
    configuration: dict[str, Any],
    reduction: str,
) -> dict[str, Any]:
    """The header's fields, as ``docs/log.md`` lists them."""
    return {
        "config": configuration,
        "environment": _environment(model),
        "reduction": reduction,
        "optimizer": {
            "name": optimizers.name,
            "groups": [_plain(group) for group in optimizers.groups()],
        },
        "quantities": {
            q.name: {
                "kind": q.kind,
                "tier": q.tier,
                "schedule": str(q.schedule or "always"),
                "parameters": q.parameters(),
            }
            for q in quantities
        },
        "layers": describe_layers(model),
    }


def _environment(model: nn.Module) -> dict[str, Any]:
    parameters = list(model.parameters())
    return {
        "cockpit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "backpack": _installed("backpack-for-pytorch"),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "device": str(parameters[0].device) if parameters else "none",
        "model": type(uncompiled(model)).__name__,
        "num_params": sum(p.numel() for p in parameters if p.requires_grad),
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _plain(group: dict[str, Any]) -> dict[str, Any]:
    """The settings of a parameter group that are plain numbers or words."""
    return {
        key: value
        for key, value in group.items()
        if key != "params" and isinstance(value, (bool, int, float, str, tuple, list))
    }
