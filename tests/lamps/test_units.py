from __future__ import annotations

from cockpit.lamps import Course
from cockpit.lamps.units import any_units, unit_shares
from tests.lamps.hand_made import HEADER, views


def course_of(facts, count=6) -> Course:
    course = Course(HEADER)
    for view in views({"Loss": 1.0}, facts, count=count):
        course.take(view)
    return course


def test_the_smallest_share_of_the_last_steps_in_the_order_of_the_model():
    facts = {"units.1.dead": lambda i: [0.0, 0.9, 0.5, 0.7][i % 4], "units.0.dead": 0.1}
    assert list(unit_shares(course_of(facts), "dead", 3).items()) == [("0", 0.1), ("1", 0.0)]
    assert unit_shares(course_of(facts, count=4), "dead", 3) == {"0": 0.1, "1": 0.5}


def test_modules_without_parameters_keep_the_order_of_the_facts():
    facts = {"units.tanh.saturated": 0.2, "units.act.saturated": 0.1, "units.0.dead": 0.3}
    assert list(unit_shares(course_of(facts), "saturated", 2)) == ["tanh", "act"]


def test_what_is_not_in_all_of_these_steps_is_left_out():
    facts = {"units.0.dead": lambda i: 0.5 if i != 4 else None, "units.1.dead": 0.5}
    assert list(unit_shares(course_of(facts), "dead", 3)) == ["1"]
    assert unit_shares(course_of(facts, count=2), "dead", 3) == {}


def test_any_units():
    course = course_of({"units.0.dead": 0.5})
    assert any_units(course, "dead")
    assert not any_units(course, "saturated")
