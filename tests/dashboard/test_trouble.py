"""Broken logs, values that are no numbers, and hostile names."""

from __future__ import annotations

import http.client
import json
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cockpit.log import LogWriter
from cockpit.log.record import Layer, PerLayer, Scalar
from tests.dashboard.conftest import (
    Open,
    Serve,
)
from tests.synthetic import write_run

pytestmark = pytest.mark.browser

HOSTILE = [
    '<img src=x onerror="window.hacked=1">',
    "<script>window.hacked=1</script>",
    '"><svg onload=window.hacked=1>',
    "{{constructor.constructor('window.hacked=1')()}}",
    '<a href="javascript:window.hacked=1">click</a>',
    "a\u202eb\u0000\n'`${window.hacked=1}`",
]


def hostile_run(folder: Path) -> None:
    layers = [Layer(name, (2, 2), name, name) for name in HOSTILE]
    kinds = {name: {"kind": "per_layer", "tier": name} for name in [*HOSTILE, "GradNorm"]}
    header = {"run": HOSTILE[0], "layers": layers, "quantities": kinds, "config": {"a": HOSTILE[1]}}
    writer = LogWriter(folder, header)
    for step in range(30):
        value = PerLayer(1.0 + step, tuple(float(i + 1) for i in range(len(layers))))
        noted = PerLayer(
            value.value, value.layers, {"curvature": HOSTILE[0], "assumption": HOSTILE[1]}
        )
        values = dict.fromkeys([*HOSTILE, "GradNorm", "HessTrace", "TICDiag"], noted)
        values |= {
            "CABS": Scalar(3.0, {"assumption": HOSTILE[4]}),
            "HessMaxEV": Scalar(2.0, {"method": HOSTILE[0]}),
        }
        writer.step(step, values, time=0.1 * step)
        writer.user(
            step,
            dict.fromkeys([*HOSTILE, "epoch", f"{HOSTILE[0]}_loss"], step),
            time=0.1 * step,
        )
    for level in ("caution", "warning"):
        writer.event(level, HOSTILE[1], HOSTILE[0], step=1, quantity=HOSTILE[2], time=1.0)
    writer.end("failed", time=9.0, steps=30, message=HOSTILE[0])
    writer.close()


def test_names_and_texts_are_shown_and_never_run(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    name = '<img src=x onerror=window.hacked=1> "&amp;'
    hostile_run(tmp_path / name)
    page = open_page(serve(tmp_path))
    page.wait_for_timeout(1500)
    page.locator("#run").click()
    page.locator("[role=option]:visible").first.click()
    page.get_by_role("textbox", name="Layers").click()
    page.locator("[role=option]:visible").nth(0).click()
    page.locator("[role=option]:visible").nth(4).click()
    page.keyboard.press("Escape")
    for card in page.locator(".card").all():
        card.scroll_into_view_if_needed()
        card.locator(".plot").hover()
    page.wait_for_timeout(800)
    assert page.evaluate("() => window.hacked") is None
    assert page.locator("img, .card script, .card iframe, [onerror], [onload]").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.locator(".card", has_text="could not be drawn").count() == 0
    assert page.evaluate("() => cockpit.state.run") == name


@pytest.mark.parametrize("name", ["../secret", "..%2fsecret", "/etc/passwd", "none<b>"])
def test_an_unknown_run_is_said_so(
    tmp_path: Path, serve: Serve, open_page: Open, name: str
) -> None:
    write_run(tmp_path / "secret", steps=3)
    write_run(tmp_path / "runs" / "a", steps=3)
    url = serve(tmp_path / "runs")
    request = urllib.request.Request(
        f"{url}poll", json.dumps({"run": name}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        answer = json.load(reply)
    assert answer["missing"] is True
    assert set(answer) == {"now", "runs", "runs_stamp", "name", "missing"}
    page = open_page(f"{url}?run={name}", ready=False)
    page.get_by_text("There is no run").wait_for()


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "assets/../app.py", "assets/%2e%2e/app.py", "assets/..%2f..%2fLICENSE"],
)
def test_no_file_is_served_from_outside(tmp_path: Path, serve: Serve, path: str) -> None:
    write_run(tmp_path / "a", steps=2)
    connection = http.client.HTTPConnection(urlsplit(serve(tmp_path)).netloc, timeout=10)
    connection.request("GET", f"/{path}")
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    is_page = '<div id="react-entry-point">' in text  # the page itself, whatever the path
    assert is_page or reply.status in (400, 404)
