"""Alpha where it can be worked out by hand, and where the fit degenerates."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from cockpit import quantities
from cockpit.log import RunLog
from tests.quantities.cases import Case
from tests.quantities.comparison import network_values
from tests.quantities.expected import alpha
from tests.quantities.training import run


def _notes(log: RunLog) -> list[dict]:
    return log.notes("Alpha")


@pytest.mark.parametrize(
    ("rate", "uphill", "expected"),
    [(0.1, False, -0.8), (0.5, False, 0.0), (1.2, False, 1.4), (0.1, True, -1.2)],
)
@pytest.mark.parametrize("size", [1, 4])
def test_parabola(tmp_path: Path, rate: float, uphill: bool, expected: float, size: int) -> None:
    # L = (w − 1)² has curvature 2: one step goes 2η of the way to the minimum, α = 2η − 1.
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(model.weight, 3.0)
    batch = torch.ones(size, 1).double(), torch.ones(size, 1).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, maximize=uphill)
    run(
        model,
        nn.MSELoss(),
        optimizer,
        [batch] * 3,
        config=[quantities.Alpha()],
        logdir=tmp_path,
        strict=True,
    )
    log = RunLog(tmp_path)
    values = list(network_values(log, "Alpha").values())
    assert len(values) >= 1
    # At η = ½ the first step lands on the minimum, and the second has no length.
    assert values[0] == pytest.approx(expected, abs=1e-9)
    assert _notes(log)[0]["weights"] == "equal"


def test_uphill_is_below_minus_one(trained) -> None:
    run = trained(Case(optimizer="uphill", loss="mse", one_batch=True))
    values = network_values(run.log, "Alpha")
    expected = [alpha(run, step)[0] for step in run.steps[:-1]]
    assert max(expected) < -1
    assert list(values.values()) == pytest.approx(expected)


def test_concave_is_told_from_a_short_step(trained) -> None:
    run = trained(Case(network="saturated", loss="mse", optimizer="large step"))
    values = network_values(run.log, "Alpha")
    concave = [alpha(run, step)[1] for step in run.steps[:-1]]
    assert any(concave)
    for value, note, is_concave in zip(values.values(), _notes(run.log), concave, strict=True):
        assert bool(note.get("concave", False)) == is_concave
        if is_concave:
            assert value == -1.0


def test_weights_come_from_the_noise(trained) -> None:
    run = trained(Case(loss="mse"))
    for step, note in enumerate(_notes(run.log)):
        assert note.get("weights") != "equal"
        assert alpha(run, step)[0] == pytest.approx(network_values(run.log, "Alpha")[step])


@pytest.mark.parametrize(
    "case",
    [Case(batch_sizes=(1, 1, 1)), Case(identical=True), Case(network="cnn", identical=True)],
    ids=str,
)
def test_without_noise_all_observations_weigh_the_same(trained, case: Case) -> None:
    run = trained(case)
    values = network_values(run.log, "Alpha")
    assert list(values) == [0, 1]
    for step, note in enumerate(_notes(run.log)):
        assert note["weights"] == "equal"
        assert values[step] == pytest.approx(alpha(run, step, equal_weights=True)[0], rel=1e-6)


def test_step_length_is_recorded(trained) -> None:
    run = trained(Case())
    sizes = network_values(run.log, "UpdateSize")
    for step, note in enumerate(_notes(run.log)):
        assert note["step_length"] == pytest.approx(sizes[step], rel=1e-5)


def test_no_step_no_alpha(trained) -> None:
    run = trained(Case(optimizer="resting"))
    assert network_values(run.log, "UpdateSize") == {0: 0.0, 1: 0.0, 2: 0.0}
    assert "Alpha" not in run.log.quantities
    (event,) = [event for event in run.log.events if event["quantity"] == "Alpha"]
    assert event["kind"] == "absent"
