"""Tracking changes nothing: parameters, buffers, gradients and random state stay bit-identical."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, Configuration, quantities

STEPS = 50
SEED = 3

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
}
EVERYTHING = [kind() for kind in quantities.QUANTITIES.values() if kind.tier is None]
CONFIGURATIONS = {
    "economy": "economy",
    "business": "business",
    "full": "full",
    "full, every third step": Configuration("full", schedule=3),
    "all quantities": Configuration("full", also=EVERYTHING),
}


def network() -> nn.Sequential:
    torch.manual_seed(SEED)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(4 * 9, 12),
        nn.ReLU(),
        nn.Linear(12, 10),
    )


def train(
    optimizer: str, config: Any, images: Tensor, labels: Tensor, folder: Path | None
) -> dict[str, Any]:
    """Everything that a run leaves behind."""
    model, loss_fn = network(), nn.CrossEntropyLoss()
    steps = OPTIMIZERS[optimizer](model.parameters())
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    cockpit = None
    if folder is not None:
        cockpit = Cockpit(model, loss_fn, steps, config=config, logdir=folder, strict=True)
    gradients = []
    for step in range(STEPS):
        chosen = torch.randint(0, len(images), (16,))
        jitter = random.random() + np.random.random()
        steps.zero_grad()
        loss = loss_fn(model(images[chosen] * (1 + 0.01 * jitter)), labels[chosen])
        if cockpit is None:
            loss.backward()
        else:
            with cockpit(step):
                loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
        steps.step()
    if cockpit is not None:
        assert cockpit.latest
        cockpit.close()
    return {
        "state": copy.deepcopy(model.state_dict()),
        "optimizer": copy.deepcopy(steps.state_dict()),
        "gradients": gradients,
        "torch": torch.random.get_rng_state(),
        "numpy": np.random.get_state(),
        "python": random.getstate(),
    }


def assert_same(left: Any, right: Any) -> None:
    """Bit by bit, through any nesting."""
    if isinstance(left, Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, np.ndarray):
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right


@pytest.fixture(scope="module")
def pixels() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(200, 1, 8, 8, generator=generator)
    return images, torch.randint(0, 10, (200,), generator=generator)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fifty_steps_are_bit_identical(
    optimizer: str, pixels: tuple[Tensor, Tensor], tmp_path: Path
) -> None:
    plain = train(optimizer, None, *pixels, None)
    for name, config in CONFIGURATIONS.items():
        tracked = train(optimizer, config, *pixels, tmp_path / name)
        assert_same(plain, tracked)


def test_the_comparison_would_notice(pixels: tuple[Tensor, Tensor]) -> None:
    plain = train("sgd", None, *pixels, None)
    other = copy.deepcopy(plain)
    other["state"]["8.bias"][0] = torch.nextafter(other["state"]["8.bias"][0], torch.tensor(9.0))
    with pytest.raises(AssertionError):
        assert_same(plain, other)
    other = {**plain, "torch": plain["torch"].roll(1)}
    with pytest.raises(AssertionError):
        assert_same(plain, other)
