"""Trainings in which one rank does something else than the others; each has to come to an end."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from cockpit import Cockpit, CockpitWarning
from cockpit.backward.engine import BackwardEngine
from cockpit.backward.hessian import HessianOperator
from cockpit.distributed import meeting
from cockpit.log.record import Scalar
from cockpit.quantities import HessMaxEV, HessTrace, Loss, NormTest
from cockpit.quantities.base import Quantity
from tests.distributed.cases import full

STEPS = 6
Job = Callable[[int, Path], None]
JOBS: dict[str, Job] = {}


def job(function: Job) -> Job:
    """A training by its name."""
    JOBS[function.__name__] = function
    return function


def model() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    return DistributedDataParallel(net)


def batch(rank: int, step: int, n: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(100 * rank + step)
    x = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, (n,), generator=generator)


def loop(
    cockpit: Cockpit | None,
    net: nn.Module,
    rank: int,
    *,
    steps: int = STEPS,
    n: Callable[[int], int] = lambda step: 4,
    enters: Callable[[int], bool] = lambda step: True,
    given: Callable[[int], bool] = lambda step: False,
    closes: int | None = None,
) -> None:
    """The usual loop, with deviations by step."""
    loss_fn = nn.CrossEntropyLoss(reduction="sum") if cockpit is None else cockpit.loss_fn  # type: ignore[attr-defined]
    optimizer = cockpit.optimizer if cockpit else torch.optim.SGD(net.parameters(), lr=0.01)  # type: ignore[attr-defined]
    for step in range(steps):
        x, y = batch(rank, step, n(step))
        optimizer.zero_grad()
        hidden = cockpit is not None and given(step)
        loss = F.cross_entropy(net(x), y, reduction="sum") if hidden else loss_fn(net(x), y)
        if step == closes and cockpit is not None:
            cockpit.close()
            cockpit = None
        with cockpit(step) if cockpit and enters(step) else nullcontext():
            loss.backward()
        optimizer.step()


def cockpit_of(net: nn.Module, folder: Path, config: list[Quantity] | None = None) -> Cockpit:
    loss_fn = nn.CrossEntropyLoss(reduction="sum")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    cockpit = Cockpit(net, loss_fn, optimizer, full() if config is None else config, folder)
    cockpit.loss_fn, cockpit.optimizer = loss_fn, optimizer  # type: ignore[attr-defined]
    return cockpit


@contextlib.contextmanager
def on_rank(wanted: int, rank: int, patched: Any) -> Iterator[None]:
    """Patch something on one rank only."""
    with patched if rank == wanted else nullcontext():
        yield


@job
def one_step_outside(rank: int, folder: Path) -> None:
    net = model()
    with cockpit_of(net, folder) as cockpit:
        loop(cockpit, net, rank, enters=lambda step: rank == 0 or step != 2)


@job
def never_inside(rank: int, folder: Path) -> None:
    net = model()
    with cockpit_of(net, folder) as cockpit:
        loop(cockpit, net, rank, enters=lambda step: rank == 0)


@job
def loss_unseen(rank: int, folder: Path) -> None:
    net = model()
    with cockpit_of(net, folder) as cockpit:
        loop(cockpit, net, rank, given=lambda step: rank == 1 and step == 2)


@job
def empty_batch(rank: int, folder: Path) -> None:
    net = model()
    with cockpit_of(net, folder) as cockpit:
        loop(cockpit, net, rank, n=lambda step: 0 if rank == 1 and step == 2 else 4)


@job
def uneven_last_batch(rank: int, folder: Path) -> None:
    net = model()
    with cockpit_of(net, folder) as cockpit:
        loop(cockpit, net, rank, n=lambda step: 1 if rank == 1 and step == STEPS - 1 else 4)


@job
def fault_on_rank_1(rank: int, folder: Path) -> None:
    net, answer = model(), BackwardEngine.answer

    def failing(self: BackwardEngine, passes: Any, info: Any, *others: Any) -> Any:
        if info.step == 2:
            raise ZeroDivisionError("a fault of this rank")
        return answer(self, passes, info, *others)

    with cockpit_of(net, folder) as cockpit:
        with on_rank(1, rank, patch.object(BackwardEngine, "answer", failing)):
            loop(cockpit, net, rank)


@job
def product_fails_on_rank_1(rank: int, folder: Path) -> None:
    net, product = model(), HessianOperator.__call__
    calls = []

    def failing(self: HessianOperator, flat: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("not implemented on this rank")
        return product(self, flat)

    with cockpit_of(net, folder) as cockpit:
        with on_rank(1, rank, patch.object(HessianOperator, "__call__", failing)):
            loop(cockpit, net, rank)


@job
def iteration_ends_early_on_rank_1(rank: int, folder: Path) -> None:
    net = model()
    rtol = 0.5 if rank == 1 else 1e-9
    config = [Loss(), HessMaxEV(rtol=1e-3)]
    from cockpit import linalg

    lanczos = linalg.lanczos

    def other(*args: Any, **kwargs: Any) -> Any:
        return lanczos(*args, **{**kwargs, "rtol": rtol, "atol": 0.0})

    with cockpit_of(net, folder, config) as cockpit, patch.object(linalg, "lanczos", other):
        loop(cockpit, net, rank)


@job
def iteration_fails_on_rank_1(rank: int, folder: Path) -> None:
    from cockpit import linalg

    net, lanczos = model(), linalg.lanczos

    def failing(matvec: Any, start: Tensor, **kwargs: Any) -> Any:
        matvec(start)
        raise MemoryError("a fault of this rank")

    config = [Loss(), NormTest(), HessMaxEV()]
    with cockpit_of(net, folder, config) as cockpit:
        with on_rank(1, rank, patch.object(linalg, "lanczos", failing)):
            loop(cockpit, net, rank)
    assert lanczos is linalg.lanczos


@job
def curvature_unknown_on_rank_1(rank: int, folder: Path) -> None:
    from cockpit.backward import second_order

    net = model()

    def refusing(*_: Any) -> Any:
        raise second_order.Unsupported("not on this rank")

    config = [Loss(), NormTest(), HessTrace(curvature="ggn")]
    with cockpit_of(net, folder, config) as cockpit:
        with on_rank(1, rank, patch.object(second_order, "diag_ggn", refusing)):
            loop(cockpit, net, rank)


@job
def rank_1_closes(rank: int, folder: Path) -> None:
    net = model()
    with cockpit_of(net, folder) as cockpit:
        loop(cockpit, net, rank, closes=3 if rank == 1 else None)


@job
def other_quantities(rank: int, folder: Path) -> None:
    net = model()
    config = [Loss(), NormTest()] if rank == 0 else [Loss()]
    with cockpit_of(net, folder, config) as cockpit:
        loop(cockpit, net, rank)


@job
def sharded(rank: int, folder: Path) -> None:
    """With a cockpit as without one."""
    states = []
    for tracked in (True, False):
        net = fully_shard(model().module, mesh=init_device_mesh("cpu", (2,)))  # type: ignore[arg-type]
        cockpit = cockpit_of(net, folder) if tracked else None
        loop(cockpit, net, rank)
        if cockpit is not None:
            cockpit.close()
        states.append([p.full_tensor() for p in net.parameters()])  # type: ignore[attr-defined]
    assert all(torch.equal(one, other) for one, other in zip(*states, strict=True))


@job
def wrapped_inside(rank: int, folder: Path) -> None:
    net = nn.Sequential(model(), nn.Identity())
    with cockpit_of(net, folder) as cockpit:
        loop(cockpit, net, rank)


class Moody(Quantity):
    """Fails in one process."""

    def compute(self, info: Any, stats: Any) -> Scalar:
        if torch.distributed.get_rank() == 1 and info.step == 2:
            raise ZeroDivisionError
        return Scalar(stats.of_network(next(iter(self.requires()))).value)

    def requires(self) -> Any:
        return HessMaxEV().requires()


@job
def quantity_fails_on_rank_1(rank: int, folder: Path) -> None:
    net = model()
    with cockpit_of(net, folder, [Loss(), Moody()]) as cockpit:
        loop(cockpit, net, rank)


@job
def fewer_batches(rank: int, folder: Path) -> None:
    net = model()
    with cockpit_of(net, folder) as cockpit, net.join():  # type: ignore[operator]
        loop(cockpit, net, rank, steps=STEPS - 2 if rank == 1 else STEPS)


@job
def local_models(rank: int, folder: Path) -> None:
    net = model().module  # type: ignore[union-attr]
    with cockpit_of(net, folder / str(rank)) as cockpit:  # type: ignore[arg-type]
        loop(cockpit, net, rank, n=lambda step: 4 + rank)  # type: ignore[arg-type]
        torch.distributed.barrier()
        if rank == 1:
            with pytest.raises(BlockingIOError, match="Perhaps another rank: pass the model in"):
                cockpit_of(net, folder / "0")  # type: ignore[arg-type]
        torch.distributed.barrier()


@job
def only_rank_0_has_a_cockpit(rank: int, folder: Path) -> None:
    net = model()
    if rank == 0:
        with cockpit_of(net, folder) as cockpit:
            loop(cockpit, net, rank)
    else:
        loop(None, net, rank)


WAIT_IN_VAIN = (
    *("one_step_outside", "never_inside", "quantity_fails_on_rank_1", "fewer_batches"),
    "only_rank_0_has_a_cockpit",
)


def all_faults(rank: int, size: int, folder: Path) -> None:
    """One training after the other."""
    warnings.simplefilter("ignore", CockpitWarning)
    for name, train in JOBS.items():
        print(name, flush=True)
        meeting.PATIENCE = 2.0 if name in WAIT_IN_VAIN else 60.0
        train(rank, folder / name)
