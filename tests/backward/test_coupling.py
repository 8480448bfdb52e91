"""Losses that compare samples are told from those that are sums over samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import Cockpit, RunLog, quantities
from cockpit.backward.coupling import couples_samples, keeps_samples_apart

N, C = 5, 3
LABELS = torch.tensor([0, 2, 1, 2, 0])

SUMS: dict[str, Callable[[Tensor], Tensor]] = {
    "cross-entropy": lambda f: F.cross_entropy(f, LABELS),
    "summed": lambda f: F.cross_entropy(f, LABELS, reduction="sum"),
    "absolute error": lambda f: F.l1_loss(f, torch.zeros_like(f)),
    "squared error": lambda f: F.mse_loss(f, torch.zeros_like(f)),
    "several terms": lambda f: F.cross_entropy(f, LABELS) + f.norm(dim=1).mean(),
}
COUPLED: dict[str, Callable[[Tensor], Tensor]] = {
    "spread over the batch": lambda f: F.cross_entropy(f, LABELS) + f.var(0).sum(),
    "every sample against every other": lambda f: F.cross_entropy(f @ f.T, torch.arange(N)),
    "a norm of the whole": lambda f: f.norm(),
    "neighbours in pairs": lambda f: F.softplus(f[0:4:2, 0] - f[1:4:2, 0]).mean(),
    "the first two": lambda f: F.cross_entropy(f, LABELS) + 0.1 * (f[0] * f[1]).sum(),
    "triplets": lambda f: F.triplet_margin_loss(f[:1], f[1:2], f[2:3], margin=9.0),
}


def found(loss: Callable[[Tensor], Tensor], *shape: int) -> bool:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(*shape, generator=generator, requires_grad=True)
    return couples_samples(loss(output), output, N, generator)


@pytest.mark.parametrize("name", SUMS)
def test_sums_over_samples(name: str) -> None:
    assert not found(SUMS[name], N, C)


@pytest.mark.parametrize("name", COUPLED)
def test_coupled(name: str) -> None:
    assert found(COUPLED[name], N, C)


def test_tokens_of_one_sample_may_know_each_other() -> None:
    assert not found(lambda f: f.unflatten(0, (N, 2)).sum(1).tanh().square().mean(), 2 * N, C)


def test_what_has_no_second_derivative_is_no_fault() -> None:
    lengths = torch.full((N,), 6), torch.full((N,), 2)

    def ctc(f: Tensor) -> Tensor:
        scores = f.log_softmax(2).transpose(0, 1)
        return F.ctc_loss(scores, torch.ones(N, 2, dtype=torch.long), *lengths)

    assert not found(ctc, N, 6, C)


APART: dict[str, Callable[[Tensor], list[Tensor]]] = {
    "the output itself": lambda f: [f],
    "tokens in one row": lambda f: [f.unflatten(0, (N, 1))[:, :, :-1].contiguous().flatten(0, 1)],
    "transposed and squashed": lambda f: [f.T.sigmoid().double()],
    "nothing of the model": lambda f: [],
}
JOINED: dict[str, Callable[[Tensor], list[Tensor]]] = {
    "similarities": lambda f: [f @ f.T],
    "centred": lambda f: [f - f.mean(0)],
    "two halves": lambda f: [f[:2], f[2:4]],
    "a sum": lambda f: [f.sum(0)],
    "another output": lambda f: [torch.ones(3, requires_grad=True) * 2],
}


@pytest.mark.parametrize("name", [*APART, *JOINED])
def test_what_is_made_of_single_elements(name: str) -> None:
    output = torch.randn(N, C, requires_grad=True) * 1
    made = {**APART, **JOINED}[name](output)
    assert keeps_samples_apart(made, output) == (name in APART)


CONTRASTS: dict[str, tuple[nn.Module, Callable[[nn.Module, Tensor], Tensor]]] = {
    "InfoNCE": (nn.CrossEntropyLoss(), lambda f, z: f(z @ z.T, torch.arange(len(z)))),
    "triplets": (nn.TripletMarginLoss(5.0), lambda f, z: f(z[:2], z[2:4], z[4:6])),
    "none": (nn.CrossEntropyLoss(), lambda f, z: f(z.sigmoid(), torch.arange(len(z)) % C)),
}


@pytest.mark.parametrize("name", CONTRASTS)
def test_torchs_own_loss_on_what_compares_samples_is_marked(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    loss_fn, loss_of = CONTRASTS[name]
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, C)).double()
    x = torch.randn(6, 4, dtype=torch.float64)
    with Cockpit(model, loss_fn, None, [quantities.NormTest()], tmp_path, strict=True) as cockpit:
        loss = loss_of(loss_fn, model(x))
        with cockpit(0):
            loss.backward()
    log = RunLog(tmp_path)
    marked = log.notes("NormTest")[0].get("individual")
    assert marked == (None if name == "none" else "contribution")
    output = model(x).detach().requires_grad_()
    loss_of(loss_fn, output).backward()
    rows = []
    for n in range(6):
        part = torch.autograd.grad(
            (model(x[n : n + 1]) * output.grad[n] * 6).sum(), list(model.parameters())
        )
        rows.append(torch.cat([g.flatten() for g in part]))
    g = torch.stack(rows)
    expected = ((g - g.mean(0)).square().sum() / 30).sqrt() / g.mean(0).norm()
    assert list(log.series("NormTest").value) == pytest.approx([float(expected)], rel=1e-6)


def test_the_gauss_newton_trace_of_coupled_samples_has_their_cross_terms(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, loss_fn = nn.Linear(4, C).double(), nn.CrossEntropyLoss()
    x, start = torch.randn(6, 4, dtype=torch.float64), model.weight.detach().clone()

    def logits(weight: Tensor) -> Tensor:
        z = (x @ weight.T + model.bias.detach()).tanh()
        return z @ z.T

    config = [quantities.HessTrace(curvature="ggn_mc", samples=3000)]
    with Cockpit(model, loss_fn, None, config, tmp_path, strict=True) as cockpit:
        z = model(x).tanh()
        loss = loss_fn(z @ z.T, torch.arange(6))
        with cockpit(0):
            loss.backward()
    jacobian = torch.autograd.functional.jacobian(logits, start).flatten(2)
    p = logits(start).softmax(1)
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    weight_trace = float(torch.einsum("nci,ncd,ndi->", jacobian, inner, jacobian)) / 6
    found = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[1])
    assert found["values"]["HessTrace"]["layers"][0] == pytest.approx(weight_trace, rel=0.08)
