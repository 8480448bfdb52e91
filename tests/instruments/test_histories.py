"""Instruments that are histories: exact data, notes, references."""

from __future__ import annotations

import numpy as np
import pytest

from cockpit.instruments import View, get
from cockpit.instruments.accuracy import is_accuracy
from cockpit.instruments.loss import is_loss
from cockpit.instruments.panel import Line, Points, Rule
from cockpit.log.record import Scalar
from tests.instruments.logs import per_layer, write_log

NAN = float("nan")


def lines(panel):
    return {mark.label: mark for mark in panel.marks if isinstance(mark, Line) and not mark.faint}


SIMPLE = [
    ("grad_norm", "GradNorm", "‖ḡ‖"),
    ("hess_trace", "HessTrace", "Tr H"),
    ("mean_gsnr", "MeanGSNR", "mean GSNR"),
]


@pytest.mark.parametrize(("name", "quantity", "label"), SIMPLE)
def test_network_wide_values(tmp_path, name, quantity, label):
    values = [per_layer(v, v, None, 2 * v) for v in (1.0, 2.0, 4.0)]
    panel = get(name)(write_log(tmp_path, {quantity: values}), View())
    (line,) = lines(panel).values()
    np.testing.assert_array_equal(line.x, [0, 1, 2])
    np.testing.assert_array_equal(line.y, [1.0, 2.0, 4.0])
    assert panel.y.label == label
    assert panel.x.label == "step"
    assert panel.current == "4"
    assert panel.title


@pytest.mark.parametrize(("name", "quantity", "label"), SIMPLE)
def test_chosen_layers_have_a_line_each(tmp_path, name, quantity, label):
    values = [per_layer(v, v, None, 2 * v) for v in (1.0, 2.0, 4.0)]
    log = write_log(tmp_path, {quantity: values})
    panel = get(name)(log, View(layers=("2.weight", "0.weight", "0.bias")))
    drawn = lines(panel)
    assert list(drawn) == ["0.weight", "2.weight"]
    np.testing.assert_array_equal(drawn["2.weight"].y, [2.0, 4.0, 8.0])
    assert panel.note == "1 of 3 layers not measured"
    assert drawn["0.weight"].role != drawn["2.weight"].role


@pytest.mark.parametrize(
    ("notes", "text"),
    [
        ({"curvature": "ggn_mc", "samples": 1}, "estimate: Gauss-Newton, Monte Carlo, 1 sample"),
        ({"curvature": "hutchinson", "samples": 8}, "estimate: Hutchinson, 8 samples"),
        ({"curvature": "hessian"}, "exact Hessian"),
        ({"curvature": "something_new"}, "something_new"),
        ({}, ""),
    ],
)
def test_curvature_is_named_in_the_note(tmp_path, notes, text):
    log = write_log(tmp_path, {"HessTrace": [per_layer(1.0, 1.0, 0.0, 0.0, **notes)]})
    assert get("hess_trace")(log, View()).note == text


