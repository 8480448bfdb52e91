"""Which lamps are lit, since when, and which of them is the cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cockpit.lamps import Board, Lamp, Reading, StepView, Suggestion
from cockpit.lamps.advice import advice
from cockpit.lamps.board import PAST
from cockpit.lamps.lamp import STATISTICAL


def made(name, severities, *, level="caution", kind="exact", needs=(), sustain=1, inhibits=(),
         levels=()):  # fmt: skip
    """A lamp that reads these severities, one a step; ``None``: nothing."""

    def read(course):
        step = course.now.step
        severity = severities(step) if callable(severities) else severities[step]
        if severity is None:
            return None
        own = levels[step] if step < len(levels) else None
        suggestion = Suggestion("lr", factor=severity)
        return Reading(severity, f"{name} at {step}", {"x": severity}, level=own,
                       suggestion=suggestion)  # fmt: skip

    return Lamp(name, name, level, "data", kind, needs, "Means.", "Do.", "tests", sustain,
                inhibits, read, "")  # fmt: skip


def run(*lamps, steps, values=None, **options):
    """The board and, by step, what changed: (name, state, cause)."""
    board = Board({}, lamps=lamps, **options)
    told = {}
    for step in range(steps):
        given = {"Loss": 1.0} if values is None else values(step)
        changes = board.take(StepView(step, values=given))
        if changes:
            told[step] = [(c.episode.lamp, c.state, c.episode.cause) for c in changes]
    return board, told


def always(step):
    return 2.0


def from_step(begin):
    return lambda step: 2.0 if step >= begin else 0.0


def test_a_lamp_lights_at_one_and_goes_out_below_a_half():
    board, told = run(made("a", [0.99, 1.0, 0.6, 0.5, 0.49, 0.49, 0.0]), steps=7)
    assert told == {1: [("a", "on", None)], 5: [("a", "off", None)]}
    (over,) = board.past
    assert (over.since, over.step, over.last, over.until) == (1, 1, 1, 5)
    assert board.lit == []


def test_it_takes_as_many_readings_in_a_row_as_it_says():
    over = [2, 2, 0, 2, 2, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    board, told = run(made("a", over, sustain=3), steps=len(over))
    assert told == {5: [("a", "on", None)], 16: [("a", "off", None)]}
    (episode,) = board.past
    assert (episode.since, episode.step, episode.last) == (3, 5, 10)


def test_what_is_between_starts_both_counts_anew():
    _, told = run(
        made("a", [2, 0.7, 2, 0.7, 2, 2, 0, 0.7, 0, 0, 0.7, 0, 0, 0, 0], sustain=2), steps=15
    )
    assert told == {5: [("a", "on", None)], 14: [("a", "off", None)]}


def test_steps_that_tell_nothing_do_not_count():
    board, told = run(
        made("a", [2, None, 2, None, None, 0, None, 0, None, 0, 0], sustain=2), steps=11
    )
    assert told == {2: [("a", "on", None)], 10: [("a", "off", None)]}
    assert board.past[0].since == 0


def test_it_may_light_again():
    board, told = run(made("a", [2, 0, 0, 2, 2]), steps=5)
    assert [state for changes in told.values() for _, state, _ in changes] == ["on", "off", "on"]
    assert (len(board.past), board.lit[0].since) == (1, 3)


def test_the_worst_reading_is_kept_and_the_last_step():
    board, told = run(made("a", [2, 5, 3, 0.7]), steps=4)
    (episode,) = board.lit
    assert (episode.reading.severity, episode.reading.evidence) == (5, "a at 1")
    assert (episode.last, list(told)) == (2, [0])


def test_a_level_may_rise_and_does_not_fall():
    levels = ["advisory", "caution", "advisory", "warning", None]
    board, told = run(made("a", always, levels=levels), steps=5)
    assert told == {0: [("a", "on", None)], 1: [("a", "update", None)], 3: [("a", "update", None)]}
    assert board.lit[0].level == "warning"


def test_a_level_below_the_threshold_changes_nothing():
    board, _ = run(made("a", [2, 0.7], levels=["advisory", "warning"]), steps=2)
    assert board.lit[0].level == "advisory"


def test_lit_lamps_are_sorted_by_level_then_age():
    lamps = [made("know", always, level="advisory"), made("late", from_step(2), level="warning"),
             made("soon", from_step(1)), made("now", from_step(1), level="warning")]  # fmt: skip
    board, _ = run(*lamps, steps=4)
    assert [episode.lamp for episode in board.lit] == ["now", "late", "soon", "know"]


def test_healthy_lamps_read_and_were_never_lit():
    lamps = [made("dark", [0] * 6), made("silent", [None] * 6), made("short", [2, *[0] * 5])]
    board, _ = run(*lamps, made("lit", always), steps=6)
    assert [one.name for one in board.healthy] == ["dark"]


def test_absent_lamps_say_why():
    def broken(step):
        raise ZeroDivisionError("of zero")

    lamps = [
        made("needy", always, needs=("Loss", "Alpha", "inputs.std")),
        made("silent", lambda step: None),
        made("broken", broken),
        made("fine", always, needs=("Loss",)),
    ]
    board, _ = run(*lamps, steps=3)
    assert board.absent == {
        "needy": "needs Alpha, inputs.std, not tracked in this run",
        "silent": "no step so far that it could judge",
        "broken": "its diagnosis failed: ZeroDivisionError: of zero",
    }
    assert [episode.lamp for episode in board.lit] == ["fine"]


def test_a_lamp_begins_when_what_it_needs_comes():
    needy = made("needy", always, needs=("Alpha",))
    board, told = run(needy, steps=4, values=lambda step: {"Alpha": 0.0} if step == 2 else {})
    assert told == {2: [("needy", "on", None)]}
    assert board.absent == {}


def test_a_lamp_that_raises_is_switched_off_and_goes_out():
    asked = []

    def raises(step):
        asked.append(step)
        if step == 2:
            raise ValueError
        return 2.0

    board, told = run(made("a", raises, inhibits=("b",)), made("b", always), steps=5)
    assert asked == [0, 1, 2]
    assert "a" in board.absent
    assert told[2] == [("a", "off", None), ("b", "update", None)]
    assert [episode.lamp for episode in board.lit] == ["b"]
    assert [(e.lamp, e.last, e.until) for e in board.past] == [("a", 1, 2)]


def test_a_lamp_that_can_no_longer_judge_goes_out_and_begins_anew():
    reasons = ["", "", "", "", "the model is another one", "", "", ""]
    lamp = replace(made("a", always, sustain=2), unfit=lambda c: reasons[c.now.step])
    board, told = run(lamp, steps=7)
    assert told == {1: [("a", "on", None)], 4: [("a", "off", None)], 6: [("a", "on", None)]}
    assert [(e.since, e.until) for e in board.past] == [(0, 4)]
    assert board.lit[0].since == 5


def test_the_beginning_of_an_episode_stays_where_it_was():
    """Also where it is below its threshold for a while: so the oldest remains the cause."""
    early = made("early", [2, 2, 0.7, 2, 2, 2], inhibits=("late",))
    late = made("late", [0, 2, 2, 2, 2, 2], inhibits=("early",))
    board, _ = run(early, late, steps=6)
    assert {e.lamp: e.cause for e in board.lit} == {"early": None, "late": "early"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (2.0, "TypeError: a lamp returns a Reading or None; got float"),
        (Reading(2.0, "", level="Warning"), "ValueError: a level is one of warning, caution"),
        (Reading("2", ""), "TypeError: expected a number; got '2'"),
        (Reading(None, ""), "TypeError: float"),
        (Reading(2.0, "", {"x": "high"}), "TypeError: expected a number; got 'high'"),
        (Reading(2.0, "", layers=3), "TypeError: 'int' object is not iterable"),
        (Reading(2.0, "", suggestion=Suggestion("lr", factor="a third")), "TypeError: expected"),
        (Reading(2.0, "", suggestion="lr"), "AttributeError: 'str'"),
    ],
    ids=str,
)
def test_an_odd_reading_switches_off_that_lamp_alone(given, said):
    odd = replace(made("odd", always), read=lambda course: given)
    board, _ = run(odd, made("fine", always), steps=3)
    assert [episode.lamp for episode in board.lit] == ["fine"]
    assert said in board.absent["odd"]
    assert list(board.errors) == ["odd"]
    advice(board)


def test_a_reading_of_other_types_is_taken_for_what_it_means():
    given = Reading(np.float32(2), 3, {4: np.float64(0.5)}, layers=[5, "a"],
                    suggestion=Suggestion("lr", factor=np.float32(0.5), layers="a"))  # fmt: skip
    board, _ = run(replace(made("a", always), read=lambda course: given), steps=1)
    reading = board.lit[0].reading
    assert (reading.evidence, reading.numbers, reading.layers) == ("3", {"4": 0.5}, ("5", "a"))
    assert reading.suggestion == Suggestion("lr", factor=0.5, layers=("a",))
    assert {type(x) for x in (reading.severity, *reading.numbers.values())} == {float}


def test_so_many_episodes_that_are_over_are_kept():
    flickers = made("a", lambda step: 2.0 * (step % 3 == 0))
    once = made("once", lambda step: 2.0 * (step == 0))
    board, _ = run(flickers, once, steps=3 * PAST + 9)
    assert len(board.past) == PAST
    assert board.healthy == []  # also the one whose episode is no longer kept


def test_silenced_lamps_are_left_out():
    board, told = run(made("a", always), made("b", always), steps=2, silenced=frozenset({"a"}))
    assert told == {0: [("b", "on", None)]}
    assert "a" not in board.absent


def test_a_cause_and_its_consequence():
    cause = made("cause", from_step(3), inhibits=("effect",))
    board, told = run(made("effect", from_step(1)), cause, steps=5)
    assert told[1] == [("effect", "on", None)]
    assert sorted(told[3]) == [("cause", "on", None), ("effect", "update", "cause")]
    assert {e.lamp: e.cause for e in board.lit} == {"cause": None, "effect": "cause"}


def test_both_at_once():
    _, told = run(made("effect", always), made("cause", always, inhibits=("effect",)), steps=2)
    assert told == {0: [("effect", "on", "cause"), ("cause", "on", None)]}


def test_a_consequence_stands_for_itself_when_its_cause_goes_out():
    _, told = run(
        made("effect", always), made("cause", [2, 0, 0, 0], inhibits=("effect",)), steps=4
    )
    assert sorted(told[2]) == [("cause", "off", None), ("effect", "update", None)]


def test_the_oldest_of_several_causes():
    lamps = [made("young", from_step(2), inhibits=("effect",)),
             made("old", from_step(1), inhibits=("effect",)), made("effect", always)]  # fmt: skip
    board, told = run(*lamps, steps=4)
    assert [told[step][-1][2] for step in (0, 1)] == [None, "old"]
    assert {e.lamp: e.cause for e in board.lit}["effect"] == "old"


def test_since_counts_and_not_when_it_was_lit():
    slow = made("slow", always, sustain=3, inhibits=("quick",))
    quick = made("quick", from_step(1), inhibits=("slow",))
    board, _ = run(slow, quick, steps=4)
    assert {e.lamp: e.cause for e in board.lit} == {"slow": None, "quick": "slow"}


@pytest.mark.parametrize(("first", "second"), [(0, 2), (2, 0)])
def test_of_two_that_explain_each_other_the_older_one_is_the_cause(first, second):
    a = made("a", from_step(first), inhibits=("b",))
    b = made("b", from_step(second), inhibits=("a",))
    board, _ = run(a, b, steps=4)
    older, younger = ("a", "b") if first < second else ("b", "a")
    assert {e.lamp: e.cause for e in board.lit} == {older: None, younger: older}


def test_of_two_of_the_same_age_the_name_decides():
    a, b = made("b", always, inhibits=("a",)), made("a", always, inhibits=("b",))
    board, _ = run(a, b, steps=1)
    assert {e.lamp: e.cause for e in board.lit} == {"a": None, "b": "a"}


@pytest.mark.parametrize("begins", [(0, 1, 2), (2, 0, 1), (1, 1, 1)])
def test_of_a_circle_of_three_the_oldest_stands_for_itself(begins):
    names = ("a", "b", "c")
    lamps = [made(name, from_step(begin), inhibits=(names[(i + 1) % 3],))
             for i, (name, begin) in enumerate(zip(names, begins, strict=True))]  # fmt: skip
    board, _ = run(*lamps, steps=4)
    causes = {e.lamp: e.cause for e in board.lit}
    oldest = min(zip(begins, names, strict=True))[1]
    assert [name for name, cause in causes.items() if cause is None] == [oldest]


@pytest.mark.parametrize(
    ("cause", "effect", "explains"),
    [
        ("advisory", "advisory", True),
        ("advisory", "caution", False),
        ("advisory", "warning", False),
        ("caution", "warning", True),
        ("warning", "advisory", True),
    ],
)
def test_an_advisory_does_not_hide_what_is_to_be_acted_on(cause, effect, explains):
    lamps = [made("a", always, level=cause, inhibits=("b",)), made("b", always, level=effect)]
    board, _ = run(*lamps, steps=2)
    assert {e.lamp: e.cause for e in board.lit}["b"] == ("a" if explains else None)


def test_an_advisory_that_grows_worse_becomes_the_cause():
    a = made("a", always, inhibits=("b",), levels=["advisory", "advisory", "caution"])
    _, told = run(a, made("b", always), steps=4)
    assert sorted(told[2]) == [("a", "update", None), ("b", "update", "a")]


def test_an_exact_lamp_may_explain_all_statistical_ones():
    lamps = [made("exact", always, inhibits=(STATISTICAL,)), made("other", always),
             made("x", always, kind="statistical"),
             made("y", always, kind="statistical", inhibits=(STATISTICAL,))]  # fmt: skip
    board, _ = run(*lamps, steps=1)
    causes = {e.lamp: e.cause for e in board.lit}
    assert causes == {"exact": None, "other": None, "x": "exact", "y": "exact"}


def test_numbers_of_the_loop_are_seen_with_the_next_step():
    seen = []

    def read(step):
        seen.append(dict(board.course.user))
        return 0.0

    board = Board({}, lamps=[made("a", read)])
    board.take(StepView(0))
    board.take_user(0, {"valid_loss": 1.0})
    board.take(StepView(1))
    assert seen == [{}, {"valid_loss": [(0, 1.0)]}]


def test_a_board_has_all_lamps_unless_told_otherwise():
    board = Board({})
    assert board.take(StepView(0)) == []
    assert "nonfinite_input" in board.absent
