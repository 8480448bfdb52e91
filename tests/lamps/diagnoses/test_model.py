"""Lamps of the model at their edges."""

from __future__ import annotations

import math

import pytest

from tests.lamps.runs import LAYERS, REGRESSION, episode, level

NAMES = [layer["name"] for layer in LAYERS]


def at_first(*names):
    return lambda step: list(names) if step == 0 else None


def test_a_layer_at_zero_that_moves_is_fine():
    facts = {"model.zero_weights": at_first("0.weight", "2.weight")}
    moving = (0.0, 0.1, 0.2, 0.3)
    embedding = {"layers": [*LAYERS, {"name": "gate", "shape": [4, 4], "module_type": "Gate"}]}
    assert level("zero_initialization", facts, layers=moving) == "warning"
    some = {"model.zero_weights": at_first("0.weight")}
    assert level("zero_initialization", some, layers=(1e-9, 0.1, 0.2, 0.3)) is None
    gate = {"model.zero_weights": at_first("gate")}
    stuck = {"layers": (0.5, 0.1, 0.2, 0.3, 0.0), "header": embedding}
    assert level("zero_initialization", gate, **stuck) == "warning"
    frozen = {"layers": (0.5, 0.1, 0.2, 0.3, math.nan), "header": embedding}
    assert level("zero_initialization", gate, **frozen) is None


def test_heads_at_zero_beside_each_other_all_move():
    heads = {"model.zero_weights": at_first("0.weight", "2.weight")}
    assert level("zero_initialization", heads, layers=(0.3, 0.1, 0.2, 0.3)) is None
    assert level("zero_initialization", heads, layers=()) is None


def test_what_is_stuck_is_named():
    facts = {"model.zero_weights": at_first("0.weight")}
    found = episode("zero_initialization", facts, layers=(0.0, 0.0, 0.0, 0.3))
    assert found is not None
    assert found.reading.layers == ("0.weight",)
    assert found.step == 2


@pytest.mark.parametrize(
    ("symmetric", "zero", "expected"),
    [
        ([], ["0.weight"], None),
        (["0.weight"], [], None),
        (["0.weight"], ["2.weight"], "warning"),
        (["0.weight", "2.weight"], [], "warning"),
        (["elsewhere", "scale"], [], None),
    ],
)
def test_two_layers_that_begin_alike(symmetric, zero, expected):
    facts = {"model.symmetric": at_first(*symmetric), "model.zero_weights": at_first(*zero)}
    assert level("symmetric_initialization", facts) == expected


@pytest.mark.parametrize(
    ("facts", "loss", "expected"),
    [
        ({}, 6.8, None),
        ({}, 7.0, "caution"),
        ({"outputs.shape": [64, 2]}, 2.0, None),
        ({"outputs.shape": [64, 2]}, 2.2, "caution"),
        ({"outputs.shape": [64, 48, 24]}, 11.0, None),
        ({"loss.reduction": "sum", "targets.shape": [64, 24]}, 100.0, None),
        ({"loss.reduction": "sum", "targets.shape": [64, 24]}, 180.0, "caution"),
        ({"loss.function": "BCEWithLogitsLoss", "outputs.shape": [64]}, 2.2, "caution"),
        (REGRESSION, 4.9, None),
        (REGRESSION, 6.0, "caution"),
        (REGRESSION | {"targets.min": 0.0, "targets.max": 40.0}, 1900.0, None),
        (REGRESSION | {"loss.function": "L1Loss"}, 6.0, "caution"),
        (REGRESSION | {"targets.variance": None}, 1e9, None),
        ({"loss.function": "HingeLoss"}, 1e9, None),
        ({}, math.nan, None),
    ],
)
def test_first_loss_against_guessing(facts, loss, expected):
    assert level("first_loss_too_high", facts, loss=loss) == expected


def test_only_the_first_loss_counts_and_it_goes_out():
    assert level("first_loss_too_high", loss=lambda step: 2.3 * 3.0**step) is None
    assert level("first_loss_too_high", loss=50.0, start=2) is None
    falls = {"loss": lambda step: 50.0 if step < 1 else 2.0}
    assert level("first_loss_too_high", count=2, **falls) == "caution"
    assert level("first_loss_too_high", count=6, **falls) == "caution"
    assert level("first_loss_too_high", count=7, **falls) is None


