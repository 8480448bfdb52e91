"""The measurements run, and what they write can be read; how long things take is not tested."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from benchmarks import intervals, soak, tables
from benchmarks.__main__ import main
from benchmarks.eigenvalue import reference
from benchmarks.intervals import computed
from benchmarks.loop import Windows
from benchmarks.networks import WORKLOADS
from cockpit.quantities import QUANTITIES

PARTS = ("quantities", "intervals", "memory", "eigenvalue")  # the log's takes too long


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    little = ["--effort", "tiny", "--only", "logreg", "--threads", "1"]
    main([*little, "--parts", *PARTS, "--out", str(folder)])
    return folder


def rows(folder: Path, part: str) -> list[dict]:
    return json.loads((folder / f"{part}.json").read_text())["rows"]


def cells(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_quantity_has_a_ratio(results: Path) -> None:
    found = {row["quantity"]: row for row in rows(results, "quantities")}
    assert list(found) == list(QUANTITIES)
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in found.values())
    assert not any("absent" in row for row in found.values())


def test_each_configuration_has_a_ratio_at_each_interval(results: Path) -> None:
    found = {(r["configuration"], r["interval"]): r for r in rows(results, "intervals")}
    wanted = {(c, k) for c in intervals.CONFIGURATIONS for k in intervals.INTERVALS}
    assert set(found) == wanted | {(intervals.IDLE, None)}
    assert all(row["ratio"] > 0 for row in found.values())
    assert found["full", 256]["computed_from"] < 256


def test_memory_is_seen(results: Path) -> None:
    plain, economy = rows(results, "memory")
    assert (plain["configuration"], economy["configuration"]) == ("plain", "economy")
    for row in (plain, economy):
        assert row["peak_mb"] > row["base_mb"] > 50  # torch alone takes more
        assert max(size for _, size in row["curve"]) <= row["peak_mb"]


def test_the_eigenvalue_is_near_the_reference(results: Path) -> None:
    (row,) = rows(results, "eigenvalue")
    assert len(row["values"]) == len(row["references"]) >= 3
    assert row["error"] < row["limit"]


def test_every_part_has_a_table_and_a_picture(results: Path) -> None:
    for part in PARTS:
        head, rule, *body = cells((results / f"{part}.md").read_text())
        assert body
        assert {len(line) for line in (rule, *body)} == {len(head)}
        assert (results / f"{part}.png").read_bytes().startswith(b"\x89PNG")
    assert "logreg" in (results / "summary.md").read_text()


def test_the_reference_eigenvalue_of_a_quadratic() -> None:
    parameter = torch.zeros(4, requires_grad=True)
    curvatures = torch.tensor([3.0, -5.0, 1.0, 2.0])

    def loss() -> torch.Tensor:
        return (curvatures * parameter.square() / 2).sum()

    assert reference(loss, [parameter]) == pytest.approx(3, rel=1e-4)


def test_other_intervals_are_computed_from_the_cost_of_a_tracked_step() -> None:
    # Tracked steps cost 9 plain ones more, others 0.1 more.
    assert computed((4 + 4 * 0.1 + 9) / 4, 4, 1.1, 16) == pytest.approx((16 + 16 * 0.1 + 9) / 16)


@pytest.mark.parametrize(("interval", "tracked"), [(1, [1, 2, 3, 4, 7, 8]), (2, [1, 3, 7])])
def test_windows_begin_with_a_tracked_step_and_have_untracked_ones_around(
    interval: int, tracked: list[int]
) -> None:
    windows, found = Windows(interval), []
    for steps, last in ((4, 5), (2, 9)):
        first = windows.open(steps)
        found += [step for step in range(first - 1, last + 1) if windows(step)]
    assert found == tracked


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ({"ratio": 2.0, "limit": 2.0}, "2.00 ×"),
        ({"ratio": 2.1, "limit": 2.0}, "**2.10 ×**"),
        ({"ratio": 2.1, "limit": None, "computed_from": 4}, "*2.10 ×*"),
    ],
)
def test_misses_are_bold_and_computed_ones_slanted(row: dict, shown: str) -> None:
    assert tables._shown(row) == shown


@pytest.mark.parametrize("name", WORKLOADS)
def test_networks_take_their_batches(name: str) -> None:
    workload = WORKLOADS[name]
    x, y = next(workload.batches())
    loss = torch.nn.CrossEntropyLoss()(workload.make()(x[:2]), y[:2])
    assert len(x) == workload.batch_size
    assert torch.isfinite(loss)
    first, second = (parameters_to_vector(workload.make().parameters()) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("grows", "verdicts"),
    [
        ("", [True, True, True]),
        ("server_mb", [False, True, True]),
        ("browser_mb", [True, False, True]),
        ("delay_s", [True, True, False]),
    ],
)
def test_a_long_look_says_what_did_not_stay(grows: str, verdicts: list[bool]) -> None:
    rows = []
    for minute in range(1, 31):
        row = soak.Row(minute, 3000 * minute, 7.5 * minute, 140.0, 3000.0, 30.0, 0.5, 1.0)
        if minute > soak.SETTLED_AFTER_MIN and grows:
            row = replace(row, **{grows: getattr(row, grows) * (1 + minute / 50)})
        rows.append(replace(row, delay_s=row.delay_s + 0.04 * (minute % 2)))
    assert [holds for _, _, holds in soak.judged(rows)] == verdicts
    assert soak.judged(rows[: soak.SETTLED_AFTER_MIN]) == []
