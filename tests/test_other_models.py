"""Models and loops beyond a chain of layers with one loss: right, or absent with the reason."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cockpit import Cockpit, Configuration, RunLog, quantities

N, T = 4, 6


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        start = torch.zeros(1, len(x), 5, dtype=x.dtype)
        return self.head(self.lstm(x, (start, start))[0][:, -1])


class Attention(nn.Module):
    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.layer = nn.TransformerEncoderLayer(3, 1, 7, dropout=0.0, batch_first=batch_first)
        self.head = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        if self.batch_first:
            return self.head(self.layer(x, src_mask=mask)[:, -1])
        return self.head(self.layer(x.transpose(0, 1), src_mask=mask)[-1])


class Custom(nn.Module):
    """A layer of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x * self.scale)


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    models: dict[str, Callable[[], nn.Module]] = {
        "lstm": Recurrent,
        "attention": Attention,
        "own layer": lambda: nn.Sequential(Custom(), nn.Flatten(), nn.Linear(3 * T, 3)),
    }
    return models[name]().double()


def batch(step: int, length: int = T) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(N, length, 3, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, (N,), generator=generator)


def norm_test(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """By a loop over the samples."""
    rows = []
    for n in range(len(x)):
        loss = F.cross_entropy(model(x[n : n + 1]), y[n : n + 1])
        grads = torch.autograd.grad(loss, list(model.parameters()))
        rows.append(torch.cat([g.flatten() for g in grads]))
    g = torch.stack(rows)
    mean = g.mean(0)
    return float(((g - mean).square().sum() / (N * (N - 1))).sqrt() / mean.norm())


def run(
    model: nn.Module, folder: Path, steps: int = 3, config: object = "economy", length: int = T
) -> tuple[RunLog, list[float]]:
    """Train with large steps; the log, and the norm test before each step."""
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    expected = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Cockpit(model, loss_fn, optimizer, config, folder, strict=True) as cockpit:
            for step in range(steps):
                x, y = batch(step, length)
                expected.append(norm_test(model, x, y))
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                with cockpit(step):
                    loss.backward()
                optimizer.step()
    return RunLog(folder), expected


@pytest.mark.parametrize("name", ["lstm", "attention", "own layer"])
@pytest.mark.parametrize("length", [T, N, N + 1], ids=["T", "T = N", "T = N + 1"])
def test_layers_without_a_rule_of_their_own_are_right_at_large_steps(
    name: str, length: int, tmp_path: Path
) -> None:
    if name == "own layer" and length != T:
        pytest.skip("its size is fixed")
    log, expected = run(network(name), tmp_path, length=length)
    assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)
    assert len(log.series("Alpha").value) == 2


class Vision(nn.Module):
    """A transformer over patches, with a class token and learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 4))
        self.positions = nn.Parameter(torch.randn(1, T + 1, 4))
        self.patches = nn.Linear(3, 4)
        layer = nn.TransformerEncoderLayer(4, 2, 7, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(4), False)
        self.scale = nn.Parameter(torch.full((4,), 0.5))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(len(x), -1, -1), self.patches(x)], 1) + self.positions
        return self.head(self.encoder(x)[:, 0] * self.scale)


class Language(nn.Module):
    """A decoder of tokens that are made of the input's signs, with a tied output."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(8, 4)
        self.positions = nn.Embedding(16, 4)
        self.layer = nn.TransformerEncoderLayer(4, 2, 7, dropout=0.0)

    def forward(self, x: Tensor) -> Tensor:
        bits = (x > 0).long() @ torch.tensor([4, 2, 1])
        y = self.tokens(bits) + self.positions(torch.arange(x.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=y.dtype)
        y = self.layer(y.transpose(0, 1), src_mask=mask)[-1]
        return F.linear(y, self.tokens.weight)[:, :3]


@pytest.mark.parametrize(
    ("make", "lengths"),
    [
        (lambda: Attention(batch_first=False), (2 * N, N, N + 1)),
        (Language, (2 * N, N, N + 1)),
        (Vision, (T,)),
    ],
    ids=["positions first", "language", "vision"],
)
def test_parameters_beside_layers_and_positions_before_samples(
    make: Callable[[], nn.Module], lengths: tuple[int, ...], tmp_path: Path
) -> None:
    for length in lengths:
        torch.manual_seed(0)
        log, expected = run(make().double(), tmp_path / str(length), length=length)
        assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)
        assert {"Alpha", "GradHist1d"} <= set(log.quantities)
        assert not any(event["kind"] == "absent" for event in log.events)


