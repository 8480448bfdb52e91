"""Where a run stands, in a file beside its log, so that it can be gone on with bit by bit."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

CHECKPOINT_NAME = "checkpoint.pt"
_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A run between two steps. The order of the batches follows from its seed and the step.

    Attributes:
        step: The step that comes next.
        recipe: What the run is: plain values that must be the same when it goes on.
        model: State of the model.
        optimizer: State of the optimizer.
        random: States of the global random generators, of the CPU and of each GPU.
        plan: What the command was asked for, to go on by it; plain values.
    """

    step: int
    recipe: dict[str, Any]
    model: dict[str, Any]
    optimizer: dict[str, Any]
    random: list[torch.Tensor]
    plan: dict[str, Any] = field(default_factory=dict)


def take(
    step: int,
    recipe: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    plan: dict[str, Any],
) -> Checkpoint:
    """What is needed to go on at this step; tensors are not copied."""
    random = [torch.get_rng_state()]
    if torch.cuda.is_initialized():
        random += torch.cuda.get_rng_state_all()
    return Checkpoint(step, recipe, model.state_dict(), optimizer.state_dict(), random, plan)


def restore(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a model, its optimizer and the global random numbers where they were."""
    model.load_state_dict(checkpoint.model)
    optimizer.load_state_dict(checkpoint.optimizer)
    of_cpu, *of_gpus = checkpoint.random
    torch.set_rng_state(of_cpu)
    if of_gpus:
        torch.cuda.set_rng_state_all(of_gpus)


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Write into a run's folder. The last step is atomic: the last checkpoint is never torn."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".checkpoint-", delete=False) as file:
        try:
            torch.save({"version": _VERSION, **vars(checkpoint)}, file)
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, folder / CHECKPOINT_NAME)


def load(folder: Path) -> Checkpoint:
    """Read from a run's folder.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, or of another version.
    """
    path = folder / CHECKPOINT_NAME
    if not path.is_file():
        raise FileNotFoundError(f"got no {path}: only a run of `cockpit train` can be resumed")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a torn file confuses the unpickler in many ways
        raise ValueError(f"{path} is damaged: {error}") from error
    version = content.pop("version", None) if isinstance(content, dict) else None
    if version != _VERSION:
        raise ValueError(f"{path}: got version {version}, this Cockpit knows {_VERSION}")
    return Checkpoint(**content)
