"""Complex parameters count as pairs of real ones: against naive loops over real coordinates."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from cockpit import Cockpit, RunLog, quantities
from cockpit.linalg import squared_norms, widened

N, D, C = 6, 8, 3
STEPS = 3


class Spectral(nn.Module):
    """A layer that weighs the frequencies of its input, as Fourier neural operators do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(D // 2 + 1, dtype=torch.complex128))

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.irfft(torch.fft.rfft(x) * self.weight, n=D)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(Spectral(), nn.Tanh(), nn.Linear(D, C)).double()


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(N, D, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, C, (N,), generator=generator)


class Reference:
    """The network as a function of real coordinates r, with dense derivatives."""

    def __init__(self, model: nn.Module, x: Tensor, y: Tensor) -> None:
        self.model, self.x, self.y = model, x, y
        self.real = {name: widened(p.detach()) for name, p in model.named_parameters()}
        self.is_complex = {name: p.is_complex() for name, p in model.named_parameters()}
        self.r = torch.cat([p.flatten() for p in self.real.values()])

    def output(self, r: Tensor, x: Tensor) -> Tensor:
        parts = r.split([p.numel() for p in self.real.values()])
        state = {
            name: torch.view_as_complex(part.view_as(p))
            if self.is_complex[name]
            else part.view_as(p)
            for part, (name, p) in zip(parts, self.real.items(), strict=True)
        }
        return functional_call(self.model, state, x)

    def individual(self) -> Tensor:
        """gₙ, shape [N, D]."""
        rows = []
        for n in range(N):
            r = self.r.clone().requires_grad_()
            loss = nn.functional.cross_entropy(self.output(r, self.x[n : n + 1]), self.y[n : n + 1])
            rows.append(torch.autograd.grad(loss, r)[0])
        return torch.stack(rows)

    def hessian(self) -> Tensor:
        def loss(r: Tensor) -> Tensor:
            return nn.functional.cross_entropy(self.output(r, self.x), self.y)

        return torch.autograd.functional.hessian(loss, self.r)

    def ggn_trace(self) -> float:
        jacobian = torch.autograd.functional.jacobian(lambda r: self.output(r, self.x), self.r)
        p = self.output(self.r, self.x).softmax(1)
        inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
        return float(torch.einsum("nci,ncd,ndi->", jacobian, inner, jacobian)) / N


def test_all_quantities_of_a_layer_with_complex_weights(tmp_path: Path) -> None:
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    config = [
        quantities.GradNorm(),
        quantities.NormTest(),
        quantities.Distance(),
        quantities.UpdateSize(),
        quantities.HessMaxEV(rtol=1e-6),
        quantities.HessTrace(curvature="ggn"),
        quantities.GradHist1d(),
        quantities.GradHist2d(),
        quantities.Alpha(),
        quantities.TICDiag(),
        quantities.Parameters(),
    ]
    expected: dict[str, list[float]] = {}
    start = Reference(model, *batch(0)).r
    with Cockpit(model, loss_fn, optimizer, config, tmp_path, strict=True) as cockpit:
        for step in range(STEPS):
            x, y = batch(step)
            reference = Reference(model, x, y)
            g = reference.individual()
            grad = g.mean(0)
            spread = (g - grad).square().sum() / (N * (N - 1))
            for name, value in {
                "GradNorm": grad.norm(),
                "NormTest": spread.sqrt() / grad.norm(),
                "Distance": (reference.r - start).norm(),
                "UpdateSize": 0.1 * grad.norm(),
                "HessMaxEV": torch.linalg.eigvalsh(reference.hessian())[-1],
                "HessTrace": reference.ggn_trace(),
            }.items():
                expected.setdefault(name, []).append(float(value))
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            with cockpit(step):
                loss.backward()
            optimizer.step()
    log = RunLog(tmp_path)
    assert log.events == []
    for name, values in expected.items():
        assert list(log.series(name).value) == pytest.approx(values, rel=1e-5, abs=1e-12), name
    assert set(log.quantities) == {q.name for q in config}


def test_complex_weights_without_a_rule_leave_the_network_wide_norms(tmp_path: Path) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(D // 2 + 1, dtype=torch.complex64))
            self.head = nn.Linear(D, C)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(torch.fft.irfft(torch.fft.rfft(x) * self.weight, n=D))

    torch.manual_seed(0)
    model, loss_fn = Mixed(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = batch(0)
    with Cockpit(model, loss_fn, optimizer, "full", tmp_path, strict=True) as cockpit:
        loss = loss_fn(model(x.float()), y)
        with cockpit(0):
            loss.backward()
        norms = [float(torch.linalg.vector_norm(p.grad)) for p in model.parameters()]
        optimizer.step()
    log = RunLog(tmp_path)
    assert list(log.series("GradNorm").value) == pytest.approx([math.hypot(*norms)])
    assert len(log.series("HessMaxEV")) == 1
    (reason,) = {event["message"] for event in log.events if event["quantity"] == "NormTest"}
    assert reason.startswith("weight: it is used outside a layer")


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("dtype", [torch.complex32, torch.complex64, torch.complex128])
def test_norms_of_complex_numbers_of_every_precision(dtype: torch.dtype) -> None:
    numbers = np.array([3 + 4j, -1j, 0.5])
    x = torch.tensor(numbers).to(dtype)
    assert squared_norms([x]).tolist() == pytest.approx([np.vdot(numbers, numbers).real])
    assert widened(x.conj()).tolist() == [[z.real, -z.imag] for z in numbers]
