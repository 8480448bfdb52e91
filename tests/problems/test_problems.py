from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from cockpit import problems
from cockpit.configuration import Configuration
from cockpit.log import RunLog
from cockpit.problems.data import SOURCES, Batches, DataSet, ImageSet, TextSet, load
from cockpit.problems.data.texts import text_set
from cockpit.problems.losses import hessian
from cockpit.problems.training import Settings, train

ALL = [pytest.param(problem, id=problem.name) for problem in problems.all_problems()]
KEYS = [f"P{number}" for number in range(1, 14)]

# Thesis, appendix A.1: batch size, epochs, factor of L2.
DEFAULTS = {
    "P1": (128, 100, 0), "P2": (64, 50, 0), "P3": (128, 100, 0), "P4": (128, 100, 0.002),
    "P5": (64, 100, 0), "P6": (256, 350, 5e-4), "P7": (128, 160, 5e-4), "P8": (50, 200, 0),
    "P9": (128, 50, 0), "P10": (128, 100, 0), "P11": (128, 100, 0), "P12": (128, 100, 0.002),
}  # fmt: skip


@pytest.fixture(scope="module")
def small_data() -> dict[type[DataSet], DataSet]:
    """Small real data of each kind that comes in files."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    return {ImageSet: load("digits"), TextSet: text_set("readme", "the README", text, "here")}


def data_for(problem: problems.Problem, small: dict[type[DataSet], DataSet]) -> DataSet:
    return small.get(problem.view.takes) or load(problem.dataset)


def test_problems_are_found_by_key_and_by_name() -> None:
    assert problems.get("P3") is problems.get("2c2d")
    assert problems.get("p4").name == "3c3d"
    assert [p.key for p in problems.all_problems()] == KEYS


def test_an_unknown_problem_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"got problem 'P99', expected one of P1 \(noisy-quad"):
        problems.get("P99")


@pytest.mark.parametrize("key", DEFAULTS)
def test_defaults_are_those_of_the_thesis(key: str) -> None:
    problem = problems.get(key)
    assert (problem.batch_size, problem.epochs, problem.l2) == DEFAULTS[key]


@pytest.mark.parametrize("problem", ALL)
def test_a_problem_takes_the_data_that_it_is_declared_for(problem: problems.Problem) -> None:
    assert SOURCES[problem.dataset].makes is problem.view.takes


@pytest.mark.parametrize("problem", ALL)
def test_a_problem_trains_with_the_cockpit_around_it(
    problem: problems.Problem, small_data, tmp_path: Path
) -> None:
    data = data_for(problem, small_data)
    settings = Settings(
        steps=2, logdir=tmp_path, batch_size=2, config="economy", validation_samples=2
    )
    outcome = train(problem, data, settings, lambda step, cockpit: None)
    log = RunLog(tmp_path)
    assert log.status == "finished"
    assert {"Loss", "Alpha", "NormTest", "GradHist1d"} <= set(log.quantities)
    assert log.header["about"]["data"] == data.title
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [e["message"] for e in events if e["type"] == "event"] == []
    names = {"epoch", "valid_loss"}
    if problem.metric is not None:
        names |= {"train_accuracy", "valid_accuracy"}
    assert set(log.user_names) == names
    assert outcome.score is not None
    assert outcome.score.samples == 2


@pytest.mark.parametrize("problem", ALL)
def test_some_steps_of_sgd_reduce_the_loss(problem: problems.Problem, small_data) -> None:
    torch.manual_seed(0)
    model, loss_function = problem.model(0), problem.loss()
    groups = problems.parameter_groups(model, problem.l2)
    optimizer = torch.optim.SGD(groups, lr=problem.lr)
    train_samples, _ = problem.view(data_for(problem, small_data))
    inputs, targets = next(iter(Batches(train_samples, 8)))
    if any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        model.train()  # its running averages need more than these steps
        before = loss_function(model(inputs), targets).item()
    else:
        before = problems.evaluate(problem, model, inputs, targets).loss
    for _ in range(5):
        optimizer.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
    if any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        after = loss.item()
    else:
        after = problems.evaluate(problem, model, inputs, targets).loss
    assert after < before


def test_the_instruments_see_the_quadratic_as_it_is(tmp_path: Path) -> None:
    settings = Settings(steps=2, logdir=tmp_path, batch_size=64, config=Configuration("full"))
    train(problems.get("P1"), load("normal-100d"), settings, lambda step, cockpit: None)
    log = RunLog(tmp_path)
    largest = torch.linalg.eigvalsh(hessian())[-1].item()
    assert log.series("HessMaxEV").value[-1] == pytest.approx(largest, rel=1e-3)
    trace = hessian().trace().item()
    assert log.series("HessTrace").value.tolist() == pytest.approx([trace] * 2, rel=1e-5)


def test_gradient_descent_and_sgd_of_two_parameters_differ_by_five_samples(tmp_path) -> None:
    problem = problems.get("P13")
    data = load("noisy-line")
    for batch_size, folder in ((95, tmp_path / "sgd"), (100, tmp_path / "gd")):
        settings = Settings(40, folder, batch_size=batch_size, config=Configuration("full"))
        train(problem, data, settings, lambda step, cockpit: None)
    sgd, gd = (RunLog(tmp_path / name) for name in ("sgd", "gd"))
    assert gd.series("Loss").value[-1] == pytest.approx(gd.series("Loss").value[-2], rel=1e-3)
    assert sgd.series("Loss").value[-1] == pytest.approx(gd.series("Loss").value[-1], rel=0.3)
    x, y = data.train.take(torch.arange(100))
    slope = (x * y).mean() / x.square().mean()
    # At the minimum λ = 2 E[x²] (w₁² + w₂²), and descent keeps w₂² − w₁² nearly as it was.
    norm = ((1.7**2 - 0.1**2) ** 2 + 4 * slope**2).sqrt()
    expected = (2 * x.square().mean() * norm).item()
    assert gd.series("HessMaxEV").value[-1] == pytest.approx(expected, rel=0.1)


def test_l2_is_on_the_weights_only() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    model[2].bias.requires_grad_(False)
    weights, others = problems.parameter_groups(model, 0.002)
    assert weights == {"params": [model[0].weight, model[2].weight], "weight_decay": 0.002}
    assert others["weight_decay"] == 0
    assert [id(p) for p in others["params"]] == [
        id(p) for p in (model[0].bias, model[1].weight, model[1].bias)
    ]


def test_without_l2_there_is_one_group() -> None:
    model = nn.Linear(2, 2)
    assert problems.parameter_groups(model, 0.0) == [{"params": [model.weight, model.bias]}]


def test_evaluation_leaves_mode_gradients_and_random_numbers_alone() -> None:
    problem = problems.get("P2")
    model, images = problem.model(0).train(), torch.rand(4, 1, 28, 28)
    state = torch.get_rng_state()
    first = problems.evaluate(problem, model, images, images)
    assert first == problems.evaluate(problem, model, images, images)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_evaluation_in_pieces_is_evaluation_at_once(small_data) -> None:
    problem = problems.get("P10")
    model = problem.model(0)
    _, samples = problem.view(small_data[ImageSet])
    inputs, targets = samples.take(torch.arange(50))
    at_once = problems.evaluate(problem, model, inputs, targets)
    in_pieces = problems.evaluate_all(problem, model, samples, batch_size=16, limit=50)
    assert in_pieces.samples == 50
    assert in_pieces.loss == pytest.approx(at_once.loss, rel=1e-5)
    assert in_pieces.metric == pytest.approx(at_once.metric)
    assert problems.evaluate_all(problem, model, samples, 100).samples == len(samples)
    with pytest.raises(ValueError, match="no samples"):
        problems.evaluate_all(problem, model, samples, 16, limit=0)


def test_accuracy_is_the_share_of_hits() -> None:
    outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 1.0], [0.0, 5.0]])
    assert problems.accuracy(outputs, torch.tensor([0, 1, 1, 1])) == 0.75
    # With places after the classes, as in text.
    assert problems.accuracy(outputs.T[None], torch.tensor([[0, 1, 1, 1]])) == 0.75