def pair(before, after, kind="Linear"):
    layers = [{"name": "a.weight", "shape": before, "module_type": kind},
              {"name": "b.weight", "shape": after, "module_type": kind}]  # fmt: skip
    return {"header": {"layers": layers}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([64, 20], [10, 64], "caution"),
        ([16, 10], [1, 16], "caution"),
        ([32, 784], [784, 32], None),
        ([8, 64], [64, 8], None),
        ([32, 1, 5, 5], [64, 32, 5, 5], "caution"),
        ([64, 32, 1, 1], [32, 64, 3, 3], "advisory"),
        ([64, 32, 1, 1], [32, 64, 1, 1], "caution"),
        ([32, 1, 3, 3], [64, 32, 1, 1], None),
        ([64, 16, 1, 1], [64, 1, 3, 3], None),
        ([64, 16, 3, 3], [64, 1, 3, 3], "caution"),
        ([16, 8, 3, 3], [32, 144], "caution"),
        ([4, 8, 3, 3], [32, 36], None),
    ],
)
def test_chains_that_are_meant(before, after, expected):
    facts = {"model.linear_chain": at_first("a -> b")}
    assert level("linear_chain", facts, **pair(before, after)) == expected


def test_transposed_filters_have_their_inputs_first():
    facts = {"model.linear_chain": at_first("a -> b")}
    wide = pair([8, 16, 3, 3], [16, 32, 3, 3], "ConvTranspose2d")
    narrow = pair([8, 4, 3, 3], [4, 32, 3, 3], "ConvTranspose2d")
    assert level("linear_chain", facts, **wide) == "advisory"
    assert level("linear_chain", facts, **narrow) is None


def test_two_convolutions_in_a_row_among_many_are_an_advisory():
    facts = {"model.linear_chain": at_first("a -> b")}
    run = pair([64, 16, 3, 3], [16, 16, 3, 3], "Conv2d")
    assert level("linear_chain", facts, **run) == "caution"
    others = [{"name": f"{i}.weight", "shape": [8, 8], "module_type": "Linear"} for i in range(4)]
    run["header"]["layers"] += others
    assert level("linear_chain", facts, **run) == "advisory"
    direct = pair([16, 16, 3, 3], [16, 16, 3, 3], "Conv2d")
    direct["header"]["layers"] += others
    assert level("linear_chain", facts, **direct) == "caution"
    stem = pair([16, 3, 3, 3], [16, 16, 3, 3], "Conv2d")
    stem["header"]["layers"][1]["name"] = "body.0.b.weight"
    stem["header"]["layers"] += others
    of_a_block = {"model.linear_chain": at_first("a -> body.0.b")}
    assert level("linear_chain", of_a_block, **stem) == "advisory"
    both = {"model.linear_chain": at_first("a -> b", "0 -> 1")}
    found = episode("linear_chain", both, **run)
    assert found is not None
    assert (found.level, found.reading.layers[:2]) == ("caution", ("0", "1"))


def test_a_chain_of_unknown_shape_counts():
    found = episode("linear_chain", {"model.linear_chain": at_first("x -> y", "y -> z")})
    assert found is not None
    assert found.reading.layers == ("x", "y", "z")
    assert found.step == 0


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"outputs.spread": 0.0}, "caution"),
        ({"outputs.spread": 1e-5}, "caution"),
        ({"outputs.spread": 1e-4}, None),
        ({"outputs.spread": None, "outputs.min": 0.5, "outputs.max": 0.5}, "caution"),
        ({"outputs.spread": 1.0, "outputs.min": 0.5, "outputs.max": 0.5 + 1e-7}, "caution"),
        ({"outputs.spread": 1.0, "outputs.min": 0.5, "outputs.max": 0.5 + 1e-5}, None),
        ({"outputs.spread": 1.0, "outputs.min": 1e-9, "outputs.max": 5e-9}, None),
        ({"outputs.spread": 1e-9, "outputs.min": -1e9}, None),
        ({"outputs.spread": 1e-9, "outputs.min": -1e9, "loss.function": "MSELoss"}, "caution"),
        ({"outputs.spread": 0.0, "inputs.shape": [1, 20]}, None),
        ({"outputs.spread": 0.0, "targets.variance": 0.0}, None),
        ({"outputs.spread": lambda step: 0.0 if step < 2 else 0.5}, None),
    ],
)
def test_outputs_that_are_the_same_from_the_start(facts, expected):
    assert level("constant_output", facts) == expected


