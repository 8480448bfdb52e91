"""The cockpit in one HTML file: opened from the disk, in a real browser, without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cockpit import cli
from cockpit.dashboard.standalone import cockpit_html
from cockpit.instruments import NothingToShowError, View, panels
from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Layer, PerLayer, Scalar
from tests.dashboard.conftest import ECONOMY
from tests.dashboard.test_security import HOSTILE
from tests.synthetic import make_header, write_run

pytestmark = pytest.mark.browser
READY = "() => 'ready' in document.documentElement.dataset"


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[object]:
    """Opens a page from the disk, offline; it may neither complain nor ask anyone."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    def open_file(text: str, **options: object) -> Page:
        path = tmp_path / "exported.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(
            **{"viewport": {"width": 1600, "height": 1000}, "offline": True, **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function(READY, timeout=90_000)  # several browsers on few cores
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> RunLog:
    return RunLog(write_run(tmp_path_factory.mktemp("runs") / "full", steps=120, layers=6))


def test_every_panel_is_drawn_from_the_file_alone(full: RunLog, opened) -> None:
    text = cockpit_html(full)
    page = opened(text)
    expected = panels(full, View())
    assert len(expected) >= 16
    for one, panel in expected:
        card = page.locator(f"[data-name='{one.name}']")
        expect(card.locator("h3")).to_have_text(panel.title)
        expect(card.locator(".current")).to_have_text(panel.current)
        assert card.locator(".main-svg").count() > 0, one.name
    assert 1_500_000 < len(text) < 2_600_000
    assert page.title() == "full · Cockpit"
    assert page.locator(".fact", has_text="Step").locator("output").inner_text() == "119"
    expect(page.locator("#quiet")).to_have_text("No alerts")


def test_the_size_hardly_grows_with_the_run(full: RunLog, tmp_path: Path) -> None:
    long = RunLog(write_run(tmp_path / "long", steps=5_000, quantities=ECONOMY))
    assert len(cockpit_html(long)) < len(cockpit_html(full)) + 300_000


def test_help_full_screen_and_theme(full: RunLog, opened) -> None:
    page = opened(cockpit_html(full), color_scheme="dark")
    shown = "() => document.documentElement.dataset.mantineColorScheme"
    assert page.evaluate(shown) == "dark"
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(shown) == "light"
    paper = "() => document.querySelector('[data-name=loss] .plot').layout.paper_bgcolor"
    page.wait_for_function(f"() => ({paper})() === '#FFFFFF'")
    page.get_by_role("button", name="What Loss means").click()
    expect(page.locator(".popover:popover-open")).to_contain_text("What to do")
    page.keyboard.press("Escape")
    page.locator("[data-name=loss] .expand").click()
    page.wait_for_function(
        "() => document.querySelector('[data-name=loss] .main-svg').clientWidth > 900"
    )
    expect(page.locator("[data-name=alpha]")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("[data-name=alpha]")).to_be_visible()


def test_the_zoom_is_shared(full: RunLog, opened) -> None:
    page = opened(cockpit_html(full))
    plot = "document.querySelector('[data-name={}] .plot')"
    page.evaluate(f"() => Plotly.relayout({plot.format('loss')}, "
                  "{'xaxis.range[0]': 10, 'xaxis.range[1]': 30})")  # fmt: skip
    page.wait_for_function(
        f"() => {plot.format('grad_norm')}.layout.xaxis.range.join() === '10,30'"
    )


def test_the_numbers_are_in_it(full: RunLog, opened) -> None:
    page = opened(cockpit_html(full, View(step=40)))
    page.get_by_text("Numbers at step 40").click()
    row = page.get_by_role("row", name="Loss", exact=False).filter(has_text=re.compile("^Loss"))
    expect(row.first).to_contain_text(f"{full.series('Loss').value[40]:.9g}")


def test_one_instrument_alone(full: RunLog, opened) -> None:
    page = opened(cockpit_html(full, names=("alpha",), theme="light"))
    assert page.locator(".card").count() == 1


def test_hostile_names_are_text(tmp_path: Path, opened) -> None:
    names = tuple(HOSTILE)
    layers = tuple(Layer(name, (2,), name, name) for name in names)
    header = {**make_header(layers, ("Loss", "GradNorm")), "run": HOSTILE[0]}
    header["optimizer"] = {"name": HOSTILE[1], "groups": []}
    writer = LogWriter(tmp_path / "run", header)
    for step in range(5):
        values = {"Loss": Scalar(1.0, {"curvature": HOSTILE[2]})}
        values["GradNorm"] = PerLayer(1.0, (0.5,) * len(names), {HOSTILE[0]: HOSTILE[1]})
        values |= {name: Scalar(1.0, {"note": name}) for name in names}
        writer.step(step, values, time=0.1 * step, batch_size=4, lr=[0.1])
        writer.user(step, dict.fromkeys(names, 1.0), time=0.1 * step)
        writer.event("warning", "fault", HOSTILE[1], step=step, quantity=HOSTILE[0], time=0.1)
    writer.close()
    log = RunLog(tmp_path / "run")
    page = opened(cockpit_html(log, View(layers=names)))
    assert page.evaluate("() => window.hacked") is None
    assert page.locator("img, a[href^=javascript], svg[onload]").count() == 0
    assert page.locator("h1").inner_text() == log.name
    scripts = page.locator("script").evaluate_all("nodes => nodes.length")
    assert scripts == 4  # two of data, two that run


def test_a_foreign_script_in_the_file_does_not_run(full: RunLog, browser: Browser, tmp_path: Path):
    """The second line of defence: the policy knows the two scripts that are meant."""
    text = cockpit_html(full, names=("loss",))
    evil = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
    path = tmp_path / "evil.html"
    path.write_text(text.replace("</main>", f"{evil}</main>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_function(READY, timeout=90_000)  # several browsers on few cores
    assert page.evaluate("() => window.hacked") is None
    page.close()


def test_a_run_without_records_has_no_page(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path / "none", steps=0))
    with pytest.raises(NothingToShowError, match="no records yet"):
        cockpit_html(log)


def test_the_command(full: RunLog, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run, page, table = str(full.path), tmp_path / "new" / "a.html", tmp_path / "loss.csv"
    assert cli.main(["export", run, "-o", str(page), "--step", "30", "--log-x"]) == 0
    assert re.fullmatch(r".*a\.html \([\d,]+ kB\)\n", capsys.readouterr().out)
    assert "Numbers at step 30" in page.read_text(encoding="utf-8")
    assert cli.main(["export", run, "-o", str(table), "-i", "loss"]) == 0
    assert len(table.read_text(encoding="utf-8").splitlines()) == 121


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-o", "x.pdf"], "must end in .html or .csv. For .pdf, .png and .svg use cockpit plot"),
        (["-o", "x.csv"], "one instrument (-i NAME), got 0"),
        (["-o", "x.csv", "-i", "nothing"], "There is no instrument"),
        (["--layer", "nothing"], "no parameter 'nothing'"),
        (["--step", "-5"], "no records up to step -5"),
        (["--smoothing", "2"], "smoothing must be"),
    ],
)
def test_the_command_says_what_is_wrong(
    full: RunLog, arguments: list[str], reason: str, capsys: pytest.CaptureFixture,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", str(full.path), *arguments]) == 1
    assert reason in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
