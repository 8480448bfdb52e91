"""Where the samples are: found, whatever the model folds and transposes, or refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit.backward.capture import Capture
from cockpit.backward.layout import Layout, layouts_along
from cockpit.backward.nodes import uses_beside
from cockpit.backward.sample_axis import AGAIN, EARLY, UNKNOWN, SampleAxis
from tests.backward.individual import assert_exact, by_hooks, losses_of

N, D = 4, 3


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


class Arranged(nn.Module):
    """Layers between an arrangement of the axes and its inverse."""

    def __init__(self, there: Callable[[Tensor], Tensor], back: Callable[..., Tensor]) -> None:
        super().__init__()
        self.there, self.back = there, back
        self.layers = nn.Sequential(nn.Linear(D, D), nn.LayerNorm(D), nn.Tanh(), nn.Linear(D, D))
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, D))

    def forward(self, x: Tensor) -> Tensor:
        return self.back(self.layers(self.there(x) * self.scale).sin(), x.shape)


ARRANGED = {
    "samples first": (lambda x: x, lambda y, s: y),
    "positions first": (lambda x: x.transpose(0, 1), lambda y, s: y.transpose(0, 1)),
    "folded, samples first": (lambda x: x.flatten(0, 1), lambda y, s: y.view(s)),
    "folded, positions first": (
        lambda x: x.transpose(0, 1).flatten(0, 1),
        lambda y, s: y.view(s[1], s[0], s[2]).transpose(0, 1),
    ),
    "an axis before": (lambda x: x.unsqueeze(0), lambda y, s: y.squeeze(0)),
}


@pytest.mark.parametrize("name", ARRANGED)
@pytest.mark.parametrize("length", [6, N, 2 * N], ids=["T", "T = N", "T = 2N"])
def test_samples_are_found_in_every_arrangement(name: str, length: int) -> None:
    torch.manual_seed(0)
    model, x = Arranged(*ARRANGED[name]).double(), numbers(N, length, D)
    assert_exact(model, lambda: model(x))


class Convolved(nn.Module):
    """A convolution over each position's picture, positions first."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(2, 3, 2), nn.GroupNorm(1, 3))

    def forward(self, x: Tensor) -> Tensor:
        folded = x.transpose(0, 1).flatten(0, 1)
        return self.layers(folded).unflatten(0, (x.shape[1], x.shape[0])).transpose(0, 1)


def test_convolutions_of_folded_positions() -> None:
    model = Convolved().double()
    assert_exact(model, lambda: model(numbers(N, 6, 2, 4, 4)))


def test_samples_that_are_mixed_are_refused() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(D, D)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x.flatten(0, 1))
            return (y + y.roll(1, 0)).view(x.shape)

    model = Mixed().double()
    made, missing, _ = by_hooks(model, lambda: model(numbers(N, 6, D)))
    assert made == {}
    assert set(missing.values()) == {UNKNOWN}


def verdicts(axis: SampleAxis, model: nn.Module, x: Tensor, **given: Any) -> list[Layout | None]:
    """What is known of the layouts of one forward pass."""
    capture = Capture(model)
    capture.attach()
    losses, size = losses_of(model(x)), given.get("size", N)
    capture.watch(uses_beside(losses.sum(), model.parameters(), capture.living(), size))
    losses = given.get("losses", losses)
    found = axis.find(capture, lambda: losses, size, torch.Generator().manual_seed(0))
    axis.learn(found)
    capture.detach()
    return list(found.known.values())


def test_a_verdict_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    model, axis = Arranged(*ARRANGED["positions first"]).double(), SampleAxis()
    passes, tested = [], []
    plain = Capture.backpropagate
    monkeypatch.setattr(Capture, "backpropagate", lambda *args: passes.append(1) or plain(*args))
    for step in range(3 * AGAIN):  # a matter of the model, not of the lengths
        before = len(passes)
        assert set(verdicts(axis, model, numbers(N, (N, 5, 2 * N)[step % 3], D))) == {Layout(1)}
        if len(passes) > before:
            tested.append(step)
    assert tested == [0, *EARLY, AGAIN, 2 * AGAIN]
    assert len(passes) == 2 * len(tested)


class Views(nn.Module):
    """Several views of each sample, one after the other in the batch of the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        views = self.layer(torch.cat(x.unbind(1))).tanh()
        return torch.stack(views.chunk(x.shape[1])).mean(0)


@pytest.mark.parametrize("before", [(N, 1), (1, 3), (1, 1)], ids=["one view", "N = 1", "both"])
def test_a_batch_that_leaves_the_order_open_decides_nothing(before: tuple[int, int]) -> None:
    model, axis = Views().double(), SampleAxis()
    for _ in range(3):
        verdicts(axis, model, numbers(*before, D), size=before[0])
    for views, found in ((3, Layout(0, minor=True)), (1, Layout(0)), (2, Layout(0, minor=True))):
        assert set(verdicts(axis, model, numbers(N, views, D))) == {found}


class Sorting(nn.Module):
    """Puts the longest samples first for its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        order = (x != 0).sum((1, 2)).argsort(descending=True, stable=True)
        return self.layer(x[order].sum(1)).tanh()[order.argsort()]


