"""Lamps of the loss at their edges."""

from __future__ import annotations

import pytest

from cockpit.lamps import get
from tests.lamps.runs import ADAM, REGRESSION, board, episode, level

BINARY = REGRESSION | {"targets.min": 0.0, "targets.max": 1.0, "targets.variance": 0.25}
LOGITS = BINARY | {"loss.function": "BCEWithLogitsLoss"}
PROBABILITIES = BINARY | {"loss.function": "BCELoss"}
SUM = {"header": {"reduction": "sum"}}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"outputs.sum_to_one": True}, "warning"),
        ({"outputs.sum_to_one": True, "loss.function": "NLLLoss"}, "warning"),
        ({"outputs.sum_to_one": True, "loss.function": "MSELoss"}, None),
        ({"outputs.sum_to_one": True, "outputs.shape": [64, 1]}, None),
        ({"outputs.sum_to_one": lambda step: step == 4}, None),
        ({"outputs.sum_to_one": False, "outputs.max": 0.0, "loss.function": "NLLLoss"}, None),
    ],
)
def test_softmax(facts, expected):
    assert level("softmax_before_loss", facts) == expected


@pytest.mark.parametrize(
    ("made_by", "expected"),
    [("Sigmoid", "warning"), ("Softmax", "warning"), ("Addmm", None), ("Div", "caution")],
)
def test_a_sigmoid_is_seen_in_the_graph(made_by, expected):
    facts = {"outputs.min": 0.05, "outputs.max": 0.93, "outputs.operation": made_by}
    facts |= {"outputs.sum_to_one": made_by == "Softmax"}
    assert level("softmax_before_loss", LOGITS | facts, count=20) == expected
    of_one_axis = facts | {"outputs.shape": [64], "outputs.sum_to_one": None}
    assert level("softmax_before_loss", LOGITS | of_one_axis, count=20) == expected


def test_a_sigmoid_or_a_tanh_before_classes():
    classes = {"outputs.sum_to_one": False, "outputs.shape": [64, 10]}
    sigmoid = classes | {"outputs.operation": "Sigmoid"}
    assert level("softmax_before_loss", sigmoid) == "warning"
    assert level("softmax_before_loss", sigmoid | {"loss.function": "MSELoss"}) is None
    assert level("softmax_before_loss", sigmoid | {"outputs.operation": "Softmax"}) == "warning"
    assert level("clamped_output", sigmoid) is None
    tanh = classes | {"outputs.operation": "Tanh"}
    assert level("clamped_output", tanh, count=2) == "caution"  # 0.80 of 2.30
    assert level("clamped_output", tanh | REGRESSION, count=2) is None


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"outputs.lower_bound": -0.3, "outputs.upper_bound": 0.3}, "caution"),  # 1.78 of 2.30
        ({"outputs.lower_bound": -1.7, "outputs.upper_bound": 1.7}, "caution"),  # 0.26
        ({"outputs.lower_bound": -1.9, "outputs.upper_bound": 1.9}, None),  # 0.18
        ({"outputs.lower_bound": 0.0}, None),
        (LOGITS | {"outputs.lower_bound": -1.0, "outputs.upper_bound": 1.0, "targets.mean": 0.5},
         "caution"),  # 0.31
        (LOGITS | {"outputs.lower_bound": -6.0, "outputs.upper_bound": 0.0, "targets.mean": 0.5},
         "caution"),
        (LOGITS | {"outputs.lower_bound": -6.0, "outputs.upper_bound": 0.0, "targets.mean": 0.05},
         None),  # 0.04 of 0.69
        (LOGITS | {"outputs.lower_bound": -6.0, "outputs.upper_bound": 6.0}, None),
        ({"outputs.lower_bound": -0.3, "outputs.upper_bound": 0.3, "loss.function": "NLLLoss"},
         None),
    ],
)  # fmt: skip
def test_bounds_that_nothing_has_reached_yet(facts, expected):
    facts = {"outputs.shape": [64, 10]} | facts
    assert level("clamped_output", facts, count=2) == expected