def test_a_gradient_that_is_zero_but_for_rounding_takes_nothing_away(tmp_path: Path) -> None:
    """The bias of attention's keys shifts all scores alike, which softmax does not see."""

    class Keys(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key = nn.Linear(3, 4), nn.Linear(3, 4)
            self.head = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            scores = self.query(x) @ self.key(x).mT
            return self.head(scores.softmax(2) @ x).mean(1)

    torch.manual_seed(0)
    log, expected = run(Keys().double(), tmp_path)
    assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "make",
    [Attention, lambda: Attention(batch_first=False), Vision, Language, Recurrent],
    ids=["attention", "positions first", "vision", "language", "recurrent"],
)
def test_gauss_newton_trace_is_exact(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, loss_fn = make().double(), nn.CrossEntropyLoss()
    config = [quantities.HessTrace(curvature="ggn"), quantities.GradNorm()]
    with Cockpit(model, loss_fn, config=config, logdir=tmp_path, strict=True) as cockpit:
        x, y = batch(0)
        loss = loss_fn(model(x), y)
        with cockpit(0):
            loss.backward()
    logits = model(x)
    probabilities = logits.detach().softmax(1)
    exact = 0.0
    for n in range(N):
        hessian = probabilities[n].diag() - probabilities[n].outer(probabilities[n])
        rows = [
            torch.autograd.grad(
                logits[n, k], list(model.parameters()), retain_graph=True, materialize_grads=True
            )
            for k in range(3)
        ]
        jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
        exact += float((jacobian.T @ hessian @ jacobian).trace()) / N
    assert RunLog(tmp_path).series("HessTrace").value[0] == pytest.approx(exact, rel=1e-6)


def small(tmp_path: Path, **options: object) -> tuple[Cockpit, nn.Module, torch.optim.SGD]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"config": "economy", "logdir": tmp_path / "run", "strict": True, **options}
    return Cockpit(model, nn.CrossEntropyLoss(), optimizer, **options), model, optimizer