def test_distance_and_update_size_have_an_axis_each(tmp_path):
    log = write_log(
        tmp_path,
        {
            "Distance": [per_layer(v, v, v, v) for v in (0.0, 1.0, 2.0)],
            "UpdateSize": [per_layer(v, v, v, v) for v in (1.0, 0.1, 0.01)],
        },
    )
    panel = get("distance")(log, View())
    drawn = lines(panel)
    np.testing.assert_array_equal(drawn["distance"].y, [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(drawn["update size"].y, [1.0, 0.1, 0.01])
    assert not drawn["distance"].secondary_y
    assert drawn["update size"].secondary_y
    assert panel.y2.scale == "log"
    assert panel.current == "2 · 0.01"


def test_update_size_alone_takes_the_first_axis(tmp_path):
    log = write_log(tmp_path, {"UpdateSize": [per_layer(v, v, v, v) for v in (1.0, 2.0)]})
    panel = get("distance")(log, View())
    assert panel.y2 is None
    assert not lines(panel)["update size"].secondary_y


def test_largest_eigenvalue_with_the_limit_of_plain_sgd(tmp_path):
    notes = {"method": "lanczos", "products": 12, "min_ev": -0.25}
    values = [Scalar(v, notes) for v in (5.0, 6.0)]
    panel = get("hess_max_ev")(write_log(tmp_path, {"HessMaxEV": values}, lr=[[0.1]] * 2), View())
    drawn = lines(panel)
    np.testing.assert_allclose(drawn["2/η"].y, [20.0, 20.0])
    assert drawn["2/η"].dash
    assert panel.note == "lanczos, 12 products · smallest −0.25"
    assert panel.current == "6"


@pytest.mark.parametrize(
    ("optimizer", "limit"),
    [
        ({"name": "SGD", "groups": [{"momentum": 0.9}]}, {"2(1+β)/η": 38.0}),
        ({"name": "SGD", "groups": [{"momentum": 0.9, "nesterov": True}]}, {}),
        ({"name": "Adam", "groups": [{"lr": 0.1}]}, {}),
    ],
)
def test_limit_only_where_it_is_defined(tmp_path, optimizer, limit):
    log = write_log(tmp_path, {"HessMaxEV": [5.0, 6.0]}, lr=[[0.1]] * 2, optimizer=optimizer)
    drawn = lines(get("hess_max_ev")(log, View()))
    found = {name: line.y[0] for name, line in drawn.items() if name != "λ max"}
    assert found == pytest.approx(limit)


def test_limit_is_drawn_where_it_is_near(tmp_path):
    log = write_log(tmp_path, {"HessMaxEV": [5.0] * 3}, lr=[[0.1], [0.01], [0.2]])
    panel = get("hess_max_ev")(log, View())
    np.testing.assert_allclose(lines(panel)["2/η"].y, [20.0, NAN, 10.0])
    assert not [m for m in panel.marks if isinstance(m, Points) and m.role == "warning"]


def test_limit_out_of_sight_is_left_out(tmp_path):
    log = write_log(tmp_path, {"HessMaxEV": [5.0, 6.0]}, lr=[[1e-5]] * 2)
    assert list(lines(get("hess_max_ev")(log, View()))) == ["λ max"]


def test_tic_shows_both_forms(tmp_path):
    notes = {"curvature": "ggn_mc", "samples": 2, "epsilon": 1e-4}
    log = write_log(
        tmp_path,
        {
            "TICDiag": [per_layer(v, v, v, v, **notes) for v in (10.0, 20.0)],
            "TICTrace": [1.0, 2.0],
        },
    )
    panel = get("tic")(log, View())
    drawn = lines(panel)
    np.testing.assert_array_equal(drawn["diagonal"].y, [10.0, 20.0])
    np.testing.assert_array_equal(drawn["trace"].y, [1.0, 2.0])
    assert panel.note == "estimate: Gauss-Newton, Monte Carlo, 2 samples · ε = 0.0001"
    layer = get("tic")(log, View(layers=("0.bias",)))
    assert list(lines(layer)) == ["0.bias"]


def test_tic_trace_alone(tmp_path):
    log = write_log(tmp_path, {"TICTrace": [Scalar(1.0, {"curvature": "ggn"})]})
    panel = get("tic")(log, View(layers=("0.bias",)))
    assert panel.note == "whole network: not measured per layer · generalized Gauss-Newton"


def test_cabs_beside_the_batch_size_in_use(tmp_path):
    values = [Scalar(v, {"assumption": "outside: Adam"}) for v in (40.0, 60.0)]
    panel = get("cabs")(write_log(tmp_path, {"CABS": values}, batch_size=32), View())
    drawn = lines(panel)
    np.testing.assert_array_equal(drawn["suggested"].y, [40.0, 60.0])
    np.testing.assert_array_equal(drawn["in use"].y, [32.0, 32.0])
    assert drawn["in use"].dash
    assert panel.note == "derived for plain SGD; outside its assumption (Adam)"
    assert panel.current == "60"


def test_early_stopping_has_a_rule_at_zero_in_sight(tmp_path):
    panel = get("early_stopping")(write_log(tmp_path, {"EarlyStopping": [-3.0, -2.0]}), View())
    (rule,) = [m for m in panel.marks if isinstance(m, Rule)]
    assert (rule.at, rule.orientation, rule.label) == (0.0, "horizontal", "stop above 0")
    np.testing.assert_array_equal(lines(panel)[""].y, [-3.0, -2.0])
    assert panel.note == ""


def test_loss_and_logged_losses(tmp_path):
    log = write_log(
        tmp_path,
        {"Loss": [2.0, 1.5, 1.0]},
        user={"test_loss": {1: 1.9}, "valid_loss": {0: 2.2, 2: 1.2}, "train_loss": {2: 1.1}},
    )
    panel = get("loss")(log, View())
    drawn = lines(panel)
    assert list(drawn) == ["mini-batch", "train_loss", "valid_loss", "test_loss"]
    np.testing.assert_array_equal(drawn["valid_loss"].x, [0, 2])
    np.testing.assert_array_equal(drawn["valid_loss"].y, [2.2, 1.2])
    assert panel.current == "1"
    assert panel.note == "train_loss: lowest 1.1 at step 2 · valid_loss: lowest 1.2 at step 2"


def test_lowest_logged_loss_is_as_of_the_view(tmp_path):
    log = write_log(tmp_path, {"Loss": [2.0] * 3}, user={"valid_loss": {0: 2.2, 1: NAN, 2: 1.2}})
    assert get("loss")(log, View(step=1)).note == "valid_loss: lowest 2.2 at step 0"


def test_logged_losses_alone_suffice(tmp_path):
    log = write_log(tmp_path, {"GradNorm": [1.0]}, user={"loss/valid": {0: 2.2}})
    assert list(lines(get("loss")(log, View()))) == ["loss/valid"]


def test_loss_that_is_not_finite_is_marked(tmp_path):
    panel = get("loss")(write_log(tmp_path, {"Loss": [2.0, 1.0, NAN]}), View())
    (cross,) = [m for m in panel.marks if isinstance(m, Points) and m.symbol == "cross"]
    np.testing.assert_array_equal(cross.x, [2])
    assert panel.current == "NaN"


def test_accuracies_as_shares(tmp_path):
    log = write_log(
        tmp_path,
        {"Loss": [1.0] * 3},
        user={"train_accuracy": {0: 0.1, 2: 0.9}, "val_acc": {2: 0.8}, "accumulated": {0: 5}},
    )
    panel = get("accuracy")(log, View())
    assert list(lines(panel)) == ["train_accuracy", "val_acc"]
    assert panel.y.range == (0.0, 1.0)
    assert panel.current == "0.9 · 0.8"


def test_accuracies_in_percent_have_no_fixed_range(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0]}, user={"acc": {0: 93.0}})
    assert get("accuracy")(log, View()).y.range is None


