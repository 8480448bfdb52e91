"""The optimizers that a problem can be trained with."""

from __future__ import annotations

from typing import Any

import torch

# With these each trains 2c2d well; plain SGD takes the problem's own.
_LEARNING_RATES = {"momentum": 0.01, "adam": 0.001, "adamw": 0.001}
OPTIMIZERS = ("sgd", *_LEARNING_RATES)


def learning_rate(optimizer: str, lr: float | None, default_lr: float) -> float:
    """The learning rate that was asked for, else one that suits the optimizer."""
    return _LEARNING_RATES.get(optimizer, default_lr) if lr is None else lr


def make_optimizer(
    name: str, groups: list[dict[str, Any]], lr: float | None, default_lr: float
) -> torch.optim.Optimizer:
    """An optimizer by name.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"got optimizer {name!r}, expected one of {', '.join(OPTIMIZERS)}")
    rate = learning_rate(name, lr, default_lr)
    if name == "adam":
        return torch.optim.Adam(groups, lr=rate)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    return torch.optim.SGD(groups, lr=rate, momentum=0.9 if name == "momentum" else 0.0)
