"""How lamps stand, from the lines of a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.lamps import Course, Episode, Reading, Suggestion, all_lamps, get, replay
from cockpit.lamps.outcome import Outcome, root_of
from cockpit.log import RunLog
from tests.lamps.lines import Watched, watched
from tests.lamps.made import lamp_that, lit_at
from tests.synthetic import make_header, make_layers, write_run

NEEDED = {"inputs.nonfinite": 0, "update.decrease": 0.1}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path / "run") as made:
        made.steps(5, NEEDED)
        yield made


def test_what_lights_stays_until_it_goes_out(run: Watched) -> None:
    suggestion = {"change": "lr", "factor": 0.5, "value": None, "layers": ["0.weight"]}
    run.lamp("a", level="warning", since=2, evidence="low", suggestion=suggestion)
    run.steps(3)
    run.lamp("b", since=6)
    run.lamp("a", "update", level="warning", since=2, evidence="lower", layers=["0.weight"])
    outcome = Outcome.of_log(run.log)
    assert [(e.lamp, e.level, e.since, e.step, e.until) for e in outcome.lit] == [
        ("a", "warning", 2, 4, None), ("b", "caution", 6, 7, None),
    ]  # fmt: skip
    assert outcome.lit[0].reading.evidence == "lower"
    assert outcome.lit[0].reading.layers == ("0.weight",)
    run.steps(2)
    run.lamp("a", "off", level="warning", since=2, suggestion=suggestion)
    outcome = Outcome.of_log(run.log)
    assert [e.lamp for e in outcome.lit] == ["b"]
    (over,) = outcome.past
    assert (over.lamp, over.since, over.step, over.until) == ("a", 2, 4, 9)
    assert over.reading.suggestion == Suggestion("lr", 0.5, None, ("0.weight",))


def test_consequences_stand_under_the_first_cause(run: Watched) -> None:
    run.lamp("root")
    run.lamp("middle", cause="root")
    run.lamp("end", cause="middle", level="warning")
    run.lamp("other", cause="gone", level="advisory")
    first, second = Outcome.of_log(run.log).findings
    assert (first.root.lamp, first.level) == ("root", "warning")  # the worst of them counts
    assert [e.lamp for e in first.consequences] == ["end", "middle"]
    assert (second.root.lamp, second.level, second.consequences) == ("other", "advisory", ())


def test_lamps_that_explain_each_other_are_all_shown(run: Watched) -> None:
    run.lamp("a", cause="b")
    run.lamp("b", cause="a")
    found = Outcome.of_log(run.log).findings
    shown = [e.lamp for f in found for e in (f.root, *f.consequences)]
    assert sorted(shown) == ["a", "b"]


def test_a_further_attempt_begins_in_the_dark(run: Watched) -> None:
    run.lamp("a")
    run.writer.close()
    with watched(run.writer.path.parent) as again:
        again.next = 5
        again.steps(2)
        outcome = Outcome.of_log(again.log)
        assert (outcome.lit, [e.lamp for e in outcome.past]) == ((), ["a"])
        again.lamp("b")
        outcome = Outcome.of_log(again.log)
        assert [e.lamp for e in outcome.lit] == ["b"]
        assert [(e.lamp, e.until) for e in outcome.past] == [("a", 4)]


def test_those_that_see_nothing_and_those_that_cannot_tell(run: Watched) -> None:
    outcome = Outcome.of_log(run.log)
    assert outcome.watched
    assert get("nonfinite_input") in outcome.healthy
    assert get("learning_rate_too_large") in outcome.healthy
    dark = {one.name for one in outcome.healthy} | set(outcome.absent)
    assert dark == {one.name for one in all_lamps()}
    assert outcome.able == len(outcome.healthy)


def test_what_a_run_does_not_track_makes_lamps_absent(tmp_path: Path) -> None:
    with watched(tmp_path / "other") as other:
        other.steps(3, {"inputs.nonfinite": 0})
        outcome = Outcome.of_log(other.log)
    reason = outcome.absent["learning_rate_too_large"]
    assert reason == "needs update.decrease, not tracked in this run"
    assert "nonfinite_input" not in outcome.absent


def test_before_the_first_record_facts_are_expected(tmp_path: Path) -> None:
    with watched(tmp_path / "new") as new:
        assert "nonfinite_input" not in Outcome.of_log(new.log).absent
    with watched(tmp_path / "without", quantities={"Loss": {"kind": "scalar"}}) as without:
        assert "nonfinite_input" in Outcome.of_log(without.log).absent


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, {"nonfinite_input", "learning_rate_too_large"}),
        ({"lamps": ["nonfinite_input"]}, {"nonfinite_input"}),
        ({"silenced": ["nonfinite_input"]}, {"learning_rate_too_large"}),
        ({"lamps": False}, set()),
        ({"lamps": []}, set()),
        ({"lamps": "all"}, set()),
    ],
)
def test_only_lamps_that_were_there_count(tmp_path: Path, header: dict, expected: set) -> None:
    with watched(tmp_path / "run", **header) as run:
        run.steps(2, NEEDED)
        outcome = Outcome.of_log(run.log)
    both = {"nonfinite_input", "learning_rate_too_large"}
    assert {one.name for one in outcome.healthy} & both == expected
    assert outcome.watched == bool(expected)
    assert outcome.silenced == tuple(header.get("silenced", ()))


def test_a_log_from_before_there_were_lamps_says_nothing_of_them(tmp_path: Path) -> None:
    assert Outcome.of_log(RunLog(write_run(tmp_path / "old", steps=3))) == Outcome()


def test_a_board_says_the_same(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path / "old", steps=9, quantities=("Loss",)))
    lamps = (
        lit_at([3, 4], "one"),
        lit_at([6, 7, 8], "two"),
        lamp_that(lambda course: None, "three", needs=("Never",)),
        lit_at([], "four"),
    )
    outcome = Outcome.of_board(replay(log, lamps))
    assert [e.lamp for e in outcome.lit] == ["two"]
    assert [e.lamp for e in outcome.past] == ["one"]
    assert [one.name for one in outcome.healthy] == ["four"]
    assert list(outcome.absent) == ["three"]


def test_what_a_lit_lamp_explains_is_not_called_healthy(run: Watched) -> None:
    run.lamp("nonfinite_input", level="warning")
    outcome = Outcome.of_log(run.log)
    lamp = get("learning_rate_too_large")  # a statistical one: all of these are explained
    assert lamp in outcome.hidden
    assert lamp in outcome.healthy
    assert lamp not in outcome.clear
    assert outcome.able == len(outcome.hidden) + len(outcome.clear) + 1


def test_what_only_a_look_afterwards_lights_is_not_healthy(tmp_path: Path) -> None:
    """As where the run had another version's lamps, or its own were switched off."""
    with watched(tmp_path / "run") as run:
        run.steps(5, {"inputs.nonfinite": 3})
        log = run.log
        outcome = Outcome.of_log(log)
    assert get("nonfinite_input") in outcome.healthy  # it said nothing
    judged = outcome.judged(log)
    assert get("nonfinite_input") not in judged.healthy
    reason = "only a look at the log afterwards lights it: cockpit report --anew"
    assert judged.absent["nonfinite_input"] == reason
    assert get("nonfinite_input") not in judged.clear


