"""The lamps of a log are those of the run that wrote it."""

from __future__ import annotations

import math
import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cockpit import LampWarning, RunLog, quantities
from cockpit.lamps import Board, replay
from cockpit.lamps.course import FIRST, MEMORY
from cockpit.lamps.lines import fields_of, view_of
from cockpit.lamps.replay import board_before
from cockpit.log import LogWriter
from cockpit.log.codec import jsonable
from cockpit.log.record import Facts, PerLayer, Scalar
from tests.lamps.made import echo, lamp_that, lit_at
from tests.training import Training, batch

LAMPS = (
    echo,
    lit_at([2, 3, 4, 9, 10], "first", inhibits=("second",)),
    lit_at([3, 4, 5, 6, 11], "second", level="caution", sustain=2),
)
BESIDE = ("time", "attempt")


def told(source: Any, lamps: Any = LAMPS, **options: Any) -> tuple[Board, list[dict[str, Any]]]:
    """The board, and what its log would say of its changes."""
    found: list[dict[str, Any]] = []
    board = None

    def take(change: Any) -> None:
        fields = msgspec.json.decode(msgspec.json.encode(jsonable(fields_of(change))))
        numbers = {name: float(x) for name, x in fields["numbers"].items()}
        found.append({**fields, "numbers": numbers})

    board = replay(source, lamps, on_change=take, **options)
    return board, found


def logged(log: RunLog, attempt: int | None = None) -> list[dict[str, Any]]:
    """What a log says of lamps, but when."""
    chosen = [one for one in log.lamps if attempt in (None, one["attempt"])]
    return [{k: v for k, v in one.items() if k not in (*BESIDE, "step")} for one in chosen]