def test_sigmoid_before_logits_takes_sixteen_steps():
    wide = LOGITS | {"outputs.min": 0.05, "outputs.max": 0.93}
    assert level("softmax_before_loss", wide, count=16) is None
    assert level("softmax_before_loss", wide, count=17) == "caution"
    near_zero = LOGITS | {"outputs.min": 0.1, "outputs.max": 0.4}
    assert level("softmax_before_loss", near_zero, count=40) is None
    positive = LOGITS | {"outputs.min": 0.02, "outputs.max": 0.61}
    assert level("softmax_before_loss", positive, count=40) is None
    beyond = LOGITS | {"outputs.min": lambda s: -0.1 if s == 10 else 0.05, "outputs.max": 0.93}
    assert level("softmax_before_loss", beyond, count=20) is None


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"outputs.min": -1.0, "outputs.max": 1.0, "outputs.at_bound": 0.1}, "caution"),
        ({"outputs.min": -1.0, "outputs.max": 1.0, "outputs.at_bound": 0.09}, None),
        ({"outputs.at_bound": 0.5}, None),
        ({"outputs.min": -10.0, "outputs.at_bound": 0.5}, "caution"),
        ({"outputs.min": -1e9, "outputs.max": 5.0, "outputs.at_bound": 0.5}, None),
        ({"outputs.max": 0.0, "outputs.at_bound": 0.5, "outputs.zeros": 0.5}, None),
        ({"outputs.max": 1.0, "outputs.at_bound": 0.5, "outputs.spread": 1e-4}, None),
        ({"outputs.max": 1.0, "outputs.at_bound": 0.5, "outputs.shape": [6, 10]}, "caution"),
        ({"outputs.max": 1.2345, "outputs.at_bound": 0.5, "outputs.shape": [6, 10]}, None),
        ({"outputs.max": 1.0, "outputs.at_bound": 0.5, "loss.function": "TheirLoss"}, None),
        (LOGITS | {"outputs.min": 0.0, "outputs.at_bound": 0.5, "outputs.zeros": 0.5}, "caution"),
        (PROBABILITIES | {"outputs.min": 0.0, "outputs.max": 1.0, "outputs.at_bound": 0.5},
         "caution"),
        (REGRESSION | {"outputs.min": -1.0, "outputs.max": 1.0, "outputs.at_bound": 0.5},
         "caution"),
        (REGRESSION | {"outputs.min": -3.0, "outputs.max": 3.0, "outputs.at_bound": 0.5}, None),
        (REGRESSION | {"outputs.min": 0.0, "outputs.at_bound": 0.5, "outputs.zeros": 0.5},
         "caution"),
        (REGRESSION | {"outputs.min": 0.0, "outputs.at_bound": 0.5, "outputs.zeros": 0.5,
                       "targets.min": 0.0}, None),
        (REGRESSION | {"outputs.max": 0.0, "outputs.at_bound": 0.9, "outputs.zeros": 0.4},
         "caution"),
        (REGRESSION | {"outputs.min": 0.0, "outputs.at_bound": 0.22, "outputs.zeros": 0.22,
                       "outputs.shape": [32, 1]}, "caution"),
        (REGRESSION | {"outputs.min": 0.0, "outputs.at_bound": 0.22, "outputs.zeros": 0.22,
                       "outputs.shape": [16, 1]}, None),
        (REGRESSION | {"outputs.at_bound": 0.22, "outputs.shape": [32, 1]}, None),
    ],
)  # fmt: skip
def test_clamped(facts, expected):
    assert level("clamped_output", facts, loss=1.0) == expected


ALL_ZERO = REGRESSION | {
    "outputs.min": 0.0, "outputs.max": 0.0, "outputs.at_bound": 1.0, "outputs.zeros": 1.0,
    "outputs.spread": 0.0, "outputs.shape": [32, 1],
}  # fmt: skip


