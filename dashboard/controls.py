"""Connects the controls to the page's state (``assets/80_controls.js``)."""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input

CONTROLS = {  # id: function
    "run": "run",
    "x": "x",
    "layers": "layers",
    "smoothing": "smoothing",
    "scrubber": "scrub",
    "theme": "theme",
    "refresh": "refresh",
}


def connect(app: Dash) -> None:
    """Let the browser hear of every control; none of them needs the server."""
    app.clientside_callback(ClientsideFunction("cockpit", "start"), Input("shell", "id"))
    for component, function in CONTROLS.items():
        app.clientside_callback(
            ClientsideFunction("cockpit", function),
            Input(component, "value"),
            prevent_initial_call=True,
        )
