"""Every layer rule against a loop over samples, through the hooks that a training loop meets."""

from __future__ import annotations

from typing import Any

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

N = 5


class Attend(nn.MultiheadAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=False)[0]


class First(nn.Module):
    """The first output of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


class OwnParameter(nn.Module):
    """A user's layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x * self.scale) * self.scale


class Square(torch.autograd.Function):
    """An operation that only a module's own call can tell about."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 2 * grad * ctx.saved_tensors[0]


class Opaque(nn.Module):
    """A user's layer that can't be vectorized."""

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 4))
        self.rate = p

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x * Square.apply(self.scale), self.rate)


class OpaqueBesideLayers(Opaque):
    """The same with a layer inside."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.layer(x))


class Norm(nn.LayerNorm):
    """A subclass may compute something else."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class ByName(nn.Module):
    """Calls its layers with keyword arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Bilinear(3, 3, 4)
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(input=self.pair(x, input2=x.flip(1)))


class Pair(nn.Module):
    """A layer with two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Bilinear(3, 3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, x.flip(1))


def integers(*shape: int) -> Tensor:
    return torch.randint(0, 7, shape, generator=torch.Generator().manual_seed(1))


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), numbers(N, 4)),
    "linear without bias": (lambda: nn.Linear(4, 3, bias=False), numbers(N, 4)),
    "linear on a sequence": (lambda: nn.Linear(4, 3), numbers(N, 6, 4)),
    "linear on a plane": (lambda: nn.Linear(4, 3), numbers(N, 2, 3, 4)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, stride=2, padding=1), numbers(N, 2, 9)),
    "conv2d": (lambda: nn.Conv2d(2, 3, 3), numbers(N, 2, 6, 7)),
    "conv2d, everything": (
        lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), groups=2, bias=False),
        numbers(N, 4, 7, 6),
    ),
    "conv2d, same": (lambda: nn.Conv2d(2, 3, (3, 5), padding="same"), numbers(N, 2, 6, 6)),
    "conv2d, circular": (
        lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"),
        numbers(N, 2, 6, 6),
    ),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2, dilation=2), numbers(N, 2, 4, 5, 4)),
    "transposed conv1d": (lambda: nn.ConvTranspose1d(2, 3, 3, 2, 1), numbers(N, 2, 5)),
    "transposed conv2d": (
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        numbers(N, 4, 4, 5),
    ),
    "transposed conv3d": (lambda: nn.ConvTranspose3d(2, 2, 2, dilation=2), numbers(N, 2, 3, 3, 2)),
    "embedding": (lambda: nn.Embedding(7, 4), integers(N, 6)),
    "embedding, padded": (lambda: nn.Embedding(7, 4, padding_idx=2), integers(N, 6)),
    "embedding of one index": (lambda: nn.Embedding(7, 4), integers(N)),
    "layer norm": (lambda: nn.LayerNorm(4), numbers(N, 6, 4)),
    "layer norm, two axes": (lambda: nn.LayerNorm((6, 4)), numbers(N, 6, 4)),
    "rms norm": (lambda: nn.RMSNorm(4), numbers(N, 6, 4)),
    "group norm": (lambda: nn.GroupNorm(2, 4), numbers(N, 4, 3, 3)),
    "instance norm": (lambda: nn.InstanceNorm2d(4, affine=True), numbers(N, 4, 3, 3)),
    "batch norm, eval": (lambda: nn.BatchNorm2d(4).eval(), numbers(N, 4, 3, 3)),
    "batch norm, eval, flat": (lambda: nn.BatchNorm1d(4).eval(), numbers(N, 4)),
    "prelu": (lambda: nn.PReLU(4), numbers(N, 4, 3)),
    "bilinear": (Pair, numbers(N, 3)),
    "attention": (lambda: Attend(4, 2, batch_first=True), numbers(N, 6, 4)),
    "lstm": (lambda: First(nn.LSTM(4, 3, 2, batch_first=True)), numbers(N, 6, 4)),
    "gru": (lambda: First(nn.GRU(4, 3, batch_first=True)), numbers(N, 6, 4)),
    "rnn": (lambda: First(nn.RNN(4, 3, batch_first=True)), numbers(N, 6, 4)),
    "own parameter": (OwnParameter, numbers(N, 4)),
    "own layer, opaque": (Opaque, numbers(N, 4)),
    "subclass of a layer": (lambda: Norm(4), numbers(N, 6, 4)),
    "keyword arguments": (ByName, numbers(N, 3)),
    "embedding bag": (lambda: nn.EmbeddingBag(7, 4), integers(N, 6)),
    "prelu of one weight": (nn.PReLU, numbers(N, 4, 3)),
    "conv1d, reflected": (
        lambda: nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect"),
        numbers(N, 2, 9),
    ),
    "conv2d, replicated": (
        lambda: nn.Conv2d(2, 4, 3, 2, padding=(1, 2), padding_mode="replicate", groups=2),
        numbers(N, 2, 6, 7),
    ),
    "conv3d, same": (lambda: nn.Conv3d(2, 2, (1, 3, 3), padding="same"), numbers(N, 2, 3, 4, 3)),
    "conv3d, groups": (lambda: nn.Conv3d(4, 4, 2, 2, 1, groups=4), numbers(N, 4, 3, 4, 3)),
    "transposed conv1d, everything": (
        lambda: nn.ConvTranspose1d(4, 6, 3, 3, 2, 2, 2, dilation=2, bias=False),
        numbers(N, 4, 5),
    ),
    "transposed conv3d, padded": (
        lambda: nn.ConvTranspose3d(2, 4, 3, 2, 1, (1, 0, 1), 2),
        numbers(N, 2, 3, 2, 3),
    ),
    "instance norm, 1d": (lambda: nn.InstanceNorm1d(4, affine=True), numbers(N, 4, 6)),
    "instance norm, running": (
        lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True).eval(),
        numbers(N, 4, 3, 3),
    ),
    "layer norm, no bias": (lambda: nn.LayerNorm(4, bias=False), numbers(N, 6, 4)),
    "rms norm, two axes": (lambda: nn.RMSNorm((6, 4)), numbers(N, 6, 4)),
    "batch norm 3d, eval": (lambda: nn.BatchNorm3d(4).eval(), numbers(N, 4, 2, 3, 3)),
}


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