@pytest.mark.parametrize(
    ("norm", "facts", "expected"),
    [
        (0.0, {}, "caution"),
        (1.0, {}, None),  # the last bias learns: its features may be masked
        (0.0, {"model.zero_weights": ["0.weight", "2.weight"]}, None),
        (0.0, {"targets.min": 0.0, "targets.max": 0.0}, None),
    ],
)
def test_all_outputs_at_zero_without_a_gradient(norm, facts, expected):
    assert level("clamped_output", ALL_ZERO | facts, gradient=norm, loss=1.0) == expected


def test_it_explains_outputs_that_are_the_same_for_all():
    lamps = [get("clamped_output"), get("constant_output")]
    run = board(ALL_ZERO, lamps=lamps, gradient=0.0, loss=1.0, count=4)
    causes = {e.lamp: e.cause for e in run.lit}
    assert causes == {"clamped_output": None, "constant_output": "clamped_output"}


def test_rounded_probabilities_are_fine_once_the_loss_is_low():
    facts = PROBABILITIES | {"outputs.min": 0.0, "outputs.max": 1.0, "outputs.at_bound": 0.9}
    assert level("clamped_output", facts, loss=0.1) is None
    summed = facts | {"loss.reduction": "sum", "targets.shape": [64, 100]}
    assert level("clamped_output", summed, loss=10.0) is None
    assert level("clamped_output", summed, loss=60.0) == "caution"


@pytest.mark.parametrize(
    ("facts", "run", "expected"),
    [
        ({"gradient.scale": 1 / 64}, {}, "caution"),
        ({"gradient.scale": 64.0}, {}, "caution"),
        ({"gradient.scale": 1 / 64}, {"header": {"optimizer": ADAM}}, "advisory"),
        ({"gradient.scale": 10.0}, {}, "advisory"),
        ({"gradient.scale": 0.1}, {}, "advisory"),
        ({"gradient.scale": 3.0}, {}, None),
        ({"gradient.scale": 64.0, "gradient.cosine": 0.9}, {}, None),
        ({"gradient.scale": 64.0, "gradient.cosine": -1.0}, {}, None),
        ({"gradient.scale": 0.0}, {}, None),
        ({"gradient.scale": 1 / 64}, {"batch_size": 128}, "advisory"),
        ({"update.decrease": 2.0}, {}, None),
        ({"update.decrease": 2.0}, SUM, "caution"),
        ({"update.decrease": 0.02}, SUM, None),
        ({"update.decrease": 2.0}, {"header": SUM["header"] | {"optimizer": ADAM}}, None),
        ({"update.decrease": None}, SUM, None),
        ({"gradient.scale": 1 / 64}, SUM, "caution"),
    ],
)
def test_scale_of_the_gradient(facts, run, expected):
    assert level("loss_scaled", facts, **{"loss": 2.0} | run) == expected


def test_evidence_of_a_scaled_loss_has_the_factor():
    found = episode("loss_scaled", {"gradient.scale": 1 / 128}, batch_size=128)
    assert found is not None
    assert "1/128 of the mean individual gradient" in found.reading.evidence
    assert "divided by the batch size 128 twice" in found.reading.evidence
    suggestion = found.reading.suggestion
    assert suggestion is not None
    assert (suggestion.change, suggestion.factor) == ("lr", pytest.approx(128))


