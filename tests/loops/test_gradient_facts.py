"""What becomes of a gradient between the backward pass and the step, in whole loops.

Each loop is followed by hand: what autograd gives for the mean loss, what is in ``.grad``, and what
the optimizer makes of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit import Configuration, RunLog, quantities
from tests.comparison import assert_inert, traces
from tests.training import Training, batch, mlp, state

STEPS = 4
ALONE = [quantities.Facts()]


def all_facts(log: RunLog | None) -> list[dict[str, Any]]:
    assert log is not None
    return [log.facts(step)[1] for step in log.histogram_steps("Facts").tolist()]


def mean_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """ḡ of the cross-entropy, by a loop over the samples; shape [D]."""
    total = torch.zeros(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    for one, label in zip(x, y, strict=True):
        loss = nn.functional.cross_entropy(model(one[None]), label[None])
        grads = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        total += torch.cat([g.flatten() for g in grads])
    return total / len(x)


def flat(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def held(model: nn.Module) -> Tensor:
    """What is in ``.grad``; shape [D]."""
    grads = (torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters())
    return torch.cat([g.detach().flatten() for g in grads])


def cosine(x: Tensor, y: Tensor) -> float:
    return float(x @ y / x.norm() / y.norm())


def ratios(model: nn.Module, before: dict[str, Tensor]) -> dict[str, float]:
    return {
        name: float((p.detach() - before[name]).norm() / before[name].norm())
        for name, p in model.named_parameters()
        if p.dim() > 1
    }


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.3),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "ascent": lambda p: torch.optim.SGD(p, lr=0.1, maximize=True),
}
FAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "clipped": {"clip": lambda p: nn.utils.clip_grad_norm_(p, 0.05)},
    "clipped value by value": {"clip": lambda p: nn.utils.clip_grad_value_(p, 0.01)},
    "clipped behind autograd's back": {
        "clip": lambda p: [q.grad.data.clamp_(-0.01, 0.01) for q in p]
    },
    "clip that lets all pass": {"clip": lambda p: nn.utils.clip_grad_norm_(p, 1e6)},
    "not zeroed": {"zero": None},
    "zeroed in place": {"zero": False},
    "divided twice": {"factor": 1 / 8},
    "sign": {"factor": -1.0},
}


def expected_facts(
    training: Training, factor: float, zero: bool | None, clip: Callable, step: int, sum_of: int
) -> dict[str, Any]:
    """Make a step, and say what the facts of it must be."""
    model, optimizer = training.model, training.optimizer
    x, y = batch(step)
    mean, before = mean_gradient(model, x, y), state(model)
    start, size = flat(model), sum_of * mean.norm()
    if zero is not None:
        optimizer.zero_grad(set_to_none=zero)
    left = held(model)
    training.differentiate(step, backward=lambda loss: (factor * loss).backward())
    after = held(model)
    clip(list(model.parameters()))
    stepped = held(model)
    optimizer.step()
    move, found = flat(model) - start, ratios(model, before)
    return {
        "gradient.before": float(left.norm() / size),
        "gradient.scale": float(after.norm() / size),
        "gradient.cosine": cosine(after, mean),
        "gradient.stepped": float(stepped.norm() / after.norm()),
        "gradient.zeros": float((after == 0).double().mean()),
        "gradient.dtype": "float64",
        "update.decrease": float(-mean @ move),
        "update.sign": cosine(-mean, move),
        "update.ratio_max": max(found.values()),
        "update.ratio_min": min(found.values()),
        "update.ratio_max_layer": max(found, key=found.__getitem__),
        "update.ratio_min_layer": min(found, key=found.__getitem__),
        "optimizer.without": [],
        "optimizer.foreign": 0,
    }


def assert_facts(found: dict[str, Any], expected: dict[str, Any]) -> None:
    got = {name: fact for name, fact in found.items() if name.split(".")[0] in GROUPS}
    assert got.keys() == expected.keys()
    for name, fact in expected.items():
        rel = 0.01 if name.startswith("update.ratio") else 2e-6  # norms of weights are remembered
        close = pytest.approx(fact, rel=rel, abs=1e-9) if isinstance(fact, float) else fact
        assert got[name] == close, name


GROUPS = ("gradient", "update", "optimizer")


LOOPS = [(name, reduction, "economy") for name in OPTIMIZERS for reduction in ("mean", "sum")]


@pytest.mark.parametrize(
    ("optimizer", "reduction", "config"), [*LOOPS, ("momentum", "mean", "alone")]
)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fact_of_every_fault(
    fault: str, optimizer: str, reduction: str, config: str, tmp_path: Path
) -> None:
    model = mlp()
    options = {"factor": 1.0, "zero": True, "clip": lambda p: None, **FAULTS[fault]}
    training = Training(
        tmp_path,
        model,
        nn.CrossEntropyLoss(reduction=reduction),
        OPTIMIZERS[optimizer](model.parameters()),
        config=ALONE if config == "alone" else config,
    )
    sum_of = 8 if reduction == "sum" else 1
    expected = [expected_facts(training, **options, step=k, sum_of=sum_of) for k in range(STEPS)]
    log = training.close()
    assert log.events == []
    for found, right in zip(all_facts(log), expected, strict=True):
        assert_facts(found, right)


@pytest.mark.parametrize("inside", [True, False])
def test_what_happens_inside_the_context_is_no_doing_of_the_pass(
    inside: bool, tmp_path: Path
) -> None:
    training = Training(tmp_path)
    for step in range(STEPS):
        loss = training.loss(*batch(step))
        training.optimizer.zero_grad()
        with training.cockpit(step):
            loss.backward()
            if inside:
                nn.utils.clip_grad_norm_(training.model.parameters(), 0.01)
                training.optimizer.step()
        if not inside:
            nn.utils.clip_grad_norm_(training.model.parameters(), 0.01)
            training.optimizer.step()
    for facts in all_facts(training.close()):
        assert (facts["gradient.scale"], facts["gradient.cosine"]) == (1.0, 1.0)
        assert 0 < facts["gradient.stepped"] < 0.1


@pytest.mark.parametrize("around", [True, False])
@pytest.mark.parametrize("sizes", [(4, 4, 4), (5, 1, 6)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_micro_batches_add_up_to_one_gradient(
    reduction: str, sizes: tuple[int, ...], around: bool, tmp_path: Path
) -> None:
    """And where their number changes, the last one is not known beforehand."""
    training = Training(tmp_path, loss_fn=nn.CrossEntropyLoss(reduction=reduction), lr=0.01)
    for step in range(STEPS):
        x, y = batch(step, 12)
        cut = (12,) if step == 2 else sizes
        training.optimizer.zero_grad()
        with training.cockpit(step) if around else nullcontext():
            for one, other in zip(x.split(cut), y.split(cut), strict=True):
                loss = training.loss(one, other)
                weight = len(one) / 12 if reduction == "mean" else 1.0
                with nullcontext() if around else training.cockpit(step):
                    (loss * weight).backward()
        training.optimizer.step()
    found = all_facts(training.close())
    for step in (0, 1, 3):
        assert found[step]["gradient.scale"] == pytest.approx(1.0, rel=1e-6)
        assert found[step]["gradient.cosine"] == pytest.approx(1.0, rel=1e-6)
        assert found[step]["gradient.stepped"] == 1.0
        assert found[step]["gradient.before"] == 0.0
    assert "gradient.scale" not in found[2]
    assert found[2]["gradient.before"] == 0.0


def test_micro_batches_that_are_not_divided(tmp_path: Path) -> None:
    training = Training(tmp_path, lr=0.01)
    means = []
    for step in range(2):
        training.optimizer.zero_grad()
        x, y = batch(step, 12)
        means.append(mean_gradient(training.model, x, y))
        for one, other in zip(x.split(4), y.split(4), strict=True):
            training.differentiate(step, (one, other))
        training.optimizer.step()
    for facts in all_facts(training.close()):
        assert facts["gradient.scale"] == pytest.approx(3.0, rel=1e-6)
        assert facts["gradient.cosine"] == pytest.approx(1.0, rel=1e-6)


def test_a_pass_beside_the_context_is_not_taken_for_a_missing_reset(tmp_path: Path) -> None:
    """A micro-batch that is not tracked is no part of what an optimizer has stepped with."""
    training = Training(tmp_path, lr=0.01)
    for step in range(STEPS):
        training.optimizer.zero_grad()
        (training.loss(*batch(step + 50)) / 2).backward()
        training.differentiate(step, backward=lambda loss: (loss / 2).backward())
        training.optimizer.step()
    for facts in all_facts(training.close()):
        assert "gradient.before" not in facts
        assert facts["gradient.cosine"] < 0.99


def test_a_reset_after_the_pass_leaves_nothing_for_the_step(tmp_path: Path) -> None:
    training = Training(tmp_path)
    for step in range(2):
        training.differentiate(step)
        training.optimizer.zero_grad()
        training.optimizer.step()
    for facts in all_facts(training.close()):
        assert facts["gradient.scale"] == 1.0
        assert facts["gradient.stepped"] == 0.0
        assert facts["update.decrease"] == 0.0
        assert "update.sign" not in facts


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("unscales", [True, False])
@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_gradient_scaler_is_no_wrong_factor_and_no_clipping(
    dtype: torch.dtype, clip: float | None, unscales: bool, fused: bool, tmp_path: Path
) -> None:
    model = mlp(torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=fused)
    training = Training(tmp_path, model, optimizer=optimizer)
    scaler, expected = torch.amp.GradScaler("cpu", init_scale=2.0**12), []
    for step in range(STEPS):
        x, y = batch(step, dtype=torch.float32)
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype):
            loss = training.loss(x, y)
        with training.cockpit(step):
            scaler.scale(loss).backward()
        if unscales:
            scaler.unscale_(optimizer)
            whole = held(model).norm()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            expected.append(float(held(model).norm() / whole))
        scaler.step(optimizer)
        scaler.update()
    for facts, stepped in zip(all_facts(training.close()), expected or [1.0] * STEPS, strict=True):
        assert facts["gradient.scale"] == pytest.approx(1.0, rel=1e-5)
        assert facts["gradient.cosine"] == 1.0
        assert facts["gradient.stepped"] == pytest.approx(stepped, rel=1e-5)
        assert facts["gradient.dtype"] == "float32"


def test_a_wrong_factor_under_a_gradient_scaler(tmp_path: Path) -> None:
    model = mlp(torch.float32)
    training = Training(tmp_path, model, batches=lambda s: batch(s, dtype=torch.float32))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    for step in range(2):
        training.optimizer.zero_grad()
        training.differentiate(step, backward=lambda loss: scaler.scale(loss / 8).backward())
        scaler.step(training.optimizer)
        scaler.update()
    for facts in all_facts(training.close()):
        assert facts["gradient.scale"] == pytest.approx(1 / 8, rel=1e-5)
        assert facts["gradient.stepped"] == pytest.approx(1.0, rel=1e-5)


def test_a_step_that_the_scaler_skips_says_nothing_of_its_gradient(tmp_path: Path) -> None:
    training = Training(
        tmp_path, mlp(torch.float32), batches=lambda s: batch(s, dtype=torch.float32)
    )
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    for step in range(3):
        training.optimizer.zero_grad()
        training.differentiate(step, backward=lambda loss: scaler.scale(loss).backward())
        if step == 1:
            training.model[0].weight.grad[0, 0] = torch.inf
        scaler.step(training.optimizer)
        scaler.update()
    first, skipped, last = all_facts(training.close())
    assert first["gradient.scale"] == pytest.approx(1.0, rel=1e-5)
    assert last["gradient.scale"] == pytest.approx(1.0, rel=1e-5)
    assert "gradient.scale" not in skipped
    assert "gradient.stepped" not in skipped
    assert skipped["update.decrease"] == 0.0


def test_scaled_and_unscaled_by_hand(tmp_path: Path) -> None:
    training = Training(tmp_path)

    def backward(loss: Tensor) -> None:
        (1024 * loss).backward()

    for step in range(2):
        training.optimizer.zero_grad()
        training.differentiate(step, backward=backward)
        for p in training.model.parameters():
            p.grad.div_(1024)
        training.optimizer.step()
    for facts in all_facts(training.close()):
        assert (facts["gradient.scale"], facts["gradient.stepped"]) == (1.0, 1.0)


def test_without_an_optimizer_there_is_less_to_say(tmp_path: Path) -> None:
    training = Training(tmp_path, known=False)
    log = training.run(range(3)).close()
    for facts in all_facts(log):
        assert facts["gradient.scale"] == facts["gradient.cosine"] == 1.0
        assert facts["gradient.before"] == 0.0
        missing = {"gradient.stepped", "optimizer.without", "optimizer.decay", "time.waiting"}
        assert not missing & facts.keys()


def test_two_optimizers(tmp_path: Path) -> None:
    model = mlp()
    optimizers = [torch.optim.SGD(model[k].parameters(), lr=0.1) for k in (0, 2)]
    training = Training(tmp_path, model, optimizer=optimizers)
    whole = part = 0.0
    for step in range(2):
        for optimizer in optimizers:
            optimizer.zero_grad()
        training.differentiate(step)
        whole, part = float(held(model).norm()), float(held(model[0]).norm())
        nn.utils.clip_grad_norm_(model[0].parameters(), part / 2)
        for optimizer in optimizers:
            optimizer.step()
    last = all_facts(training.close())[-1]
    expected = math.sqrt(whole**2 - 0.75 * part**2) / whole
    assert last["gradient.scale"] == 1.0
    assert last["gradient.stepped"] == pytest.approx(expected, rel=1e-5)
    assert last["optimizer.without"] == []


def test_a_layer_that_the_optimizer_was_not_given(tmp_path: Path) -> None:
    model, other = mlp(), nn.Linear(2, 2)
    optimizer = torch.optim.SGD([*model[2].parameters(), *other.parameters()], lr=0.1)
    training = Training(tmp_path, model, optimizer=optimizer)
    for facts in all_facts(training.run(range(3)).close())[1:]:
        assert facts["optimizer.without"] == ["0.weight", "0.bias"]
        assert facts["optimizer.foreign"] == 2
        assert facts["gradient.before"] == 0.0  # of what the optimizer has
        assert facts["gradient.scale"] > 1  # what it has not is never reset
        assert facts["update.ratio_min"] == 0.0
        assert facts["update.ratio_min_layer"] == "0.weight"


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_the_pull_of_weight_decay(kind: Any, tmp_path: Path) -> None:
    model = mlp()
    groups = [
        {"params": list(model[0].parameters()), "weight_decay": 0.5},
        {"params": list(model[2].parameters()), "weight_decay": 0.01},
    ]
    training = Training(tmp_path, model, optimizer=kind(groups, lr=0.1))
    expected = []
    for step in range(2):
        theta = flat(model[0])
        training.step(step)
        rest = held(model[0]) if kind is torch.optim.SGD else (flat(model[0]) - theta * 0.95) / 0.1
        expected.append(float(0.5 * theta.norm() / rest.norm()))
    found = [facts["optimizer.decay"] for facts in all_facts(training.close())]
    assert found == pytest.approx(expected, rel=0.01)


def test_sparse_gradients_are_left_out(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(7, 4, sparse=True), nn.Flatten(), nn.Linear(8, 3))

    def batches(step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(step)
        return torch.randint(7, (6, 2), generator=generator), torch.arange(6) % 3

    training = Training(tmp_path, model, batches=batches).run(range(3))
    training.differentiate(3)  # not zeroed
    training.optimizer.step()
    log = training.close()
    assert log.events == []
    for step, facts in enumerate(all_facts(log)):
        gradient = {name: fact for name, fact in facts.items() if name.startswith("gradient.")}
        assert gradient == ({"gradient.before": 0.0} if step < 3 else {})
        assert step == 3 or facts["update.sign"] == pytest.approx(1.0, rel=1e-5)


def test_an_optimizer_that_steps_in_the_backward_pass(tmp_path: Path) -> None:
    """Nothing is in ``.grad`` any more when the pass is over."""
    model = mlp()
    optimizers = {p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()}

    def step_at_once(p: Tensor) -> None:
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step_at_once)
    training = Training(tmp_path, model, optimizer=list(optimizers.values()), strict=False)
    with pytest.warns(UserWarning, match="changed"):
        for step in range(2):
            training.differentiate(step)
    assert all_facts(training.close()) == []


@pytest.mark.parametrize("fault", ["none", "clipped", "not zeroed", "zeroed in place"])
def test_looking_at_gradients_changes_no_bit(fault: str, tmp_path: Path) -> None:
    options = {"zero": True, "clip": lambda p: None, **FAULTS[fault]}

    def run(folder: Path | None) -> list[Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Sigmoid(), nn.Flatten(),
            nn.Dropout(0.3), nn.Linear(3 * 16, 3), nn.Tanh(),
        ).to(memory_format=torch.channels_last)  # fmt: skip
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
        training = Training(folder, model, optimizer=optimizer, config=Configuration("economy"))
        for step in range(12):
            generator = torch.Generator().manual_seed(step)
            x, y = torch.randn(8, 1, 6, 6, generator=generator), torch.arange(8) % 3
            if options["zero"] is not None:
                optimizer.zero_grad(set_to_none=options["zero"])
            training.differentiate(step, (x, y))
            options["clip"](list(model.parameters()))
            optimizer.step()
        training.close()
        return traces(model, optimizer)

    assert_inert(run, tmp_path)


def test_waiting_for_data_is_seen_and_evaluation_is_none(tmp_path: Path) -> None:
    training, clock = Training(tmp_path, config=ALONE), [0.0]
    for group in training.cockpit._engine.facts._groups:
        group.now = lambda: clock[0]
    for step in range(4):
        clock[0] += 3.0  # the data
        if step == 3:
            with torch.no_grad():
                training.loss(*batch(50))
        training.optimizer.zero_grad()
        loss = training.loss(*batch(step))
        clock[0] += 0.5
        with training.cockpit(step):
            loss.backward()
        clock[0] += 0.5
        training.optimizer.step()
    found = [facts.get("time.waiting") for facts in all_facts(training.close())]
    assert found == [None, 0.75, 0.75, None]


@pytest.mark.parametrize("around", [True, False])
def test_each_micro_batch_is_waited_for(around: bool, tmp_path: Path) -> None:
    training, clock = Training(tmp_path, config=ALONE), [0.0]

    def later(loss: Tensor) -> None:
        clock[0] += 5.0
        loss.backward()

    for group in training.cockpit._engine.facts._groups:
        group.now = lambda: clock[0]
    for step in range(2):
        training.optimizer.zero_grad()
        with training.cockpit(step) if around else nullcontext():
            for part in range(2):
                clock[0] += 1.0  # the data
                loss = training.loss(*batch(2 * step + part)) / 2
                with nullcontext() if around else training.cockpit(step):
                    later(loss)
        clock[0] += 0.5
        training.optimizer.step()
    found = [facts.get("time.waiting") for facts in all_facts(training.close())]
    assert found == [None, pytest.approx(2 / 12.5)]
