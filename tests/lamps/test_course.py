"""What a lamp sees of a run."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from cockpit.lamps import Course, StepView
from cockpit.lamps.course import FIRST, MEMORY, Extremes, once_a_step
from cockpit.log.codec import decode_value, encode_value
from cockpit.log.record import Bins, Counts1d, Facts, Histogram1d, PerLayer, Scalar

VALUES = {
    "Loss": Scalar(2.5),
    "Alpha": Scalar(math.nan, {"concave": True}),
    "GradNorm": PerLayer(3.0, (1.0, None, math.inf)),
    "UpdateSize": PerLayer(0.0, (0.0,), {"moved": False}),
    "GradHist1d": Histogram1d(Bins(-1, 1, 2), Counts1d(np.array([1, 2]), 0, 0, 0)),
    "Facts": Facts({"inputs.std": 1.5, "model.frozen": ["a"], "inputs.offset": math.inf}),
}


@pytest.mark.parametrize("travelled", [False, True], ids=["made", "written and read"])
def test_a_step_from_typed_values(travelled):
    values = VALUES
    if travelled:
        values = {name: decode_value(encode_value(value)) for name, value in VALUES.items()}
    seen = StepView.of(7, values, batch_size=32, lr=(0.1, 0.2), time=1.5)
    assert (seen.step, seen.batch_size, seen.lr, seen.time) == (7, 32, (0.1, 0.2), 1.5)
    assert math.isnan(seen.seconds)
    assert {n: v for n, v in seen.values.items() if n != "Alpha"} == {
        "Loss": 2.5, "GradNorm": 3.0, "UpdateSize": 0.0,
    }  # fmt: skip
    assert math.isnan(seen.values["Alpha"])
    assert seen.layers["GradNorm"].tolist()[::2] == [1.0, math.inf]
    assert math.isnan(seen.layers["GradNorm"][1])
    assert seen.notes == {"Alpha": {"concave": True}, "UpdateSize": {"moved": False}}
    assert seen.facts == VALUES["Facts"].facts


def test_several_quantities_may_give_facts():
    seen = StepView.of(0, {"Facts": Facts({"a.b": 1}), "Others": Facts({"c.d": 2})})
    assert seen.facts == {"a.b": 1, "c.d": 2}


def take(course, *steps, **facts):
    for step in steps:
        course.take(StepView(step, values={"Loss": float(step)}, facts=facts))


def test_now_first_and_count():
    course = Course({})
    take(course, 0, 1, 10, 11)
    assert (course.now.step, course.count) == (11, 4)
    assert [one.step for one in course.first] == [0, 1, 10, 11]
    assert course.last("Loss", 2).tolist() == [10.0, 11.0]
    assert course.last("Loss", 9).tolist() == [0.0, 1.0, 10.0, 11.0]
    assert course.last("Alpha", 9).tolist() == []


def test_values_that_are_missing_at_some_steps():
    course = Course({})
    for step in range(6):
        course.take(
            StepView(step, values={"Alpha": math.nan if step == 5 else step} if step % 2 else {})
        )
    found = course.last("Alpha", 2)
    assert found[0] == 3
    assert math.isnan(found[1])


def test_memory_is_bounded_whatever_the_length_of_a_run():
    course = Course({})
    take(course, *range(3 * MEMORY), **{"inputs.std": 1.0})
    assert (len(course.steps), len(course.first), course.count) == (MEMORY, FIRST, 3 * MEMORY)
    assert course.steps[0].step == 2 * MEMORY
    assert course.first[-1].step == FIRST - 1
    assert course.last("Loss", 10 * MEMORY).size == MEMORY
    assert sys.getsizeof(course._seen) < 10_000


def test_what_was_seen_once_is_remembered():
    course = Course({})
    take(course, 0, **{"model.linear_chain": []})
    take(course, *range(1, MEMORY + 5))
    assert course.seen("model.linear_chain")
    assert course.seen("Loss")
    assert not course.seen("Alpha")
    assert course.fact("model.linear_chain") is None
    assert course.fact("model.linear_chain", "gone") == "gone"


def test_numbers_of_the_training_loop():
    course = Course({})
    course.take_user(3, {"valid_loss": 1.5, "epoch": 0, "best": True, "comment": "warm-up"})
    course.take_user(6, {"valid_loss": 1.25})
    assert course.user == {"valid_loss": [(3, 1.5), (6, 1.25)], "epoch": [(3, 0.0)]}


def test_of_what_the_loop_logs_the_last_and_the_outermost_numbers_are_kept():
    course = Course({})
    values = [5.0, math.nan, 1.0, 9.0, 1.0] + [3.0] * MEMORY + [math.inf]
    for step, value in enumerate(values):
        course.take_user(step, {"valid_loss": value})
    assert len(course.user["valid_loss"]) == MEMORY
    assert course.user["valid_loss"][-2:] == [(MEMORY + 4, 3.0), (MEMORY + 5, math.inf)]
    assert course.extremes["valid_loss"] == Extremes((0, 5.0), (2, 1.0), (3, 9.0))
    assert course.resumed({}).extremes == course.extremes


def test_ever_new_names_do_not_fill_the_memory():
    course = Course({})
    for step in range(2 * MEMORY):
        course.take_user(step, {f"loss of step {step}": 1.0})
    assert len(course.user) == len(course.extremes) == MEMORY


def test_what_was_computed_holds_until_there_is_something_new():
    asked = []

    @once_a_step
    def steps(course, plus=0):
        asked.append(plus)
        return course.count + plus

    course = Course({})
    take(course, 0)
    assert [steps(course), steps(course), steps(course, 1), steps(course, plus=1)] == [1, 1, 2, 2]
    assert asked == [0, 1, 1]
    course.take_user(0, {"epoch": 1})
    take(course, 1)
    assert steps(course) == 2


HEADER = {
    "layers": [{"name": "a.weight", "shape": [2, 3]}, {"name": "a.bias", "shape": [2]}],
    "optimizer": {"name": "SGD, Adam", "groups": [{"lr": 0.1}, {"lr": 0.2}]},
    "planned_steps": 100,
}


def test_what_the_header_says():
    course = Course(HEADER)
    assert course.layer_names == ("a.weight", "a.bias")
    assert (course.planned_steps, course.optimizer) == (100, "SGD, Adam")
    assert [group["lr"] for group in course.groups] == [0.1, 0.2]


@pytest.mark.parametrize(
    "header", [{}, {"planned_steps": None, "optimizer": None}, {"planned_steps": 0},
               {"optimizer": {"name": None, "groups": None}}],
)  # fmt: skip
def test_what_the_header_does_not_say(header):
    course = Course(header)
    assert (course.layer_names, course.planned_steps, course.optimizer) == ((), None, "")
    assert list(course.groups) == []


def course_with(*facts, batch_size=None):
    made = Course({})
    for step, given in enumerate(facts):
        made.take(StepView(step, facts=given, batch_size=batch_size))
    return made


def test_facts_of_the_first_step_and_of_the_last_ones():
    made = course_with({}, {"a.b": 1}, {"a.b": 2}, {}, {"a.b": 4})
    assert made.first_fact("a.b") == 1
    assert made.first_fact("c.d", "none") == "none"
    assert made.last_facts("a.b", 3) == [2, 4]
    assert made.last_facts("a.b", 99) == [1, 2, 4]


@pytest.mark.parametrize(
    ("facts", "batch_size", "expected"),
    [({"inputs.shape": [16, 3]}, 64, 16), ({}, 64, 64), ({"inputs.shape": []}, None, 0)],
)
def test_number_of_samples(facts, batch_size, expected):
    assert course_with(facts, batch_size=batch_size).samples == expected


def test_shapes():
    made = course_with({"inputs.shape": [4, 2]})
    assert (made.shape_of("inputs"), made.shape_of("outputs")) == ((4, 2), ())
