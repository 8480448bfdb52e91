"""Steps with several evaluations: at other parameters (SAM, LBFGS), or after a reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import RunLog
from tests.comparison import assert_inert, assert_same_logs, traces
from tests.references import update_size
from tests.training import Training, batch, every_quantity, mlp, state

STEPS = 4


class SAM(torch.optim.Optimizer):
    """Foret et al. (2021), as people write it: two calls around the second backward pass."""

    def __init__(self, parameters: Iterator[nn.Parameter], rho: float, lr: float) -> None:
        super().__init__(parameters, {"rho": rho, "lr": lr})
        self.base = torch.optim.SGD(self.param_groups, lr=lr)

    @torch.no_grad()
    def first_step(self) -> None:
        parameters = [p for group in self.param_groups for p in group["params"]]
        norm = torch.stack([p.grad.norm() for p in parameters]).norm()
        for p in parameters:
            self.state[p]["old"] = p.data.clone()
            p.data.add_(p.grad, alpha=self.param_groups[0]["rho"] / float(norm))
        self.zero_grad()

    @torch.no_grad()
    def second_step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.data = self.state[p]["old"]
        self.base.step()


def sam(
    folder: Path | None, given: Callable[[SAM], torch.optim.Optimizer], both: bool
) -> tuple[nn.Module, list[dict[str, Tensor]]]:
    """The model after some steps, and the parameters at the start of each and at the end."""
    model = mlp()
    optimizer = SAM(model.parameters(), rho=0.5, lr=0.3)
    training = Training(folder, model, optimizer=given(optimizer), config=every_quantity())
    states = [state(model)]
    for step in range(STEPS):
        optimizer.zero_grad()
        training.differentiate(step)
        optimizer.first_step()
        if both:
            training.differentiate(step)
        else:
            training.loss(*batch(step)).backward()
        optimizer.second_step()
        states.append(state(model))
    training.close()
    return model, states


@pytest.mark.parametrize("both", [True, False], ids=["both in the context", "only the first"])
@pytest.mark.parametrize("given", ["base optimizer", "SAM itself"])
def test_the_first_pass_of_sam_is_the_gradient_of_the_step(
    given: str, both: bool, tmp_path: Path
) -> None:
    known = (lambda o: o.base) if given == "base optimizer" else (lambda o: o)
    _, states = sam(tmp_path / "run", known, both)
    log = RunLog(tmp_path / "run")
    for step, size in enumerate(log.series("UpdateSize").value):
        expected = update_size(states[step], states[step + 1]).network
        assert size == pytest.approx(expected, rel=1e-6)
    model, loss_fn = mlp(), nn.CrossEntropyLoss()
    for step in range(STEPS):
        model.load_state_dict(states[step])
        x, y = batch(step)
        grads = torch.autograd.grad(loss_fn(model(x), y), list(model.parameters()))
        norm = torch.cat([g.flatten() for g in grads]).norm()
        assert log.series("GradNorm").value[step] == pytest.approx(float(norm), rel=1e-6)
    assert len(log.series("Alpha")) == STEPS - 1
    assert [e["kind"] for e in log.events if e["level"] != "info"] == []
    said = [e for e in log.events if "the parameters changed between" in e["message"]]
    assert len(said) == (1 if both else 0)


def test_tracking_sam_changes_nothing(tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        return traces(sam(folder, lambda o: o.base, True)[0])

    assert_inert(run, tmp_path / "run")


def lbfgs(folder: Path | None, search: str | None) -> tuple[nn.Module, list, list]:
    """The model, its states, and loss and gradient norm of each first evaluation."""
    model = mlp()
    optimizer = torch.optim.LBFGS(
        model.parameters(), lr=0.5, max_iter=5, line_search_fn=search, history_size=4
    )
    training = Training(folder, model, optimizer=optimizer, config=every_quantity())
    states, first = [state(model)], {}
    for step in range(STEPS):

        def closure(step: int = step) -> Tensor:
            optimizer.zero_grad()
            loss = training.differentiate(step)
            norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
            first.setdefault(step, (loss.item(), norm.item()))
            return loss

        optimizer.step(closure)
        states.append(state(model))
    training.close()
    return model, states, list(first.values())


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_a_closure_is_tracked_at_its_first_evaluation(search: str | None, tmp_path: Path) -> None:
    _, states, first = lbfgs(tmp_path / "run", search)
    log = RunLog(tmp_path / "run")
    for step, (loss, norm) in enumerate(first):
        expected = update_size(states[step], states[step + 1]).network
        assert log.series("Loss").value[step] == pytest.approx(loss, rel=1e-8)
        assert log.series("GradNorm").value[step] == pytest.approx(norm, rel=1e-8)
        assert log.series("UpdateSize").value[step] == pytest.approx(expected, rel=1e-8)
    assert len(log.series("Alpha")) == STEPS - 1
    assert {e["level"] for e in log.events} == {"info"}


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_tracking_a_closure_changes_nothing(search: str | None, tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        return traces(lbfgs(folder, search)[0])

    assert_inert(run, tmp_path / "run")


@pytest.mark.parametrize("to_none", [True, False])
def test_a_pass_after_a_reset_is_no_micro_batch(to_none: bool, tmp_path: Path) -> None:
    for folder, passes in (("one", 1), ("two", 2)):
        training = Training(tmp_path / folder, config=every_quantity())
        parameters = list(training.model.parameters())
        for step in range(STEPS):
            for part in range(passes):
                training.optimizer.zero_grad(set_to_none=to_none)
                training.differentiate(step, batch(step + 10 * part))
                if part == 0:
                    kept = [p.grad.clone() for p in parameters]
            for p, grad in zip(parameters, kept, strict=True):
                p.grad = grad
            training.optimizer.step()
        log = training.close()
    assert_same_logs(tmp_path / "two", tmp_path / "one")
    (event,) = log.events
    assert "the gradients were reset" in event["message"]
