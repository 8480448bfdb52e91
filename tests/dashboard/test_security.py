"""A run folder is data from elsewhere, and so is every request.

Names and texts, paths, links, broken and oversized files, and who is answered at all.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest

from cockpit.dashboard.app import create_app
from cockpit.log import LogWriter
from cockpit.log.record import Layer, PerLayer, Scalar
from tests.dashboard.asking import get, poll
from tests.dashboard.conftest import ECONOMY, Open, Serve
from tests.synthetic import write_run

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


@pytest.mark.browser
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


@pytest.mark.browser
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
    "body",
    [
        [],
        {"view": 3},
        {"run": ["a"]},
        {"panels": {"alpha": "x"}},
        {"panels": [1]},
        {"run": "x" * 2000},
    ],
)
def test_malformed_questions_are_refused(tmp_path: Path, serve: Serve, body: object) -> None:
    assert poll(serve(tmp_path), body)[0] == 400


@pytest.mark.parametrize(
    "view",
    [
        {"step": "1; drop", "x": "<b>", "smoothing": "NaN", "window": [5, 1], "layers": "all"},
        {"step": -5, "smoothing": 1e300, "window": [0, "1"], "layers": [None, "../x"]},
        {"step": 1e300, "x": None, "quantity": "Loss</script>", "focus": 1},
    ],
)
def test_odd_views_are_answered_with_the_nearest_sane_one(
    tmp_path: Path, serve: Serve, view: dict[str, object]
) -> None:
    write_run(tmp_path / "a", steps=20, quantities=ECONOMY)
    status, text = poll(serve(tmp_path), {"run": "a", "view": view})
    assert status == 200
    assert "could not be drawn" not in text


def test_only_loopback_names_are_answered(tmp_path: Path, serve: Serve) -> None:
    url = serve(tmp_path)
    assert get(url)[0] == 200
    status, text = get(url, Host="evil.example:8050")
    assert status == 403
    assert "localhost only" in text


def test_headers_forbid_what_the_page_does_not_need(tmp_path: Path, serve: Serve) -> None:
    with urllib.request.urlopen(serve(tmp_path), timeout=10) as reply:
        policy = reply.headers["Content-Security-Policy"]
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in script
    assert "default-src 'self'" in policy


def test_off_loopback_a_token_is_demanded(tmp_path: Path, serve: Serve) -> None:
    write_run(tmp_path / "a", steps=5, quantities=("Loss",))
    url = serve(tmp_path, host="0.0.0.0").replace("0.0.0.0", "127.0.0.1")
    bare, _, token = url.partition("?token=")
    assert len(token) > 20
    assert get(bare)[0] == 401
    assert get(f"{bare}identity")[0] == 401
    assert poll(bare, {"run": "a"})[0] == 401
    assert get(f"{bare}?token=wrong")[0] == 401
    status, text = get(url)  # with cookies: the token moves into one
    assert status == 200
    assert "Cockpit" in text


def test_below_a_prefix_a_token_is_demanded_too(tmp_path: Path, serve: Serve) -> None:
    url = serve(tmp_path, prefix="proxy/cockpit")
    bare = url.partition("?")[0]
    assert bare.endswith("/proxy/cockpit/")
    assert get(bare)[0] == 401
    status, text = get(url, Host="portal.example")  # the proxy's name, not ours
    assert status == 200
    assert "/proxy/cockpit/plotly.min.js" in text


def raw(url: str, method: str, target: str) -> tuple[int, bytes]:
    """A request whose target is sent as it is; clients would tidy it up."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.putrequest(method, target, skip_accept_encoding=True)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply.status, content


UPWARDS = (
    "../{}", "..%2f{}", "%2e%2e/{}", "%2e%2e%2f{}", "..%5c{}", "....//{}", "%252e%252e%252f{}",
    "..%00/{}", "/{}", "x/../../{}",
)  # fmt: skip


def routes(folder: Path, method: str) -> list[str]:
    """Every route of the page that answers to a method, with ``{}`` in the place of arguments."""
    rules = create_app(folder).server.url_map.iter_rules()
    found = sorted({r.rule for r in rules if method in (r.methods or ())})
    return [rule.partition("<")[0] + "{}" if "<" in rule else f"{rule.rstrip('/')}/{{}}"
            for rule in found]  # fmt: skip


