"""Several processes that train one model, each with its share of the mini-batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn, optim
from torch.autograd.function import once_differentiable
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from tests.cases import loops
from tests.cases.architectures import GPT, classes_second, continued
from tests.cases.case import Case, classes
from tests.cases.expected import Wrong
from tests.cases.forms import perceptron
from tests.cases.precision import compiled, compiled_in_place
from tests.cases.running import verdicts_of
from tests.cases.training import frozen
from tests.cases.verdicts import Verdict
from tests.distributed.processes import launch

__all__ = ["CASES", "judge_all", "verdicts_of_all"]

RESULTS = "verdicts.json"


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3))


def normalized() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))


def evaluated() -> nn.Module:
    return normalized().eval()


class _Sum(torch.autograd.Function):
    """The sum over the ranks; as torch's own exchange, without a second derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _summed(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _summed(grad)


def _summed(x: Tensor) -> Tensor:
    total = x.detach().clone()
    dist.all_reduce(total)
    return total


def _normalize_together(layer: nn.SyncBatchNorm, x: Tensor) -> Tensor:
    """What ``SyncBatchNorm.forward`` computes, which torch has for GPUs only."""
    if not layer.training:
        return nn.SyncBatchNorm.forward(layer, x)
    count = x.new_full((1,), len(x))
    sums = _Sum.apply(torch.cat([x.sum(0), x.square().sum(0), count]))
    mean, square = (sums[:-1] / sums[-1]).chunk(2)
    return layer.weight * (x - mean) / (square - mean**2 + layer.eps).sqrt() + layer.bias


def synchronized(model: nn.Module) -> nn.Module:
    """With statistics of all ranks' samples; DDP lets no such layer in on a CPU."""
    wrapped = nn.SyncBatchNorm.convert_sync_batchnorm(parallel(model))
    for layer in wrapped.modules():
        if isinstance(layer, nn.SyncBatchNorm):
            layer.forward = partial(_normalize_together, layer)
    return wrapped


def parallel(model: nn.Module, **options: Any) -> nn.Module:
    return DistributedDataParallel(model, **options)


def sharded(model: nn.Module) -> nn.Module:
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    fully_shard(model[0], mesh=mesh)
    return fully_shard(model, mesh=mesh)


def compiled_inside(model: nn.Module) -> nn.Module:
    return parallel(compiled(model))


def compiled_around(model: nn.Module) -> nn.Module:
    return compiled(parallel(model))


def compiled_around_in_place(model: nn.Module) -> nn.Module:
    return compiled_in_place(parallel(model))


def sharing_its_state(model: nn.Module) -> optim.Optimizer:
    # Here, as torch warns of itself when it is imported.
    from torch.distributed.optim import ZeroRedundancyOptimizer

    return ZeroRedundancyOptimizer(model.parameters(), optim.Adam, lr=0.1)


VECTORS = partial(classes, 5)


def ranks(
    name: str,
    *shares: int,
    model: Callable[[], nn.Module] = perceptron,
    batch: Callable[..., Any] = VECTORS,
    wrap: Callable[[nn.Module], nn.Module] = parallel,
    **options: Any,
) -> Case:
    made = batch(n=sum(shares))
    return Case(name, model, made, shares=shares, wrap=wrap, **options)


CONV = {"model": convolutional, "batch": partial(classes, 2, 3, 3)}
NORM = {"model": normalized, "samples": "contributions"}