@pytest.mark.parametrize(("steps", "expected"), [(6, None), (40, "caution")])
def test_a_zero_head_whose_first_steps_are_skipped(steps, expected):
    facts = {
        "outputs.spread": lambda step: 0.0 if step < steps else 0.5,
        "model.zero_weights": lambda step: ["b.weight"] if step == 0 else None,
    }
    assert level("constant_output", facts, count=20) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"model.without_grad": NAMES[:1]}, "caution"),
        ({"model.without_grad": NAMES[3:]}, "advisory"),
        ({"model.without_grad": NAMES[:1], "optimizer.without": NAMES[:1]}, None),
        ({"model.without_grad": lambda step: NAMES[:1] if step % 3 else []}, None),
        ({"model.without_grad": lambda step: NAMES[step % 2 :]}, "caution"),
        ({"model.without_grad": lambda step: NAMES[:1] if step else []}, None),
        ({"model.without_grad": lambda step: NAMES[:1] if step < 4 else []}, None),
    ],
)
def test_parameters_that_never_get_a_gradient(facts, expected):
    assert level("detached_parameters", facts) == expected


def test_parameters_that_had_a_gradient_before_count_after_sixteen_steps():
    rare = {"model.without_grad": lambda step: [] if step == 0 else NAMES[:1]}
    assert level("detached_parameters", rare, count=16) is None
    assert level("detached_parameters", rare, count=17) == "caution"
    full = [*NAMES[:1], *map(str, range(19))]  # may be cut off
    cut = {"model.without_grad": lambda step: [*full[1:], "more"] if step == 0 else NAMES[:1]}
    assert level("detached_parameters", cut, count=8) == "caution"


def test_detached_parameters_are_known_after_five_steps():
    found = episode("detached_parameters", {"model.without_grad": NAMES[:2]})
    assert found is not None
    assert (found.step, found.reading.layers) == (4, tuple(NAMES[:2]))
    assert found.reading.numbers["share"] == pytest.approx((640 + 32) / (640 + 32 + 320 + 10))


@pytest.mark.parametrize(
    ("p", "expected"), [(0.0, None), (0.5, None), (0.79, None), (0.8, "caution"), (1.0, "warning")]
)
def test_dropout(p, expected):
    assert level("extreme_dropout", {"model.dropout": p}) == expected


@pytest.mark.parametrize(
    ("training", "evaluating", "norms", "expected"),
    [
        (True, [], 2, None),
        (False, [], 0, None),
        (False, ["1"], 0, "caution"),
        (False, ["1"], 1, "warning"),
        (True, ["1"], 1, "advisory"),
        (lambda step: step < 3, lambda step: ["1"] if step >= 3 else [], 1, "warning"),
        (True, lambda step: ["1"] if step >= 3 else [], 1, "caution"),
        (True, lambda step: ["1"] if step < 3 else [], 1, None),
        (lambda step: step != 5, lambda step: ["1"] if step == 5 else [], 1, None),
    ],
)
def test_modes(training, evaluating, norms, expected):
    facts = {"model.training": training, "model.evaluating": evaluating}
    assert level("evaluation_mode", facts | {"model.modules_bn": norms}) == expected


@pytest.mark.parametrize(
    ("shape", "counts", "count", "expected"),
    [
        ([64, 1], [64], 3, "warning"),
        ([64, 20], [6] * 10, 12, "advisory"),
        ([64, 19], [6] * 10, 12, None),
        ([64, 10], [6] * 10, 12, None),
        ([64, 1000], [6] * 10, 3, None),
        ([64, 1000], [32, 32], 12, "advisory"),
        ([64], None, 12, None),
    ],
)
def test_outputs_and_classes(shape, counts, count, expected):
    facts = {"outputs.shape": shape, "targets.counts": counts}
    assert level("wrong_output_size", facts, count=count) == expected


def deep(count):
    layers = [{"name": f"{i}.weight", "shape": [2, 2] if i < 25 else [500, 500],
               "module_type": "Linear"} for i in range(count)]  # fmt: skip
    return [layer["name"] for layer in layers], {"header": {"layers": layers}}


def test_lists_that_are_cut_off_at_twenty_names():
    names, run = deep(30)
    gradients = {"layers": [0.0] + [0.1] * 29}
    all_zero = {"model.zero_weights": at_first(*names[:20])}
    assert level("zero_initialization", all_zero, **run, **gradients) == "warning"
    every_other = {"model.zero_weights": at_first(*names[1::2], *names[:10:2])}
    assert level("zero_initialization", every_other, **run, layers=[0.1] * 30) is None
    symmetric = {"model.symmetric": at_first(*names[:20])}
    assert level("symmetric_initialization", symmetric, **run, **gradients) == "warning"
    assert level("detached_parameters", {"model.without_grad": names[:20]}, **run) == "caution"
    assert level("detached_parameters", {"model.without_grad": names[:19]}, **run) == "advisory"
    foreign = {"optimizer.foreign": 30, "optimizer.without": names[:20]}
    assert level("foreign_parameters", foreign, **run) == "warning"