def run_some(folder: Path, steps: range, **options: Any) -> Training:
    """A training that also logs numbers, odd ones among them."""
    options = {"lamps": LAMPS, "planned_steps": 12, "config": "business", **options}
    training = Training(folder, strict=True, **options)
    for step in steps:
        training.step(step)
        odd = {"valid_loss": math.nan, "huge": 10**400, "flag": True, "word": "NaN"}
        training.cockpit.log(step, epoch=step // 4, third=1 / 3, **odd)
    return training


def test_a_log_lights_the_lamps_of_the_run(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Cockpit: "):
        log = run_some(tmp_path, range(12)).close()
    board, changes = told(log)
    assert len(changes) > 8
    assert {one["lamp"] for one in changes} == {"echo", "first", "second"}
    assert changes == logged(log)
    assert told(tmp_path)[1] == told(tmp_path / "log.jsonl")[1] == changes
    assert [e.lamp for e in board.lit] == [e.lamp for e in replay(log, LAMPS).lit]


@pytest.mark.parametrize("again", [5, 9, 20])
def test_a_resumed_run_goes_on_where_its_log_ends(again: int, tmp_path: Path) -> None:
    """Lamps begin dark, and know the steps before; what is made again has never been."""
    with pytest.warns(UserWarning, match="Cockpit: "):
        first = run_some(tmp_path, range(9)).close()
        before = logged(first)
        log = run_some(tmp_path, range(again, again + 6)).close()
    board, changes = told(log)
    assert changes == logged(log)
    kept = [one for one in first.lamps if one["step"] < again]
    assert logged(log)[: len(kept)] == before[: len(kept)]
    assert len(logged(log, attempt=2)) > 2
    assert board.course.count == min(again, 9) + 6
    assert [view.step for view in board.course.first][:5] == [0, 1, 2, 3, 4]
    assert all(one["attempt"] == 1 for one in log.lamps if one["step"] < again)


def test_numbers_before_the_first_step_of_a_resumed_run(tmp_path: Path) -> None:
    """They come after those of the attempts before."""
    with pytest.warns(UserWarning, match="Cockpit: "):
        run_some(tmp_path, range(4)).close()
        training = Training(tmp_path, lamps=LAMPS, config="business", planned_steps=12)
        training.cockpit.log(4, third=0.5)
        log = training.run(range(4, 8)).close()
    board, changes = told(log)
    assert changes == logged(log)
    assert board.course.user["third"][-2:] == [(3, 1 / 3), (4, 0.5)]


def test_a_run_that_begins_anew_in_the_same_folder_knows_nothing(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Cockpit: "):
        run_some(tmp_path, range(6)).close()
        log = run_some(tmp_path, range(6)).close()
    board, changes = told(log)
    assert changes == logged(log)
    assert board.course.count == 6


def test_another_model_in_the_same_folder_knows_nothing_of_the_first(tmp_path: Path) -> None:
    import torch

    with pytest.warns(UserWarning, match="Cockpit: "):
        run_some(tmp_path, range(4)).close()
        other = torch.nn.Linear(5, 3).double()
        log = run_some(tmp_path, range(4, 8), model=other).close()
    board, changes = told(log)
    assert changes == logged(log)
    assert board.course.count == 4


@pytest.mark.parametrize("lr", [0.1, 300.0], ids=["trains", "diverges"])
def test_the_lamps_there_are_light_again(lr: float, tmp_path: Path) -> None:
    """All of them, on the facts that an economical run records."""
    training = Training(tmp_path, lr=lr, planned_steps=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LampWarning)
        log = training.run(range(30)).close()
    board, changes = told(log, None)
    assert changes == logged(log)
    assert bool(changes) >= (lr > 1)
    live = training.cockpit._tracker.lamps.board
    assert board.lit == live.lit
    assert board.absent == live.absent
    assert not live.errors


def write(folder: Path, steps: range, **header: Any) -> LogWriter:
    writer = LogWriter(folder, {"layers": [], **header})
    for step in steps:
        writer.step(step, {"Loss": Scalar(float(step))}, time=0.1 * step)
    return writer


def test_episodes_of_earlier_attempts_are_past(tmp_path: Path) -> None:
    write(tmp_path, range(6)).close()
    write(tmp_path, range(4, 6)).close()
    write(tmp_path, range(5, 8)).close()
    board = replay(tmp_path, [lit_at([2, 3, 4, 5, 6])])
    spans = [(e.since, e.last, e.until) for e in [*board.past, *board.lit]]
    assert spans == [(2, 3, 3), (4, 4, 4), (5, 6, None)]
    assert board.healthy == []


def test_a_step_that_speaks_of_a_header_begins_no_attempt(tmp_path: Path) -> None:
    write(tmp_path, range(5)).close()
    writer = write(tmp_path, range(2, 4))
    writer.step(4, {"header": Scalar(1.0)}, time=0.4)
    writer.close()
    seen: list[int] = []
    replay(tmp_path, [lamp_that(lambda course: seen.append(course.now.step))])
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("layers", [[], [{"name": "another"}]], ids=["resumed", "another model"])
def test_what_a_resumed_run_knows_of_a_long_log(
    layers: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as if it had looked at each step, but it looks at few."""
    writer = write(tmp_path, range(4))
    writer.step(4, {"Facts": Facts({"rare.fact": 1}), "Rare": Scalar(1.0)}, time=0.4)
    writer.close()
    write(tmp_path, range(5, 300)).close()
    writer = write(tmp_path, range(280, 700), layers=layers)
    writer.user(3, {"valid_loss": 1.0}, time=0.3)
    writer.close()
    whole = replay(tmp_path, ()).course
    looked: list[int] = []

    def counted(line: Any) -> Any:
        looked.append(line.step)
        return view_of(line)

    monkeypatch.setattr(sys.modules["cockpit.lamps.replay"], "view_of", counted)
    course = board_before(tmp_path / "log.jsonl", 4, 10_000).course
    assert len(looked) <= 2 * (MEMORY + FIRST)  # of either model
    assert list(course.steps) == list(whole.steps)
    assert (course.first, course.count, course.user) == (whole.first, whole.count, whole.user)
    for name in ("Loss", "Rare", "rare.fact", "Facts", "other"):
        assert course.seen(name) == whole.seen(name)
    assert course.seen("rare.fact") == (layers == [])


def test_silenced_lamps_stay_dark(tmp_path: Path) -> None:
    write(tmp_path, range(4)).close()
    lamps = [lit_at([1], "one"), lit_at([1], "two")]
    board = replay(tmp_path, lamps, silenced=["one"])
    assert [e.lamp for e in [*board.past, *board.lit]] == ["two"]


def test_damage_costs_the_damaged_lines_only(tmp_path: Path) -> None:
    writer = write(tmp_path, range(3))
    with writer.path.open("ab") as file:
        file.write(b'{"type":"step","step":3,"values":{"Loss":{"kind":"facts","facts":7}}}\n')
        file.write(b'{"type":"user","step":"x","values":3}\n{"type":"lamp"}\nnonsense\n\xff\n')
        file.write(b'{"type":"step","step":4,"val')
    seen: list[Any] = []
    lamp = lamp_that(lambda course: seen.append(course.now))
    assert replay(tmp_path, [lamp]).course.count == 4
    assert [view.step for view in seen] == [0, 1, 2, 3]
    assert seen[3].values == {}


def test_records_before_any_header_count(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(
        b'{"type":"step","step":1,"values":{"Loss":{"kind":"scalar","value":"NaN"}}}\n'
    )
    assert math.isnan(replay(tmp_path, [lit_at([1])]).course.now.values["Loss"])


def test_every_kind_of_value_arrives(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, {"layers": [{"name": "a"}, {"name": "b"}]})
    facts = {"inputs.nonfinite": 2, "inputs.max": math.inf, "model.frozen": ["a"], "loss.ok": True}
    writer.step(
        3,
        {
            "GradNorm": PerLayer(1 / 3, (math.nan, None), {"parts": "1 of 4"}),
            "Facts": Facts(facts),
        },
        time=1.5, batch_size=7, lr=[0.1, math.inf], overhead={"step_s": 0.25},
    )  # fmt: skip
    writer.close()
    now = replay(tmp_path).course.now
    assert (now.step, now.time, now.batch_size, now.seconds) == (3, 1.5, 7, 0.25)
    assert now.lr == (0.1, math.inf)
    assert now.values == {"GradNorm": 0.333333333}
    assert [math.isnan(x) for x in now.layers["GradNorm"]] == [True, True]
    assert now.notes == {"GradNorm": {"parts": "1 of 4"}}
    assert now.facts == facts


def test_no_log_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No log at"):
        replay(tmp_path)


def test_the_quantities_of_a_run_are_all_there(tmp_path: Path) -> None:
    """Those that are completed at the next step, too."""
    every = [quantities.Loss(), quantities.Alpha(), quantities.GradNorm()]
    with pytest.warns(UserWarning, match="Cockpit: "):
        log = Training(tmp_path, config=every, lamps=[echo], batches=batch).run(range(5)).close()
    assert "Alpha" in logged(log)[0]["evidence"]