def test_no_route_leads_out_of_the_folder(tmp_path: Path, serve: Serve) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    write_run(tmp_path / "runs" / "a", steps=2)
    url = serve(tmp_path / "runs")
    tried = 0
    for method in ("GET", "POST"):
        for route in routes(tmp_path / "runs", method):
            for up in UPWARDS:
                for goal in ("secret.txt", str(secret), "etc/passwd", "pyproject.toml"):
                    status, content = raw(url, method, route.format(up.format(goal)))
                    tried += 1
                    assert b"the secret" not in content
                    assert b"root:" not in content
                    assert b"[project]" not in content
                    is_page = b'<div id="react-entry-point">' in content  # whatever the path
                    assert is_page or status >= 400, (method, route, up, goal)
    assert tried > 300


def test_every_route_demands_the_token(tmp_path: Path, serve: Serve) -> None:
    url = serve(tmp_path, host="0.0.0.0").replace("0.0.0.0", "127.0.0.1").partition("?")[0]
    for method in ("GET", "POST"):
        for route in routes(tmp_path, method):
            for target in (route.format(""), route.format("x"), route.format("x?token=wrong")):
                status, content = raw(url, method, target)
                assert status in (401, 404), (method, target)
                assert b"token" in content or status == 404


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path, serve: Serve) -> None:
    write_run(tmp_path / "secret", steps=2)
    write_run(tmp_path / "runs" / "a", steps=2)
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "runs" / "up").symlink_to("..")
    (tmp_path / "runs" / "b").mkdir()
    (tmp_path / "runs" / "b" / "log.jsonl").symlink_to(tmp_path / "secret" / "log.jsonl")
    url = serve(tmp_path / "runs")
    reply = json.loads(poll(url, {"run": "a"})[1])
    assert [run["name"] for run in reply["runs"]] == ["a"]
    for name in ("link", "up/secret", "b", "link/../../secret"):
        assert json.loads(poll(url, {"run": name})[1])["missing"] is True


def resident_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


@pytest.mark.parametrize("beginning", [b"", b'{"type":"step","step":1,"values":{}}\n'])
def test_ten_gigabytes_hold_up_nothing(tmp_path: Path, serve: Serve, beginning: bytes) -> None:
    write_run(tmp_path / "good", steps=20, quantities=ECONOMY)
    (tmp_path / "huge").mkdir()
    huge = tmp_path / "huge" / "log.jsonl"
    huge.write_bytes(beginning)
    os.truncate(huge, 10 * 2**30)  # zeros, that take no room on the disk
    before = resident_mb()
    url = serve(tmp_path)
    started = time.perf_counter()
    status, text = poll(url, {"run": "huge"})
    assert status == 200
    assert json.loads(text)["facts"]["step"] == (1 if beginning else None)
    assert json.loads(poll(url, {"run": "good"})[1])["facts"]["step"] == 19
    assert time.perf_counter() - started < 20
    assert resident_mb() - before < 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 1000,
        np.random.default_rng(0).bytes(200_000),
        b"[" * 2_000_000,
        b'{"type":"header","layers":' + b'[{"name":' * 1000,
        b'{"type":"step","step":1,"values":{"\\ud800":{"kind":"scalar","value":1}}}\n' * 50,
        b'{"type":"header","layers":[{"name":"a","shape":[9999999999,9999999999]}]}\n',
        b'{"type":"step","step":4611686018427387904,"values":{"Loss":{"kind":"scalar","value":1e308'
        b'}}}\n{"type":"step","step":0,"values":{"Loss":{"kind":"scalar","value":-1e308}}}\n',
    ],
    ids=["empty", "zeros", "random", "deep", "deep header", "surrogates", "large", "far apart"],
)
def test_a_broken_log_is_answered(tmp_path: Path, serve: Serve, content: bytes) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "log.jsonl").write_bytes(content)
    url = serve(tmp_path)
    for view in ({}, {"x": "time"}, {"x": "epoch", "window": [0, 5], "step": 3}):
        status, text = poll(url, {"run": "broken", "view": view})
        assert status == 200
        assert "could not be drawn" not in text
        assert "facts" in json.loads(text)