CASES = [
    ranks("DDP, two ranks", 2, 2),
    ranks("DDP, three ranks", 2, 2, 2),
    ranks("DDP, convolutions", 2, 2, **CONV),
    ranks("DDP, batches of different size", 3, 1),
    ranks("DDP, batches of different size on three ranks", 3, 1, 2),
    ranks("DDP, one sample each", 1, 1),
    ranks("DDP, single precision", 3, 2, dtype=torch.float32, rtol=1e-3, **CONV),
    ranks("DDP, sum", 2, 2, loss=nn.CrossEntropyLoss(reduction="sum"), reduction="sum"),
    ranks("DDP, functional loss", 2, 2, loss=F.cross_entropy),
    ranks("DDP, Adam", 2, 2, optimizer=lambda m: optim.Adam(m.parameters(), lr=0.1)),
    ranks("DDP, ZeroRedundancyOptimizer", 2, 2, optimizer=sharing_its_state),
    ranks("DDP, gradient clipping", 2, 2, loop=loops.clipping),
    ranks("DDP, skipped optimizer step", 2, 2, loop=loops.skipping),
    ranks("DDP, frozen layer", 2, 2, model=frozen),
    ranks("DDP, static graph", 2, 2, wrap=partial(parallel, static_graph=True)),
    ranks(
        "DDP, gradients as views of buckets",
        *(2, 2),
        wrap=partial(parallel, gradient_as_bucket_view=True),
    ),
    ranks("DDP, accumulation, exchange in each pass", 4, 4, loop=loops.accumulating),
    ranks("DDP, accumulation in no_sync()", 4, 4, loop=loops.accumulating_apart),
    ranks("DDP, accumulation in no_sync(), three ranks", 4, 4, 4, loop=loops.accumulating_apart),
    ranks("DDP, batch norm", 3, 3, **NORM),
    ranks("DDP, batch norm, batches of different size", 4, 2, 3, **NORM),
    ranks("DDP, batch norm, evaluation mode", 3, 2, model=evaluated),
    ranks("SyncBatchNorm", 3, 3, wrap=synchronized, apart=False, **NORM),
    ranks("SyncBatchNorm, batches of different size", 4, 2, wrap=synchronized, apart=False, **NORM),
    ranks("SyncBatchNorm, evaluation mode", 3, 2, model=evaluated, wrap=synchronized),
    ranks(
        "DDP, GPT with tied embedding",
        *(2, 2),
        model=GPT,
        batch=lambda n: continued,
        predict=classes_second,
    ),
    ranks("DDP(torch.compile(model))", 2, 2, wrap=compiled_inside),
    ranks("torch.compile(DDP(model))", 2, 2, wrap=compiled_around),
    ranks("DDP(model).compile()", 2, 2, wrap=compiled_around_in_place),
    ranks("FSDP2, fully_shard", 2, 2, wrap=sharded),
]


def judge_all(rank: int, size: int, folder: Path) -> None:
    """Trains the cases of so many ranks; the first rank leaves the verdicts in the folder."""
    found: dict[str, Any] = {}
    for number, case in enumerate(CASES):
        if len(case.shares) != size:
            continue
        try:
            verdicts = verdicts_of(case, folder / str(number))
            found[case.name] = {name: asdict(v) for name, v in verdicts.items()}
        except Wrong as error:
            found[case.name] = str(error)
    if rank == 0:
        (folder / RESULTS).write_text(json.dumps(found))


def verdicts_of_all(cases: Sequence[Case], folder: Path) -> dict[str, dict[str, Verdict]]:
    """The verdicts of each case: here, or in as many processes as it has ranks.

    Raises:
        Wrong: As :func:`verdicts_of` says.
    """
    found: dict[str, dict[str, Verdict]] = {}
    for number, case in enumerate(cases):
        if case.name not in found:
            size = len(case.shares)
            here = folder / str(size or f"{number} alone")
            found |= _of_ranks(size, here) if size else {case.name: verdicts_of(case, here)}
    return {case.name: found[case.name] for case in cases}


def _of_ranks(size: int, folder: Path) -> dict[str, dict[str, Verdict]]:
    launch("models", size, folder)
    found = json.loads((folder / RESULTS).read_text())
    wrong = {name: text for name, text in found.items() if isinstance(text, str)}
    if wrong:
        raise Wrong(f"on {size} ranks: {wrong}")
    return {
        name: {column: Verdict(**v) for column, v in verdicts.items()}
        for name, verdicts in found.items()
    }
