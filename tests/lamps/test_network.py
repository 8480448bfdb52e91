"""What a header says of the model."""

from __future__ import annotations

import math

import pytest

from cockpit.lamps import Course, StepView
from cockpit.lamps.network import (
    Network,
    is_adaptive,
    is_half,
    is_integer,
    network,
    normalizes,
    weight_layers,
)


def layer(name, shape, kind, **others):
    return {"name": name, "shape": shape, "module": name.rpartition(".")[0], "module_type": kind,
            **others}  # fmt: skip


HEADER = {
    "layers": [
        layer("embed.weight", [50, 8], "Embedding"),
        layer("conv.weight", [4, 8, 3], "Conv1d"),
        layer("conv.bias", [4], "Conv1d"),
        layer("norm.weight", [4], "LayerNorm"),
        layer("up.weight", [4, 6, 3], "ConvTranspose1d", trainable=False),
        layer("rnn.weight_ih_l0", [16, 6], "LSTM"),
        layer("head.weight", [2, 4], "NonDynamicallyQuantizableLinear"),
        layer("own.table", [3, 3], "Table"),
    ]
}


def test_weights_of_layers_that_are_trained():
    found = Network.of(HEADER)
    assert list(found.weights) == ["conv.weight", "rnn.weight_ih_l0", "head.weight"]
    assert found.weights["conv.weight"] == (4, 8, 3)


def test_sizes_and_shares():
    found = Network.of(HEADER)
    total = 400 + 96 + 4 + 4 + 96 + 8 + 9
    assert found.size == total
    assert found.share_of(["conv.weight", "conv.bias"]) == pytest.approx(100 / total)
    assert found.share_of(["up.weight", "unknown"]) == 0
    assert math.isnan(Network.of({}).share_of(["a"]))


def test_weight_of_a_layer_has_its_outputs_first():
    found = Network.of(HEADER)
    assert found.weight_of("conv") == (4, 8, 3)
    assert found.weight_of("up") == (6, 4, 3)
    assert found.weight_of("norm") is None
    assert found.weight_of("con") is None


def test_first_parameters_of_a_norm():
    assert not Network.of(HEADER).begins_with_norm
    assert Network.of({"layers": HEADER["layers"][3:]}).begins_with_norm
    assert not Network.of({}).begins_with_norm


def test_damaged_headers():
    assert Network.of({"layers": [{}, {"name": "a"}]}).shapes == {"a": ()}
    assert Network.of({"layers": None}).size == 0


def test_it_is_read_once_for_each_course():
    one, other = Course(HEADER), Course({})
    assert network(one) is network(one)
    assert network(other).shapes == {}


def test_weights_that_have_a_place_in_the_depth():
    course = Course({"layers": [{"shape": [2, 2]}, *HEADER["layers"]]})
    assert [course.layer_names[i] for i in weight_layers(course)] == list(network(course).weights)
    assert weight_layers(course) == [2, 6, 7]


def course_with(*facts, header=None):
    made = Course(header or {})
    for step, given in enumerate(facts):
        made.take(StepView(step, facts=given))
    return made


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SGD", False), ("LBFGS", False), ("ASGD", False), ("Adam", True), ("AdamW", True),
        ("NAdam", True), ("Adagrad", True), ("RMSprop", True), ("Rprop", True), ("Lion", True),
        ("Muon", True), ("SGD, Adam", False), ("Adam, AdamW", True), (None, False),
    ],
)  # fmt: skip
def test_optimizers_that_do_not_feel_a_factor(name, expected):
    assert is_adaptive(course_with({}, header={"optimizer": {"name": name}})) is expected


@pytest.mark.parametrize(
    ("dtype", "half", "integer"),
    [
        ("float16", True, False), ("torch.float16", True, False), ("bfloat16", False, False),
        ("float32", False, False), ("int64", False, True), ("uint8", False, True),
        ("bool", False, False), (None, False, False),
    ],
)  # fmt: skip
def test_kinds_of_numbers(dtype, half, integer):
    assert (is_half(dtype), is_integer(dtype)) == (half, integer)


def test_models_that_normalize_their_inputs():
    norm = {"layers": [{"name": "0.weight", "shape": [4], "module_type": "LayerNorm"}]}
    assert normalizes(course_with({}, header=norm))
    assert normalizes(course_with({"model.modules_bn": 1}))
    assert not normalizes(course_with({"model.modules_bn": 0}))
    assert not normalizes(course_with({}))
