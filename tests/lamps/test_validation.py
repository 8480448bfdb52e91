from __future__ import annotations

import pytest

from cockpit.lamps import Course
from cockpit.lamps.course import MEMORY
from cockpit.lamps.validation import evaluations, no_evaluations


def course_of(**logged) -> Course:
    course = Course({})
    for name, values in logged.items():
        for step, value in enumerate(values):
            course.take_user(step, {name: value})
    return course


def test_a_loss_comes_before_other_errors_and_these_before_scores():
    every = {"valid_accuracy": [0.5], "valid_error": [0.5], "valid_loss": [0.7], "loss": [0.1]}
    assert evaluations(course_of(**every)).name == "valid_loss"
    del every["valid_loss"]
    assert evaluations(course_of(**every)).name == "valid_error"
    del every["valid_error"]
    assert evaluations(course_of(**every)).name == "valid_accuracy"
    del every["valid_accuracy"]
    assert evaluations(course_of(**every)) is None


def test_the_whole_loss_comes_before_its_parts():
    parts = course_of(val_box_loss=[0.3], val_loss=[1.0], val_acc_loss=[0.2])
    assert evaluations(parts).name == "val_loss"


def test_only_losses_compare_with_the_training_loss():
    assert evaluations(course_of(val_loss=[1.0])).is_loss
    assert not evaluations(course_of(val_error=[1.0])).is_loss


@pytest.mark.parametrize(("values", "lacks"), [([0.2, 0.9], [0.8, 0.1]), ([20, 90], [80, 10])])
def test_scores_count_by_what_they_lack(values, lacks):
    assert evaluations(course_of(valid_accuracy=values)).values == pytest.approx(lacks)


def test_what_is_no_number_is_left_out():
    found = evaluations(course_of(valid_loss=[1.0, float("nan"), 0.5]))
    assert found.steps.tolist() == [0, 2]
    assert evaluations(course_of(valid_loss=[float("nan")])) is None


def test_names_that_are_no_evaluations():
    assert no_evaluations(course_of(loss=[1.0], epoch=[1], valid_samples=[100], value_loss=[1.0]))
    assert not no_evaluations(course_of(validation_loss=[1.0]))


@pytest.mark.parametrize(("name", "best"), [("valid_loss", 0.1), ("valid_accuracy", 0.9)])
def test_of_a_long_series_the_first_and_the_best_stay(name, best):
    values = [0.5, best, *[0.6] * (MEMORY + 10)]
    found = evaluations(course_of(**{name: values}))
    assert len(found.values) == MEMORY + 2
    assert (found.steps[:3].tolist(), found.steps[-1]) == ([0, 1, 12], MEMORY + 11)
    assert found.values.min() == pytest.approx(0.1)
    assert found.values[1] == pytest.approx(0.1)
    assert found.values[0] == pytest.approx(0.5)