def test_of_a_short_log_the_worst_that_a_lamp_saw_is_told(tmp_path: Path) -> None:
    with watched(tmp_path / "run") as run:
        run.steps(1, {"inputs.nonfinite": 1, "inputs.shape": [8, 2]})
        run.lamp("nonfinite_input", level="warning", evidence="1 of them.")
        run.lamp("dead_units", evidence="Half of them.")
        run.steps(4, {"inputs.nonfinite": 9, "inputs.shape": [8, 2]})
        outcome = Outcome.of_log(run.log)
        judged = outcome.judged(run.log)
    (worst, as_logged) = judged.lit
    assert (worst.lamp, worst.since, worst.last) == ("nonfinite_input", 0, 0)
    expected = replay(run.log, [get("nonfinite_input")]).lit[0].reading
    assert worst.reading == expected
    assert worst.reading != outcome.lit[0].reading
    assert as_logged == outcome.lit[1]


def test_a_lamp_that_was_lit_when_an_attempt_ended_was_so_until_then(run: Watched) -> None:
    run.lamp("a")
    run.steps(4)
    run.writer.close()
    with watched(run.writer.path.parent) as again:
        again.next = 7  # steps 7 and 8 of the first attempt no longer count
        again.steps(2)
        (over,) = Outcome.of_log(again.log).past
    assert (over.lamp, over.step, over.last, over.until) == ("a", 4, 4, 6)


def test_attempts_with_other_layers_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a log is so long that only its ends are looked at."""
    monkeypatch.setattr("cockpit.lamps.outcome.SHORT", 10)
    seen: list[tuple[int, int, int]] = []

    def read(course: Course) -> Reading:
        seen.append((course.now.step, course.count, len(course.layer_names)))
        return Reading(0.0, "")

    lamp = lamp_that(read, "mine", unfit=lambda course: read(course).evidence)
    monkeypatch.setitem(sys.modules["cockpit.lamps.lamp"]._lamps, "mine", lamp)
    with watched(tmp_path / "run") as run:
        run.steps(6)
        run.writer.user(3, {"valid_loss": 1.0}, time=0.3)
    header = {"layers": make_header(make_layers(3), ("Loss",))["layers"]}
    with watched(tmp_path / "run", **header) as again:
        again.next = 6
        again.steps(6)
        log = again.log
    outcome = Outcome.of_log(log)
    few, many = (len(h["layers"]) for h, _ in log.parts)
    assert seen == [(11, 2, many)]  # of the last steps, as the model was then
    seen.clear()
    judged = outcome.judged(log)
    assert {(step, layers) for step, _, layers in seen} == {
        *((step, few) for step in range(6)), *((step, many) for step in range(6, 12)),
    }  # fmt: skip
    assert (11, 6, many) in seen
    assert lamp in judged.healthy


def test_the_root_of_a_chain() -> None:
    def episode(lamp: str, cause: str | None) -> Episode:
        return Episode(lamp, "caution", 0, 0, Reading(1.0, ""), 0, cause=cause)

    chain = {"a": None, "b": "a", "c": "b", "x": "y", "y": "x", "z": "x", "lost": "gone"}
    by_name = {lamp: episode(lamp, cause) for lamp, cause in chain.items()}
    roots = {lamp: root_of(one, by_name) for lamp, one in by_name.items()}
    assert roots == {"a": "a", "b": "a", "c": "a", "x": "x", "y": "x", "z": "x", "lost": "lost"}
    assert root_of(episode("new", "c"), by_name) == "a"
