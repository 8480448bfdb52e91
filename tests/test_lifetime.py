"""From the first cockpit of a run to its end: several at once, copies, resuming, endings."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, Configuration, RunLog
from tests.training import Training, batch, mlp


def test_two_cockpits_do_not_meet(tmp_path: Path) -> None:
    """Interleaved, they record what each records alone."""

    def run(names: str, folder: Path) -> dict[str, RunLog]:
        trainings = {}
        for name in names:
            torch.manual_seed(ord(name))
            model, seed = nn.Linear(5, 3).double(), ord(name)
            trainings[name] = Training(
                folder / name,
                model,
                lr=0.1 * (1 + seed % 3),
                batches=lambda step, seed=seed: batch(step + 100 * seed),
                config=Configuration("full", schedule=1 + seed % 2),
            )
        for step in range(6):
            for training in trainings.values():
                training.step(step)
        return {name: training.close() for name, training in trainings.items()}

    together = run("ab", tmp_path / "together")
    for name in "ab":
        alone = run(name, tmp_path / "alone")[name]
        for quantity in set(alone.quantities) - {"Time", "GradHist1d", "GradHist2d"}:
            assert list(alone.series(quantity).value) == list(together[name].series(quantity).value)


def test_tracking_inside_another_cockpits_context(tmp_path: Path) -> None:
    """As in adversarial training: one backward pass within the other's context."""
    outer, inner = Training(tmp_path / "outer"), Training(tmp_path / "inner")
    for step in range(3):
        loss, second = outer.loss(*batch(step)), inner.loss(*batch(step))
        with outer.cockpit(step), inner.cockpit(step):
            second.backward()
            loss.backward()
        for training in (outer, inner):
            training.optimizer.step()
            training.optimizer.zero_grad()
    one, two = outer.close(), inner.close()
    assert list(one.series("NormTest").value) == list(two.series("NormTest").value)


def test_the_model_can_be_copied_and_pickled_at_any_time(tmp_path: Path) -> None:
    training, (x, y) = Training(tmp_path, config="full"), batch(0)
    model, loss = training.model, training.loss(x, y)
    twin, stored = copy.deepcopy(model), pickle.dumps((model, training.loss_fn))
    with training.cockpit(0):
        loss.backward()
    again, again_loss = pickle.loads(stored)
    again_loss(again(x), y).backward()
    twin(x).sum().backward()
    training.optimizer.step()
    copy.deepcopy(model)
    assert list(training.close().series("Loss").step) == [0]


def test_resuming_appends_an_attempt(tmp_path: Path) -> None:
    for steps in (range(6), range(4, 9)):
        log = Training(tmp_path).run(steps).close()
    assert log.attempts == 2
    assert list(log.series("Loss").step) == list(range(9))


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("boom"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_with_statement_records_how_the_run_ended(
    error: BaseException, status: str, tmp_path: Path
) -> None:
    with pytest.raises(type(error)), Cockpit(mlp(), nn.CrossEntropyLoss(), logdir=tmp_path):
        raise error
    assert RunLog(tmp_path).status == status


def test_nothing_keeps_a_dropped_cockpit_alive(tmp_path: Path) -> None:
    training = Training(tmp_path).run(range(2))
    training.close()
    watched = weakref.ref(training.cockpit)
    del training
    gc.collect()
    assert watched() is None


def test_collected_losses_do_not_keep_the_activations(tmp_path: Path) -> None:
    def wide(step: int) -> tuple[Tensor, Tensor]:
        return torch.randn(256, 4000), torch.zeros(256, dtype=torch.long)

    model = nn.Sequential(nn.Linear(4000, 20), nn.ReLU(), nn.Linear(20, 3))
    training, kept, before = Training(tmp_path, model, lr=0.01, batches=wide), [], 0
    for step in range(50):
        if step == 10:
            gc.collect()
            before = psutil.Process().memory_info().rss
        training.optimizer.zero_grad()
        kept.append(training.differentiate(step))
        training.optimizer.step()
    gc.collect()
    grown = (psutil.Process().memory_info().rss - before) / 1e6
    training.close()
    assert grown < 60  # forty inputs of 4 MB each would be 160
