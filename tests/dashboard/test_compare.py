"""Several runs at once: what the server sends, and what the page does with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cockpit.dashboard.answer import answer
from cockpit.dashboard.question import MAX_COMPARED, BadQuestionError, parse
from cockpit.dashboard.runs import OpenRun, RunIndex
from tests.dashboard.comparing import TRACES, colors, row, wait_shown
from tests.dashboard.conftest import ECONOMY, LiveRun, Open, Serve, query, wait_fact
from tests.synthetic import write_run

QUANTITIES = (*ECONOMY, "HessTrace", "CABS")
NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for place, name in enumerate(NAMES):
        steps = 60 + 20 * place
        write_run(folder / name, steps=steps, layers=4, seed=place, quantities=QUANTITIES)
    return folder


@pytest.fixture
def five(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path, dirs_exist_ok=True))


def ask(index: RunIndex, names: str, known: dict[str, Any] | None = None) -> dict[str, Any]:
    compare = [[name, place, f"run {name}"] for place, name in enumerate(names)]
    question = {"run": names[0], "compare": compare, **(known or {})}
    found: dict[str, Any] = json.loads(answer(index, parse(question)))
    return found


def panel(reply: dict[str, Any], instrument: str) -> dict[str, Any]:
    found: dict[str, Any] = reply["panels"][instrument]["panel"]
    return found


def names_in(reply: dict[str, Any], instrument: str) -> list[str]:
    data = panel(reply, instrument)["figure"]["data"]
    return [trace["name"] for trace in data if trace.get("name")]


def test_runs_are_laid_over_each_other(five: Path) -> None:
    reply = ask(RunIndex(five), "abc")
    assert names_in(reply, "grad_norm") == ["run c", "run b", "run a"]
    assert reply["facts"]["step"] == 59  # of the run in front


def test_maps_side_by_side_are_zoomed_together(five: Path) -> None:
    found = panel(ask(RunIndex(five), "abcde"), "layers")
    assert found["history"] == ["xaxis", "xaxis2", "xaxis3", "xaxis4", "xaxis5"]
    assert found["size"] == "tall"


def test_an_idle_comparison_costs_less_than_a_kilobyte(five: Path) -> None:
    index = RunIndex(five)
    first = ask(index, "abcde")
    known = {
        "stamp": first["stamp"],
        "runs": first["runs_stamp"],
        "offers": first["offers_stamp"],
        "panels": {n: [first["stamp"], p["digest"]] for n, p in first["panels"].items()},
    }
    again = ask(index, "abcde", known)
    assert set(again) == {"now", "name", "stamp"}


def test_a_step_of_any_run_is_news(five: Path) -> None:
    live = LiveRun(five / "live")
    live.write(5)
    index = RunIndex(five)
    first = ask(index, ["a", "live"])
    live.write()
    digests = {n: [first["stamp"], p["digest"]] for n, p in first["panels"].items()}
    again = ask(index, ["a", "live"], {"panels": digests})
    live.writer.close()
    assert again["stamp"] != first["stamp"]
    assert "panel" in again["panels"]["grad_norm"]
    assert "panel" not in again["panels"]["cabs"]  # the live run has none: nothing to send


def test_each_run_is_read_once_and_drawn_once(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = RunIndex(five)
    ask(index, "abc")
    read: list[OpenRun] = []
    monkeypatch.setattr(OpenRun, "refresh", lambda run: read.append(run))
    drawn: list[str] = []
    monkeypatch.setattr(
        "cockpit.dashboard.comparing.overlay", lambda parts, room: drawn.append("x")
    )
    ask(index, "abc")
    assert len(read) == len({id(run) for run in read}) == 3
    assert drawn == []  # other pages have asked for the same before


def test_runs_that_are_not_there_are_told(five: Path) -> None:
    reply = ask(RunIndex(five), ["a", "../a", "gone"])
    assert reply["absent"] == ["../a", "gone"]
    assert names_in(reply, "grad_norm") == ["run a"]


def test_an_instrument_that_only_another_run_has(five: Path) -> None:
    write_run(five / "small", steps=20, quantities=("Loss",))
    reply = ask(RunIndex(five), ["small", "a"])
    assert "hess_max_ev" in {one["name"] for one in reply["offers"]["instruments"]}
    assert names_in(reply, "hess_trace") == ["run a"]


@pytest.mark.parametrize(
    "compare",
    [3, ["a"], [["a", 1]], [["a", "1", "a"]], [[1, 1, "a"]], [["a", True, "a"]],
     [["a", 1, "x" * 2000]], [[f"{i}", 1, ""] for i in range(MAX_COMPARED + 1)]],
)  # fmt: skip
def test_malformed_comparisons_are_refused(compare: object) -> None:
    with pytest.raises(BadQuestionError, match="compare"):
        parse({"compare": compare})


def test_the_table_is_sent_while_it_is_open(five: Path) -> None:
    index = RunIndex(five)
    assert "table" not in ask(index, "a")
    first = ask(index, "a", {"table": ""})
    assert len(first["table"]["rows"]) == 5
    assert "table" not in ask(index, "a", {"table": first["table_stamp"]})


def listed(page: Page) -> list[str]:
    return page.locator("#runs-table .run-name").all_inner_texts()


@pytest.mark.browser
def test_colors_are_those_of_the_address_or_of_the_browser(
    five: Path, serve: Serve, open_page: Open
) -> None:
    url = serve(five)
    page = open_page(f"{url}?compare=3~a&compare=1~b&compare=c&hide=b")
    wait_shown(page, "ac")
    before = colors(page)
    assert query(page)["run"] == ["a"]
    assert query(page)["compare"] == ["3~a", "1~b", "0~c"]
    assert query(page)["hide"] == ["b"]
    page.reload()
    wait_shown(page, "ac")
    assert colors(page) == before
    page.goto(f"{url}?run=c&compare=a&compare=c")  # this browser remembers
    wait_shown(page, "ac")
    assert colors(page) == before
    page.goto(f"{url}?run=a")
    page.wait_for_function("() => cockpit.stats.drawn > 0")
    expect(page.locator("#compared")).to_be_hidden()


@pytest.mark.browser
def test_zoom_and_step_stay_when_another_run_comes_to_the_front(
    five: Path, serve: Serve, open_page: Open
) -> None:
    page = open_page(f"{serve(five)}?compare=a&compare=b&window=10~30&step=20")
    page.locator("#compared").get_by_role("button", name="b", exact=True).click()
    wait_fact(page, "step", "79")
    assert query(page)["window"] == ["10~30"]
    assert query(page)["step"] == ["20"]


@pytest.mark.browser
def test_the_table_is_searched_and_sorted(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    for steps, name in ((30, "run 2"), (10, "run 10"), (20, "other")):
        write_run(tmp_path / name, steps=steps, quantities=("Loss",))
    page = open_page(f"{serve(tmp_path)}?run=other")
    page.get_by_role("button", name="Runs", exact=True).click()
    table = page.locator("#runs-table")
    expect(row(page, "run 2").locator("td[data-status]")).to_have_text("✓ finished")
    expect(row(page, "run 2")).to_contain_text("75 %")
    table.get_by_role("button", name="Step").click()
    assert listed(page) == ["run 10", "other", "run 2"]
    table.get_by_role("button", name="Step").click()
    assert listed(page) == ["run 2", "other", "run 10"]
    expect(table.locator("th[data-key=step]")).to_have_attribute("aria-sort", "descending")
    table.get_by_role("button", name="Run", exact=True).click()
    assert listed(page) == ["other", "run 2", "run 10"]
    table.get_by_role("searchbox").fill("RUN finished")
    assert listed(page) == ["run 2", "run 10"]
    expect(table.locator(".count")).to_have_text("2 of 3 runs")
    table.get_by_role("searchbox").fill("nothing like it")
    expect(table.get_by_text("No run matches.")).to_be_visible()


@pytest.mark.browser
def test_settings_that_differ_are_columns(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    write_run(tmp_path / "done", steps=5, quantities=("Loss",))
    log = tmp_path / "done" / "log.jsonl"
    log.write_text(log.read_text().replace('"lr":0.05,"momentum"', '"lr":0.5,"momentum"', 1))
    page = open_page(f"{serve(tmp_path)}?run=done")
    page.keyboard.press("r")
    table = page.locator("#runs-table")
    expect(table.get_by_role("button", name="lr")).to_be_visible()
    assert table.get_by_role("button", name="momentum").count() == 0
    expect(row(page, "done")).to_contain_text("0.5")
    last = live_run.write(7)
    expect(row(page, "live").locator("td").nth(2)).to_have_text(str(last))
    table.get_by_role("searchbox").fill("lr=0.5")
    assert listed(page) == ["done"]


@pytest.mark.browser
def test_runs_are_renamed_and_pinned_in_this_browser_alone(
    five: Path, serve: Serve, open_page: Open
) -> None:
    url = serve(five)
    page = open_page(f"{url}?compare=a&compare=b")
    page.keyboard.press("r")
    page.locator("#runs-table").get_by_role("button", name="Run", exact=True).click()
    row(page, "b").hover()
    row(page, "b").get_by_role("button", name="Rename b").click()
    page.keyboard.type("<i>best</i>")
    page.keyboard.press("Enter")
    expect(page.locator(".chip").nth(1)).to_contain_text("<i>best</i>")
    page.wait_for_function(f"() => '<i>best</i>' in ({TRACES})('grad_norm') || "
                           f"'&lt;i>best&lt;/i>' in ({TRACES})('grad_norm')")  # fmt: skip
    assert page.locator("#compared i, #runs-table i, .plot i").count() == 0
    row(page, "e").hover()
    row(page, "e").get_by_role("button", name="Pin e").click()
    assert listed(page)[0] == "e"
    assert sorted(path.name for path in five.iterdir()) == list(NAMES)
    page.reload()
    page.wait_for_function("() => cockpit.stats.drawn > 0")
    page.keyboard.press("r")
    expect(row(page, "<i>best</i>")).to_be_visible()
    assert listed(page)[0] == "e"
    row(page, "<i>best</i>").hover()
    page.get_by_role("button", name="Rename <i>best</i>").click()
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(row(page, "b")).to_be_visible()


@pytest.mark.browser
def test_hundreds_of_runs(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    write_run(tmp_path / "run 0", steps=3, quantities=ECONOMY)
    content = (tmp_path / "run 0" / "log.jsonl").read_bytes()
    for i in range(1, 300):
        (tmp_path / f"run {i}").mkdir()
        (tmp_path / f"run {i}" / "log.jsonl").write_bytes(content)
    page = open_page(f"{serve(tmp_path)}?run=run+0")
    page.keyboard.press("r")
    expect(page.locator("#runs-table .run-name")).to_have_count(300, timeout=30_000)
    page.locator("#runs-table").get_by_role("searchbox").fill("run 299")
    expect(page.locator("#runs-table .run-name")).to_have_count(1)