def rows(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return (
        torch.randn(8, 5, generator=generator),
        torch.randint(0, 3, (8,), generator=generator),
    )


def test_a_loss_function_that_is_called_twice_leaves_the_loss_open(tmp_path: Path) -> None:
    cockpit, model, _ = small(tmp_path)
    loss_fn = cockpit._engine.probe.loss_fn
    x, y = rows(0)
    loss = loss_fn(model(x), y) + 0.4 * loss_fn(model(x), y.flip(0))
    with pytest.warns(UserWarning, match="called more than once"), cockpit(0):
        loss.backward()
    cockpit.close()
    assert RunLog(cockpit.logdir).quantities == ()


def test_alpha_does_not_span_steps_that_ran_outside_the_context(tmp_path: Path) -> None:
    cockpit, model, optimizer = small(tmp_path)
    loss_fn = cockpit._engine.probe.loss_fn
    for step in range(7):
        x, y = rows(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        if step % 3 == 0:
            with cockpit(step):
                loss.backward()
        else:
            loss.backward()
        optimizer.step()
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert list(log.series("Loss").step) == [0, 3, 6]
    assert "Alpha" not in log.quantities
    assert any("two steps in a row" in event["message"] for event in log.events)


def test_gauss_newton_of_a_loss_of_two_outputs_is_absent(tmp_path: Path) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.layer(x).chunk(2, 1)

    model = Two()
    config = [quantities.HessTrace(curvature="ggn"), quantities.GradNorm()]
    cockpit = Cockpit(model, None, config=config, logdir=tmp_path / "run", strict=True)
    mean, scale = model(torch.randn(8, 5))
    loss = mean.square().mean() + 3 * scale.square().mean()
    with cockpit(0, loss=loss):
        loss.backward()
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert log.quantities == ("GradNorm",)
    assert any("another way" in event["message"] for event in log.events)


def test_gradient_hooks_of_the_user_run_once_a_step_and_change_no_curvature(tmp_path: Path) -> None:
    values = {}
    for hooked in (False, True):
        config = [quantities.HessMaxEV(), quantities.HessTrace(curvature="ggn")]
        cockpit, model, _ = small(tmp_path, config=config, logdir=tmp_path / str(hooked))
        ran = []
        if hooked:
            model[0].weight.register_hook(lambda g, ran=ran: ran.append(1) or g * 0.5)
        x, y = rows(0)
        loss = cockpit._engine.probe.loss_fn(model(x), y)
        with cockpit(0):
            loss.backward()
        cockpit.close()
        assert len(ran) == hooked
        log = RunLog(cockpit.logdir)
        values[hooked] = [float(log.series(name).value[0]) for name in log.quantities]
    assert values[True] == values[False]


def test_ctc_has_no_individual_losses_that_are_wrong(tmp_path: Path) -> None:
    model, loss_fn = nn.Linear(5, 4), nn.CTCLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with Cockpit(model, loss_fn, optimizer, logdir=tmp_path / "run", strict=True) as cockpit:
        for step in range(2):
            optimizer.zero_grad()
            scores = model(torch.randn(N, 9, 5)).log_softmax(2).transpose(0, 1)
            lengths = torch.tensor([1, 2, 3, 4])
            loss = loss_fn(scores, torch.ones(N, 4, dtype=torch.long), torch.full((N,), 9), lengths)
            with cockpit(step):
                loss.backward()
            optimizer.step()
    assert "Alpha" not in RunLog(tmp_path / "run").quantities


def test_collected_losses_do_not_keep_the_activations(tmp_path: Path) -> None:
    grown = {}
    for tracked in (False, True):
        model, loss_fn = nn.Sequential(nn.Linear(4000, 20), nn.ReLU(), nn.Linear(20, 3)), None
        loss_fn = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        cockpit = Cockpit(model, loss_fn, optimizer, logdir=tmp_path / str(tracked))
        kept, before = [], 0
        for step in range(50):
            if step == 10:
                gc.collect()
                before = psutil.Process().memory_info().rss
            loss = loss_fn(model(torch.randn(256, 4000)), torch.zeros(256, dtype=torch.long))
            kept.append(loss)
            if tracked:
                with cockpit(step):
                    loss.backward()
            else:
                loss.backward()
            optimizer.step()
        gc.collect()
        grown[tracked] = (psutil.Process().memory_info().rss - before) / 1e6
        cockpit.close()
    assert grown[True] < 60  # forty inputs of 4 MB each would be 160


def test_checkpointed_batch_norm_keeps_its_running_averages(tmp_path: Path) -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU())
            self.head = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(checkpoint(self.inner, x, use_reentrant=False))

    states = []
    for tracked in (False, True):
        torch.manual_seed(0)
        model, loss_fn = Checkpointed(), nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        cockpit = Cockpit(model, loss_fn, optimizer, "full", tmp_path / str(tracked), strict=True)
        for step in range(3):
            x, y = rows(step)
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            if tracked:
                with cockpit(step):
                    loss.backward()
            else:
                loss.backward()
            optimizer.step()
        cockpit.close()
        states.append(model.state_dict())
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_vanishing_gradients_are_seen_and_not_doubted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = [part for _ in range(15) for part in (nn.Linear(8, 8), nn.Sigmoid())]
    model, loss_fn = nn.Sequential(*layers, nn.Linear(8, 3)), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Cockpit(model, loss_fn, optimizer, logdir=tmp_path, strict=True) as cockpit:
        for step in range(3):
            optimizer.zero_grad()
            loss = loss_fn(model(torch.randn(16, 8)), torch.randint(0, 3, (16,)))
            with cockpit(step):
                loss.backward()
            optimizer.step()
    log = RunLog(tmp_path)
    _, norms = log.layer_series("GradNorm")
    assert 0 < norms[0, 0] < 1e-9
    assert {"Alpha", "NormTest", "GradHist1d"} <= set(log.quantities)


def test_a_thawed_layer_is_tracked_from_then_on(tmp_path: Path) -> None:
    cockpit, model, _ = small(tmp_path)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = cockpit._engine.probe.loss_fn
    model[0].requires_grad_(False)
    for step in range(6):
        if step == 3:
            model[0].requires_grad_(True)
        x, y = rows(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        optimizer.step()
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert list(log.series("NormTest").step) == list(range(6))
    _, layers = log.layer_series("GradNorm")
    assert layers[2:4, 0].tolist() == pytest.approx([float("nan"), layers[3, 0]], nan_ok=True)


def test_a_model_without_trainable_parameters_is_absent_in_everything(tmp_path: Path) -> None:
    cockpit, model, _ = small(tmp_path, config=Configuration("full"))
    model.requires_grad_(False)
    x, y = rows(0)
    x.requires_grad_(True)
    loss = cockpit._engine.probe.loss_fn(model(x), y)
    with cockpit(0):
        loss.backward()
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert "Loss" in log.quantities
    assert not any(event["kind"] == "fault" for event in log.events)


def test_gauss_newton_trace_of_coupled_samples_is_unbiased(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = rows(0)
    x = x.double()
    logits = model(x)
    probabilities = logits.detach().softmax(1)
    expected = 0.0
    for n in range(len(x)):
        jacobian = torch.stack(
            [
                torch.cat(
                    [
                        g.flatten()
                        for g in torch.autograd.grad(
                            logits[n, k], list(model.parameters()), retain_graph=True
                        )
                    ]
                )
                for k in range(3)
            ]
        )
        p = probabilities[n]
        hessian = p.diag() - p.outer(p)
        expected += float((jacobian.T @ hessian @ jacobian).trace()) / len(x)
    config = [quantities.HessTrace(samples=3000), quantities.GradNorm()]
    with Cockpit(model, nn.CrossEntropyLoss(), config=config, logdir=tmp_path, strict=True) as c:
        loss = c._engine.probe.loss_fn(model(x), y)
        with c(0):
            loss.backward()
        got = c.logdir
    value = RunLog(got).series("HessTrace").value[0]
    assert value == pytest.approx(expected, rel=0.1)


def test_exact_gauss_newton_of_coupled_samples_is_absent(tmp_path: Path) -> None:
    model, loss_fn = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)), nn.CrossEntropyLoss()
    config = [quantities.HessTrace(curvature="ggn"), quantities.Loss()]
    with Cockpit(model, loss_fn, config=config, logdir=tmp_path, strict=True) as cockpit:
        x, y = rows(0)
        loss = loss_fn(model(x), y)
        with cockpit(0):
            loss.backward()
    log = RunLog(tmp_path)
    assert log.quantities == ("Loss",)
    assert any("couple the samples" in event["message"] for event in log.events)
