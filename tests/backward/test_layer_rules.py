"""Every layer rule against a loop over samples, through the hooks that a training loop meets."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cockpit.backward.capture import Capture
from cockpit.backward.evaluate import fold_rows
from cockpit.backward.extensions import Chunked, Outer, Unsupported, contributions, generic
from cockpit.backward.first_order import contributions_by_name
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.nodes import NodeUse, uses_beside
from tests.backward.individual import assert_exact, by_hooks, by_loop, losses_of
from tests.backward.layers import LAYERS, N, Opaque, OpaqueBesideLayers, integers, numbers


def captured(model: nn.Module, x: Tensor, loss_of: object) -> list[LayerCall | NodeUse]:
    capture, calls = Capture(model), []
    capture.attach()
    loss = loss_of(model(x))
    uses = uses_beside(loss, model.parameters(), capture.living(), N)
    capture.watch(uses)
    with capture.into(calls):
        loss.backward()
    capture.detach()
    assert capture.fault is None
    return calls


def individual(model: nn.Module, calls: list[LayerCall]) -> dict[str, Tensor]:
    names = {id(p): name for name, p in model.named_parameters()}
    found, missing = contributions_by_name(calls, lambda p: names.get(id(p)), N)
    assert missing == {}
    return {name: part.make(0, N) for name, part in found.items()}


def one_by_one(model: nn.Module, x: Tensor, loss_of: object) -> dict[str, Tensor]:
    """Gradients of each sample's loss, the sample alone in its batch."""
    parameters = dict(model.named_parameters())
    rows = [
        torch.autograd.grad(loss_of(model(x[n : n + 1])), list(parameters.values()))
        for n in range(N)
    ]
    return {k: torch.stack(g) for k, g in zip(parameters, zip(*rows, strict=True), strict=True)}


def smooth(output: Tensor) -> Tensor:
    return (output.sin() * torch.arange(1, output[0].numel() + 1).view(output[0].shape)).sum()


@pytest.mark.parametrize("name", LAYERS)
def test_rule_gives_the_gradient_of_each_sample(name: str) -> None:
    torch.manual_seed(0)
    make, x = LAYERS[name]
    model = make().double()
    got = individual(model, captured(model, x, smooth))
    expected = one_by_one(model, x, smooth)
    assert set(got) == set(expected)
    for key, value in expected.items():
        torch.testing.assert_close(got[key].reshape(value.shape), value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shape", [(N, 4), (N, 4, 3), (N, 4, 3, 3)])
def test_batch_norm_in_training_gives_contributions_that_sum_to_the_gradient(
    shape: tuple[int, ...],
) -> None:
    layer = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)](4).double()
    calls = captured(layer, numbers(*shape), smooth)
    before = layer.running_mean.clone()
    got = individual(layer, calls)
    torch.testing.assert_close(got["weight"].sum(0), layer.weight.grad)
    torch.testing.assert_close(got["bias"].sum(0), layer.bias.grad)
    assert torch.equal(layer.running_mean, before)


class Twice(nn.Module):
    """One layer used twice, with an in-place activation and an in-place residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.layer(x))
        z = self.layer(y.sin())
        z += y
        return z


class Tied(nn.Module):
    """Embedding and output projection share their weight."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.out = nn.Linear(4, 7, bias=False)
        self.out.weight = self.table.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.table(x).tanh())


class Folded(nn.Module):
    """Folds the positions into the first axis, as many vision models do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.conv = nn.Conv1d(1, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x.flatten(0, 1))
        return self.conv(y.unsqueeze(1)).unflatten(0, (x.shape[0], -1))


@pytest.mark.parametrize(
    ("model", "x"),
    [(Twice(), numbers(N, 4)), (Tied(), integers(N, 6)), (Folded(), numbers(N, 6, 4))],
    ids=["used twice, in place", "tied weights", "folded axis"],
)
def test_models_that_module_hooks_break_on(model: nn.Module, x: Tensor) -> None:
    model.double()
    assert_exact(model, lambda: model(x))


def test_an_overwritten_input_is_refused() -> None:
    layer, x = nn.Linear(4, 3), torch.randn(N, 4)
    (call,) = captured(layer, x, smooth)
    x.zero_()
    with pytest.raises(Unsupported, match="overwritten"):
        contributions(call)


def test_a_convolution_that_pads_otherwise_than_it_says_is_refused() -> None:
    layer = nn.Conv2d(2, 4, 3)
    (call,) = captured(layer, torch.randn(N, 2, 6, 6), smooth)
    call.grads[0] = torch.randn(N, 4, 6, 6)  # of an output that was made with padding=1
    with pytest.raises(Unsupported, match="larger than"):
        contributions(call)


def test_what_is_opaque_beside_layers_is_refused() -> None:
    model = OpaqueBesideLayers().double()
    made, missing, _ = by_hooks(model, lambda: model(numbers(N, 4)))
    assert set(made) == {"layer.weight", "layer.bias"}
    assert list(missing) == ["scale"]
    assert "no rule for (Square)" in missing["scale"]


def test_a_layer_that_draws_random_numbers_is_refused() -> None:
    model = Opaque(0.5).double()
    (call,) = captured(model, numbers(N, 4), smooth)
    state = torch.random.get_rng_state()
    with pytest.raises(Unsupported, match="random"):
        contributions(call)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", ["own parameter", "prelu", "group norm", "attention", "conv2d"])
def test_the_general_rule_gives_the_same_at_once_and_one_by_one(name: str) -> None:
    torch.manual_seed(0)
    make, x = LAYERS[name]
    model = make().double()
    capture, calls = Capture(model), []
    capture.attach()
    losses = losses_of(model(x))
    with capture.into(calls):
        losses.sum().backward(retain_graph=True)
    (call,) = calls
    names = [key for key, _ in model.named_parameters()]
    at_once, one_by_one = (f(call, names, 0) for f in (generic.vectorized, generic.one_by_one))
    for key, value in by_loop(model, losses).items():
        torch.testing.assert_close(at_once[key].reshape(value.shape), value)
        torch.testing.assert_close(one_by_one[key].reshape(value.shape), value)


def test_rows_that_do_not_divide_among_the_samples_are_refused() -> None:
    with pytest.raises(Unsupported, match="7 rows for 5 samples"):
        fold_rows(Chunked.of(torch.zeros(7, 2)), N)
    with pytest.raises(Unsupported, match="7 rows"):
        fold_rows(Outer(torch.zeros(7, 1, 2), torch.zeros(7, 1, 2)), N)


def test_frequency_scaled_embedding_is_refused() -> None:
    layer = nn.Embedding(7, 4, scale_grad_by_freq=True)
    (call,) = captured(layer, integers(N, 6), smooth)
    with pytest.raises(Unsupported, match="couples"):
        contributions(call)


def test_half_precision_is_accumulated_in_single() -> None:
    layer = nn.Linear(4, 3).bfloat16()
    (call,) = captured(layer, torch.randn(N, 4).bfloat16(), lambda out: out.sum())
    assert contributions(call)["weight"].make(0, N).dtype == torch.float32
