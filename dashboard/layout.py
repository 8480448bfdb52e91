"""The frame of the page: alerts, head, controls, and the four groups that the cards go into."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from cockpit.dashboard.identity import folder_id
from cockpit.instruments import GROUPS

FACTS = {  # id: label, explanation
    "step": ("Step", "The last tracked step"),
    "epoch": ("Epoch", "As logged with cockpit.log(step, epoch=…)"),
    "age": ("Data age", "Since the log last grew"),
    "duration": ("Training time", "From the start to the last record"),
    "overhead": ("Overhead", "Time for tracking, relative to the training step without it"),
    "attempt": ("Attempt", "How often this run was started"),
    "read": ("Log read", "Until all is read, an overview of some thousand records is shown"),
    "skipped": ("Lines skipped", "Lines of the log that could not be read"),
}
SHORTCUTS = {
    "f": "full screen for the instrument under the pointer",
    "← →": "previous, next instrument in full screen",
    "Esc": "back to all instruments",
    "l": "live: the latest step",
    "n": "numbers: the whole record at this step",
    "s e t": "horizontal axis: steps, epochs, time",
    "g": "horizontal axis: linear or logarithmic",
    "a": "all of the horizontal axis (undo zoom)",
    "d": "dark or light",
    "r": "the table of runs",
    "w": "lamps: which watch, which cannot tell",
    "?": "these options",
}


def layout(folder: str) -> dmc.MantineProvider:
    """The page without data.

    Args:
        folder: What is served, as the user named it.
    """
    return dmc.MantineProvider(
        id="mantine",
        theme={
            "fontFamily": "var(--font)",
            "primaryColor": "gray",
            "defaultRadius": "sm",
            "cursorType": "pointer",
        },
        children=html.Div(
            id="shell",
            children=[_top(folder), _messages(folder), _groups(), _options(), _table()],
            **{"data-folder": folder_id(folder)},
        ),
    )


def _top(folder: str) -> html.Div:
    return html.Div(
        className="top",
        children=[_alert_strip(), _head(folder), _compared(), _controls()],
    )


def _alert_strip() -> html.Section:
    return html.Section(
        className="strip",
        role="region",
        **_named("Alerts"),
        children=[
            html.Div(
                id="disconnected",
                hidden=True,
                role="alert",
                className="alert",
                **{"data-level": "caution"},
                children=[
                    html.Span("◆ disconnected", className="level"),
                    html.Div(
                        className="said",
                        children=[
                            html.P(
                                html.Span(
                                    "The server does not answer; trying again.", className="message"
                                )
                            ),
                            html.P(
                                html.Span(
                                    "What you see is the last that was received.",
                                    className="advice",
                                )
                            ),
                        ],
                    ),
                ],
            ),
            html.Ul(id="alerts", **{"aria-live": "polite"}),
            html.Div(
                className="strip-end",
                children=[
                    html.P("No alerts", id="quiet"),
                    html.Button(
                        "", id="lamps-button", type="button", className="text-button", hidden=True
                    ),
                ],
            ),
        ],
    )


def _head(folder: str) -> html.Header:
    facts = [
        html.Div(
            className="fact",
            title=explanation,
            hidden=True,
            children=[html.Span(label), html.Output(id=f"fact-{name}")],
        )
        for name, (label, explanation) in FACTS.items()
    ]
    return html.Header(
        className="head",
        children=[
            html.Div("Cockpit", className="brand", title=f"Runs in {folder}"),
            dmc.Select(
                id="run",
                data=[],
                searchable=True,
                allowDeselect=False,
                placeholder="Choose a run",
                nothingFoundMessage="No such run",
                size="sm",
                className="run",
                maxDropdownHeight=420,
                renderOption={"function": "cockpitRun"},
                comboboxProps={"width": 340, "position": "bottom-start"},
                **_named("Run"),
            ),
            html.Output("", id="fact-status", className="status"),
            html.Div(facts, className="facts"),
            html.Div(_head_tools(), className="head-tools"),
        ],
    )


def _compared() -> html.Ul:
    """The runs laid over each other, with their colors; the script fills it."""
    return html.Ul(id="compared", className="compared", hidden=True, **_named("Compared runs"))


def _table() -> html.Section:
    """The table of runs; the script fills it."""
    return html.Section(id="runs-table", className="runs-table", hidden=True, **_named("Runs"))


def _head_tools() -> list[Any]:
    return [
        html.Button("Runs", id="runs-button", type="button", className="quiet-button"),
        html.Button("Numbers", id="record-button", type="button", className="quiet-button"),
        html.Button("Export", id="export-button", type="button", className="quiet-button"),
        html.Button("Options", id="options-button", type="button", className="quiet-button"),
    ]


def _controls() -> html.Nav:
    return html.Nav(
        className="controls",
        **_named("View"),
        children=[
            _control("Axis", _axis(), "axis"),
            _control("Smoothing", _smoothing(), "smooth"),
            _control("Layers", _layers(), "layer"),
            _control("Step", _scrubber(), "scrub"),
        ],
    )


def _control(label: str, content: list[Any], kind: str) -> html.Div:
    return html.Div([html.Span(label, className="label"), *content], className=f"control {kind}")


def _axis() -> list[Any]:
    return [
        _choice("x", "Horizontal axis", {"step": "Step", "epoch": "Epoch", "time": "Time"}),
        html.Button(
            "Log",
            id="xscale",
            type="button",
            className="quiet-button",
            title="Logarithmic horizontal axis",
            **{"aria-pressed": "false"},
        ),
        html.Button("Undo zoom", id="whole", type="button", className="quiet-button", hidden=True),
    ]


def _smoothing() -> list[Any]:
    return [
        dmc.Slider(
            id="smoothing",
            min=0,
            max=99,
            value=0,
            size="xs",
            label=None,
            w=96,
            thumbLabel="Smoothing",
        ),
        html.Button(
            html.Span("auto", id="smoothing-text"),
            id="smoothing-auto",
            type="button",
            className="quiet-button",
            title="Let the instruments choose",
        ),
    ]


def _layers() -> list[Any]:
    return [
        dmc.MultiSelect(
            id="layers",
            data=[],
            searchable=True,
            clearable=True,
            hidePickedOptions=False,
            placeholder="Whole network",
            nothingFoundMessage="No such layer",
            size="xs",
            className="layers",
            maxDropdownHeight=420,
            **_named("Layers"),
        )
    ]


def _scrubber() -> list[Any]:
    return [
        dmc.Slider(
            id="scrubber",
            min=0,
            max=1,
            value=1,
            size="xs",
            updatemode="drag",
            className="scrubber",
            thumbLabel="Step that the distributions show",
        ),
        html.Output("latest step", id="scrubbed"),
        html.Button(
            "Live", id="live", type="button", className="quiet-button", **{"aria-pressed": "true"}
        ),
    ]


def _messages(folder: str) -> html.Div:
    return html.Div(
        [
            html.Div(
                id="missing",
                hidden=True,
                className="message-box",
                children=[
                    html.H2(id="missing-text"),
                    html.P(f"This page shows the runs in {folder}."),
                    html.P("A run appears here by itself as soon as it has begun:"),
                    html.Pre('cockpit = Cockpit(model, loss_fn, optimizer, logdir="runs/first")'),
                ],
            ),
            html.Div(
                id="nothing",
                hidden=True,
                className="message-box",
                children=[html.P("Nothing recorded yet. The first step appears here by itself.")],
            ),
        ]
    )


def _groups() -> html.Main:
    return html.Main(
        className="groups",
        children=[
            html.Section(
                hidden=True,
                className="group",
                **{"data-group": group},
                children=[html.H2(group.capitalize()), html.Div(className="grid")],
            )
            for group in GROUPS
        ],
    )


def _options() -> html.Div:
    rows = [
        html.Tr([html.Td([html.Kbd(k) for k in keys.split()]), html.Td(text)])
        for keys, text in SHORTCUTS.items()
    ]
    return html.Div(
        id="options",
        className="popover options",
        hidden=True,  # until the script has made a popover of it
        children=[
            html.H4("Theme"),
            _choice("theme", "Theme", {"system": "System", "light": "Light", "dark": "Dark"}),
            html.H4("Refresh"),
            _choice("refresh", "Refresh", {"normal": "Normal", "fast": "Fast"}),
            html.H4("Keys"),
            html.Table(html.Tbody(rows)),
        ],
    )


def _choice(name: str, label: str, values: dict[str, str]) -> dmc.SegmentedControl:
    return dmc.SegmentedControl(
        id=name,
        size="xs",
        value=next(iter(values)),
        data=[{"value": value, "label": text} for value, text in values.items()],
        **_named(label),
    )


def _named(label: str) -> dict[str, str]:
    return {"aria-label": label}