def test_names_of_losses_and_accuracies():
    assert all(is_loss(n) for n in ("loss", "valid_loss", "Loss/test", "trainLoss"))
    assert not is_loss("temperature")
    assert all(is_accuracy(n) for n in ("acc", "acc1", "top5_acc", "trainAcc", "test-accuracy"))
    assert not any(is_accuracy(n) for n in ("accumulated", "acceleration", "loss"))


def test_learning_rates_of_groups_equal_ones_once(tmp_path):
    rates = [[0.1, 0.01, 0.1], [0.2, 0.02, 0.2]]
    panel = get("learning_rate")(write_log(tmp_path, {"Loss": [1.0] * 2}, lr=rates), View())
    drawn = lines(panel)
    assert list(drawn) == ["group 0, 2", "group 1"]
    np.testing.assert_array_equal(drawn["group 1"].y, [0.01, 0.02])
    assert panel.note == "SGD"


def test_time_per_step_and_overhead(tmp_path):
    log = write_log(
        tmp_path, {"Time": [1.0, 1.2, 1.8]}, steps=(0, 10, 20),
        overhead={"step_s": 0.01, "tracking_s": 0.005},
    )  # fmt: skip
    panel = get("time")(log, View())
    drawn = lines(panel)
    np.testing.assert_allclose(drawn["time per step"].x, [10, 20])
    np.testing.assert_allclose(drawn["time per step"].y, [20.0, 60.0])
    np.testing.assert_allclose(drawn["tracking"].y, [50.0, 50.0, 50.0])
    assert panel.y2.label == "tracking adds [%]"
    assert panel.current == "60 ms · +50 %"
    assert panel.y.range == pytest.approx((0, 69))


def test_overhead_alone_takes_the_first_axis(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0] * 2}, overhead={"step_s": 0.01, "tracking_s": 0.02})
    panel = get("time")(log, View())
    assert panel.y2 is None
    assert not lines(panel)["tracking"].secondary_y
    assert panel.current == "+200 %"


def test_unknown_overhead_is_no_alert(tmp_path):
    log = write_log(tmp_path, {"Time": [1.0, 2.0]}, overhead={"step_s": 0.0, "tracking_s": 0.02})
    panel = get("time")(log, View())
    assert not [m for m in panel.marks if isinstance(m, Points) and m.role == "warning"]


def test_clock_that_goes_back_gives_no_time(tmp_path):
    panel = get("time")(write_log(tmp_path, {"Time": [1.0, 2.0, 0.1, 0.2]}), View())
    np.testing.assert_allclose(lines(panel)["time per step"].x, [1, 3])
