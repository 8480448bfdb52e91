"""What a lamp is, and the list of all of them."""

from __future__ import annotations

import math
import sys

import pytest

from cockpit.lamps import LEVELS, Course, Reading, StepView, UnknownLampError, all_lamps, get, lamp
from cockpit.lamps.board import OFF_BELOW
from cockpit.lamps.lamp import STATISTICAL, STAYS, above, below

WORDS = {"means": "It means.", "do": "Do.", "source": "tests"}


@pytest.fixture
def own_lamps(monkeypatch):
    """Lamps that are registered here are gone afterwards."""
    module = sys.modules["cockpit.lamps.lamp"]
    monkeypatch.setattr(module, "_lamps", dict(module._lamps))


def make(name="mine", kind="exact", level="caution", **others):
    def read(course):
        """Why.

        More.
        """
        return Reading(1.0, f"At {course.now.step}.")

    read.__name__ = name
    settings = {"group": "data", "needs": (), **WORDS, **others}
    return lamp(title="Mine", kind=kind, level=level, **settings)(read)


def test_a_file_of_its_own_is_enough(own_lamps):
    mine = make()
    assert get("mine") is mine
    assert mine in all_lamps()
    assert (mine.name, mine.title, mine.level, mine.sustain) == ("mine", "Mine", "caution", 1)
    assert mine.text.startswith("Why.")
    course = Course({})
    course.take(StepView(7))
    assert mine(course) == Reading(1.0, "At 7.")


def test_names_are_taken_once(own_lamps):
    make()
    with pytest.raises(ValueError, match="'mine' exists already"):
        make()


def test_unknown_lamp_lists_the_known_ones():
    with pytest.raises(UnknownLampError, match=r"'nonfinite'.*clamped_output, .*, nonfinite_input"):
        get("nonfinite")
    assert issubclass(UnknownLampError, LookupError)


def test_warnings_come_first_then_names():
    keys = [(LEVELS.index(one.level), one.name) for one in all_lamps()]
    assert keys == sorted(keys)
    assert LEVELS == ("warning", "caution", "advisory")


def test_what_a_lamp_explains(own_lamps):
    cause = make("cause", inhibits=("named", STATISTICAL))
    named, other = make("named"), make("other")
    trace = make("trace", kind="statistical", inhibits=(STATISTICAL,))
    assert cause.explains(named)
    assert not cause.explains(other)
    assert cause.explains(trace)
    assert not trace.explains(trace)
    assert not trace.explains(cause)


@pytest.mark.parametrize(("value", "severity"), [(0.0, 0.0), (5.0, 0.5), (10.0, 1.0), (40.0, 4.0)])
def test_severity_of_what_is_too_large(value, severity):
    assert above(value, 10.0) == severity


@pytest.mark.parametrize(("value", "severity"), [(40.0, 0.25), (10.0, 1.0), (5.0, 2.0)])
def test_severity_of_what_is_too_small(value, severity):
    assert below(value, 10.0) == severity


def test_severity_of_zero_is_large_and_finite():
    assert below(0.0, 10.0) == pytest.approx(1e12)
    assert math.isfinite(below(0.0, 1e-300))


def test_what_stays_neither_lights_nor_puts_out():
    assert OFF_BELOW < STAYS < 1
