"""The app: Dash for the frame and the controls, two routes for the data."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from dash import Dash
from flask import Flask, Response, jsonify, request
from plotly.offline import get_plotlyjs

from cockpit.dashboard.answer import answer
from cockpit.dashboard.colors import stylesheet
from cockpit.dashboard.controls import connect
from cockpit.dashboard.downloads import add_downloads
from cockpit.dashboard.identity import folder_id
from cockpit.dashboard.layout import layout
from cockpit.dashboard.question import BadQuestionError, parse
from cockpit.dashboard.runs import RunIndex
from cockpit.dashboard.security import protect

MAX_QUESTION_BYTES = 1 << 18
ZIPPED_FROM_BYTES = 1000
A_DAY_S = 86_400


def create_app(folder: str | Path, *, token: str | None = None, prefix: str = "/") -> Dash:
    """The page for the runs in a folder.

    Args:
        folder: A folder with runs, or one run.
        token: Demanded of every request, if given.
        prefix: Path under which a proxy serves the page.

    Raises:
        NotADirectoryError: If there is no such folder.
    """
    index = RunIndex(folder)
    prefix = f"/{prefix.strip('/')}/".replace("//", "/")
    app = Dash(
        __name__,
        assets_folder=str(Path(__file__).parent / "assets"),
        assets_ignore=r"^\.",
        url_base_pathname=prefix,
        external_scripts=[f"{prefix}plotly.min.js"],
        external_stylesheets=[f"{prefix}colors.css"],
        title="Cockpit",
        update_title=None,
        add_log_handler=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        enable_mcp=False,
    )
    app.layout = layout(str(folder))
    connect(app)
    _add_routes(app.server, index, prefix)
    protect(app.server, token, app.csp_hashes())
    return app


def _add_routes(server: Flask, index: RunIndex, prefix: str) -> None:
    server.config["MAX_CONTENT_LENGTH"] = MAX_QUESTION_BYTES

    @server.post(f"{prefix}poll")
    def poll() -> Response | tuple[str, int]:
        try:
            question = parse(request.get_json())
        except BadQuestionError as error:
            return str(error), 400
        return _zipped(Response(answer(index, question), mimetype="application/json"))

    add_downloads(server, index, prefix)

    @server.get(f"{prefix}identity")
    def identity() -> Response:
        return jsonify(app="cockpit", folder=folder_id(index.folder))

    @server.get(f"{prefix}colors.css")
    def colors() -> Response:
        return Response(stylesheet(), mimetype="text/css")

    @server.get(f"{prefix}plotly.min.js")
    def plotly_js() -> Response:
        zipped = "gzip" in request.headers.get("Accept-Encoding", "")
        response = Response(_plotly_js(zipped), mimetype="text/javascript")
        response.headers["Cache-Control"] = f"private, max-age={A_DAY_S}"
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        return response


def _zipped(response: Response) -> Response:
    """A long answer in less than half of its bytes, for a few milliseconds: tunnels are slow."""
    content = response.get_data()
    if len(content) > ZIPPED_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.set_data(gzip.compress(content, compresslevel=1))
        response.headers["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=2)
def _plotly_js(zipped: bool) -> bytes:
    """plotly.js as plotly.py brings it: nothing comes from another host."""
    script = get_plotlyjs().encode()
    return gzip.compress(script, compresslevel=5) if zipped else script