def test_an_order_that_depends_on_the_data_is_found_out_later() -> None:
    model, axis = Sorting().double(), SampleAxis()
    equal, mixed = numbers(N, 6, D), numbers(N, 6, D)
    mixed[0, 2:], mixed[2, 4:] = 0, 0
    assert set(verdicts(axis, model, equal)) == {Layout(0)}
    for _ in range(3):
        assert set(verdicts(axis, model, mixed)) == {None}
    assert set(verdicts(axis, model, equal)) == {None}


def test_a_gradient_that_is_not_finite_refuses_nothing() -> None:
    model, axis = Arranged(*ARRANGED["positions first"]).double(), SampleAxis()
    x = numbers(N, 6, D)
    verdicts(axis, model, x * math.nan)
    assert set(verdicts(axis, model, x)) == {Layout(1)}
    assert set(verdicts(axis, model, x * math.inf)) == {Layout(1)}
    assert set(verdicts(axis, model, x)) == {Layout(1)}


def test_what_was_refused_once_stays_refused() -> None:
    class Routed(nn.Module):
        """Sends those above zero to a layer, in the order of their first feature."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(D, D)

        def forward(self, x: Tensor) -> Tensor:
            chosen = x.flatten(0, 1)
            chosen = chosen[chosen[:, 0] > 0]
            y = self.layer(chosen[chosen[:, 0].argsort()])
            return x[:, 0] + y.sum(0)

    model, axis = Routed().double(), SampleAxis()
    x = numbers(N, 6, D)
    x[..., 0] = 1 + x[..., 0].abs()
    assert set(verdicts(axis, model, x)) == {None}
    x[:, 1:, 0] = -1  # as many rows as samples, by accident
    assert set(verdicts(axis, model, x)) == {None}


def test_a_gradient_of_zero_tells_nothing() -> None:
    model, axis = Arranged(*ARRANGED["folded, positions first"]).double(), SampleAxis()
    with torch.no_grad():
        model.layers[3].weight.zero_()
    early = verdicts(axis, model, numbers(N, 6, D))
    with torch.no_grad():
        model.layers[3].weight.normal_()
    late = verdicts(axis, model, numbers(N, 6, D))
    assert len(early) < len(late)
    assert set(late) == {Layout(0, minor=True)}


def test_the_output_serves_where_there_are_no_losses() -> None:
    model = Arranged(*ARRANGED["folded, positions first"]).double()
    found = verdicts(SampleAxis(), model, numbers(N, 6, D), losses=None)
    assert set(found) == {Layout(0, minor=True)}
    assert verdicts(SampleAxis(), model, numbers(N, N, D), losses=None) == []


def test_behind_batch_statistics_nothing_can_be_tested() -> None:
    model = nn.Sequential(nn.Flatten(0, 1), nn.Linear(D, D), nn.BatchNorm1d(D)).double()
    capture = Capture(model)
    capture.attach()
    losses = losses_of(model(numbers(N, 6, D)).view(N, 6, D))
    found = SampleAxis().find(capture, lambda: losses, N, torch.Generator()).known
    assert list(found.values()) == [Layout(0)]  # of the normalization itself


class Prototypes(nn.Module):
    """As many classes as samples, with a vector for each that a layer computes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(D, 5), nn.BatchNorm1d(5)
        self.prototype = nn.Linear(2, 5)
        self.attributes = numbers(N, 2)

    def forward(self, x: Tensor) -> Tensor:
        vectors = self.prototype(self.attributes)
        return self.norm(self.first(x)) @ vectors.T


def test_what_comes_after_batch_statistics_is_tested() -> None:
    model = Prototypes().double()
    made, missing, _ = by_hooks(model, lambda: model(numbers(N, D)))
    assert {name: missing[name] for name in missing} == {
        "prototype.weight": UNKNOWN,
        "prototype.bias": UNKNOWN,
    }
    assert set(made) == {"first.weight", "first.bias", "norm.weight", "norm.bias"}


def test_layouts_of_a_shape() -> None:
    assert layouts_along((8, 4, 3), (0, 1, 2), 4) == [Layout(1), Layout(0), Layout(0, minor=True)]
    assert layouts_along((3, 2), (0, 1), 4) == []


@pytest.mark.parametrize("layout", [Layout(0), Layout(0, True), Layout(1), Layout(1, True)])
def test_splitting_puts_the_samples_first(layout: Layout) -> None:
    x = numbers(2 * N, 2 * N, 3)
    split = layout.split(x, N)
    assert split.shape[0] == N
    for n in range(N):
        index = [n + N * t if layout.minor else 2 * n + t for t in range(2)]
        expected = x.index_select(layout.axis, torch.tensor(index))
        assert torch.equal(split[n].reshape(expected.shape), expected)
        rows = layout.rows(x, N).unflatten(0, (N, -1))[n]
        assert torch.equal(rows.flatten().sort().values, expected.flatten().sort().values)
