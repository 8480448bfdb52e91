"""What the published rules look at and no cockpit records: it is kept beside the log.

Numbers of each step's loss and accuracy, and at the tracked steps the plain statistics of weights,
gradients, activations, inputs and labels that those rules have thresholds for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

NAME = "measures.json"
TANH, SIGMOID = (-9.4999, 9.4999), (-23.0, 16.99999)  # where their derivative is 1e-7
ACTIVE = 0.01  # share of a batch in which a unit has to be active
PERCENTILES = (0.05, 0.95)


class Measures:
    """Takes them while a model is trained.

    Args:
        model: That is trained.
        tracked: The steps at which more than the loss is taken.
        classes: Of the task; None: a regression.
    """

    def __init__(
        self, model: nn.Module, tracked: Callable[[int], bool], classes: int | None
    ) -> None:
        self.losses: list[float] = []
        self.accuracies: list[float | None] = []
        self.steps: list[dict[str, Any]] = []
        self._model, self._tracked, self._classes = model, tracked, classes
        self._now: dict[str, Any] | None = None
        self._before: list[Tensor] = []
        for name, module in model.named_modules():
            if isinstance(module, nn.ReLU | nn.Tanh | nn.Sigmoid):
                module.register_forward_hook(self._watch(name))

    @contextmanager
    def step(self, step: int, inputs: Tensor, targets: Tensor) -> Iterator[None]:
        """Around forward and backward pass."""
        self._now = None
        if self._tracked(step):
            self._now = {"step": step, "activations": {}}
            if inputs.is_floating_point():
                self._now["input_mean"] = inputs.float().mean().item()
            if self._classes and not targets.is_floating_point():
                self._now["labels"] = targets.flatten().bincount(minlength=self._classes).tolist()
        yield
        if self._now is not None:
            self._now["layers"] = [self._layer(name, p) for name, p in self._parameters()]
            self._before = [parameter.detach().clone() for _, parameter in self._parameters()]

    def after(self, outputs: Tensor, targets: Tensor, loss: Tensor) -> None:
        """After the optimizer's step; of micro-batches, the last one's outputs and loss."""
        self.losses.append(loss.float().mean().item())
        self.accuracies.append(self._accuracy(outputs, targets))
        if self._now is None:
            return
        for layer, old, (_, new) in zip(
            self._now["layers"], self._before, self._parameters(), strict=True
        ):
            size = old.float().norm().item()
            layer["update"] = (new.detach() - old).float().norm().item() / (size + 1e-9)
        self.steps.append(self._now)
        self._now = None

    def write(self, folder: Path) -> None:
        """Beside the log."""
        content = {"losses": self.losses, "accuracies": self.accuracies, "steps": self.steps}
        (folder / NAME).write_text(json.dumps(content), encoding="utf-8")

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        return self._model.named_parameters()

    def _accuracy(self, outputs: Tensor, targets: Tensor) -> float | None:
        if self._classes is None:
            return None
        return accuracy(outputs, targets[-len(outputs) :])

    def _layer(self, name: str, parameter: nn.Parameter) -> dict[str, Any]:
        """Statistics of a parameter and its gradient."""
        weights = parameter.detach().float()
        found: dict[str, Any] = {
            "name": name,
            "weight": parameter.ndim > 1,
            "finite": bool(weights.isfinite().all()),
            "variance": weights.var().item() if weights.numel() > 1 else 0.0,
        }
        if parameter.grad is None:
            return found
        gradient = parameter.grad.detach().float()
        low, high = gradient.flatten().quantile(torch.tensor(PERCENTILES)).tolist()
        return found | {
            "gradient": gradient.norm().item(),
            "gradient_mean": gradient.abs().mean().item(),
            "gradient_zeros": gradient.eq(0).float().mean().item(),
            "gradient_range": high - low,
            "size": gradient.numel(),
        }

    def _watch(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def watch(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            if self._now is None or not out.requires_grad:
                return
            with torch.no_grad():
                self._now["activations"][name] = inactive(module, given[0], out)

        return watch


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Share of answers that are right.

    Args:
        outputs: Scores, shape [N, classes, ...], the highest of which counts; or, against floats
            of one column, the log-odds of a yes, shape [N, 1].
        targets: Numbers of classes, shape [N, ...], or floats, shape [N, classes] or [N, 1].
    """
    if not targets.is_floating_point():
        right = outputs.argmax(1).eq(targets)
    elif targets.shape[1] == 1:
        right = outputs.gt(0).eq(targets.gt(0.5))
    else:
        right = outputs.argmax(1).eq(targets.argmax(1))
    return right.float().mean().item()


def inactive(module: nn.Module, given: Tensor, out: Tensor) -> dict[str, Any]:
    """Share of a layer's units that are inactive: dead ReLUs, saturated tanh and sigmoid."""
    if isinstance(module, nn.ReLU):
        active = out > 0
    else:
        low, high = TANH if isinstance(module, nn.Tanh) else SIGMOID
        active = (given > low) & (given < high)
    share = active.float().mean(0)  # over the batch; of an image, each place is a unit of its own
    return {
        "kind": type(module).__name__,
        "inactive": share.lt(ACTIVE).float().mean().item(),
    }