@pytest.mark.parametrize(
    ("facts", "run", "expected"),
    [
        ({"update.sign": -0.9}, {}, "warning"),
        ({"update.sign": -0.02}, {"header": {"optimizer": ADAM}}, "warning"),
        ({"update.sign": -0.3}, {}, None),
        ({"update.sign": -0.9}, {"count": 4}, None),
        ({"update.sign": -0.9}, {"count": 5}, "warning"),
        ({"update.sign": lambda step: -0.9 if step < 3 else 0.5}, {}, None),
        ({"update.sign": -0.9}, {"start": 2}, None),
        ({"update.sign": lambda step: 0.5 if step == 0 else -0.5}, {}, None),
        ({"update.sign": lambda step: -0.8 if step else None}, {}, "warning"),
        ({"update.sign": lambda step: -0.5 if step < 6 else 0.5}, {"count": 30}, None),
        ({"gradient.cosine": -0.95, "update.sign": -0.9}, {"start": 500}, "warning"),
        ({"update.sign": float("nan")}, {}, None),
    ],
)
def test_direction_of_the_steps(facts, run, expected):
    assert level("wrong_sign", facts, **run) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (REGRESSION, None),
        (REGRESSION | {"targets.shape": [64]}, "warning"),
        (REGRESSION | {"outputs.shape": [64]}, "warning"),
        (REGRESSION | {"outputs.shape": [64, 5]}, "caution"),
        (REGRESSION | {"outputs.shape": [64, 5], "targets.shape": [5]}, "caution"),
        (REGRESSION | {"targets.shape": [1, 64, 1]}, None),
        (REGRESSION | {"targets.shape": []}, None),
        (REGRESSION | {"outputs.shape": [1, 1], "targets.shape": [1]}, None),
        (REGRESSION | {"loss.function": "HuberLoss", "targets.shape": [64]}, "warning"),
        (REGRESSION | {"targets.dtype": "int64"}, "caution"),
        (REGRESSION | {"targets.dtype": "int64", "targets.min": -2, "targets.max": 2}, "caution"),
        (REGRESSION | {"targets.dtype": "int64", "targets.min": 0, "targets.max": 5}, "caution"),
        (REGRESSION | {"targets.dtype": "int64", "targets.min": 1, "targets.max": 5}, "advisory"),
        (REGRESSION | {"targets.dtype": "int64", "targets.min": -6, "targets.max": 4}, "advisory"),
        (REGRESSION | {"targets.dtype": "int64", "targets.min": 0, "targets.max": 80}, "advisory"),
        (
            REGRESSION | {"targets.dtype": "int64", "targets.max": 80, "targets.shape": [64]},
            "warning",
        ),
        (REGRESSION | {"targets.dtype": "uint8"}, "caution"),
        (REGRESSION | {"targets.dtype": "float64"}, None),
        (REGRESSION | {"loss.target_gradient": True}, "advisory"),
        (LOGITS, None),
        (LOGITS | {"targets.max": 2.0}, "warning"),
        (LOGITS | {"targets.min": -1.0}, "warning"),
        (PROBABILITIES | {"targets.max": 9.0}, "warning"),
        ({"targets.max": 9}, None),
        ({"targets.dtype": "float32", "targets.shape": [64, 10], "targets.max": 1.0}, None),
        ({"targets.dtype": "float32", "targets.shape": [64, 10], "targets.max": 4.0}, "warning"),
        ({"outputs.shape": [64]}, "warning"),
        ({"outputs.shape": [10], "inputs.shape": [1, 20], "targets.shape": []}, None),
        ({"loss.function": "TheirLoss", "targets.shape": [64, 3]}, None),
    ],
)
def test_targets_that_do_not_fit(facts, expected):
    assert level("target_dtype", facts) == expected


def test_the_range_of_whole_numbers_is_that_of_all_steps():
    few = {
        "targets.dtype": "int64",
        "targets.shape": [2, 1],
        "outputs.shape": [2, 1],
        "targets.min": lambda step: 6 * step,
        "targets.max": lambda step: 6 * step + 3,
    }
    assert level("target_dtype", REGRESSION | few, count=1) is None
    assert level("target_dtype", REGRESSION | few) == "advisory"
    same = few | {"targets.min": 0, "targets.max": 3}
    assert level("target_dtype", REGRESSION | same, count=4) is None
    assert level("target_dtype", REGRESSION | same, count=5) == "caution"


def test_evidence_of_a_broadcast_counts_the_comparisons():
    found = episode("target_dtype", REGRESSION | {"targets.shape": [64]})
    assert found is not None
    assert "4096 comparisons of 64 outputs" in found.reading.evidence
