from __future__ import annotations

import pytest

from cockpit.lamps.diagnoses.edge_of_stability import bound
from tests.lamps.hand_made import board_of, only, shone, views

NAME = "edge_of_stability"


def sgd(**settings):
    group = {"lr": 0.1, "momentum": 0.0, "nesterov": False, "dampening": 0, "weight_decay": 0}
    return {"optimizer": {"name": "SGD", "groups": [group | settings]}}


def diverges(product: float, momentum: float, nesterov: bool) -> bool:
    """Whether torch's form of SGD leaves the minimum of ½ λ x², with lr · λ = product."""
    x, velocity = 1.0, 0.0
    for _ in range(2000):
        gradient = product * x
        velocity = momentum * velocity + gradient
        x -= gradient + momentum * velocity if nesterov else velocity
    return abs(x) > 1


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_bound_is_where_gradient_descent_diverges(momentum, nesterov):
    edge = bound(momentum, nesterov)
    assert not diverges(0.98 * edge, momentum, nesterov)
    assert diverges(1.02 * edge, momentum, nesterov)


def test_sick():
    board = board_of(NAME, views({"HessMaxEV": 25.0}), sgd())
    assert only(board).level == "advisory"
    assert only(board).reading.numbers["product"] == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("why", "settings", "max_ev"),
    [
        ("below 2", {}, 15.0),
        ("momentum bears more: 3.8", {"momentum": 0.9}, 35.0),
        ("negative curvature", {}, -50.0),
        ("one value of five", {}, lambda i: 90.0 if i % 5 == 0 else 10.0),
    ],
)
def test_healthy(why, settings, max_ev):
    board = board_of(NAME, views({"HessMaxEV": max_ev}), sgd(**settings))
    assert shone(board) == [], why
    assert [lamp.name for lamp in board.healthy] == [NAME]


def test_weight_decay_is_curvature_too():
    board = board_of(NAME, views({"HessMaxEV": 15.0}), sgd(weight_decay=10.0))
    assert only(board).reading.numbers["product"] == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"optimizer": {"name": "Adam", "groups": [{"lr": 0.1}]}}, "preconditioned"),
        (sgd(dampening=0.1), "dampening"),
        (
            {"optimizer": {"name": "SGD", "groups": [{"momentum": 0.9}, {"momentum": 0.0}]}},
            "different settings",
        ),
        ({"optimizer": None}, "unknown optimizer"),
    ],
)
def test_absent_with_a_reason(header, reason):
    board = board_of(NAME, views({"HessMaxEV": 1e4}), header)
    assert shone(board) == []
    assert reason in board.absent[NAME]
