"""A run whose every name and text tries to be more than a text."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from cockpit.log import LogWriter
from cockpit.log.record import Scalar
from cockpit.log.writer import Level
from cockpit.synthetic.course import Course
from cockpit.synthetic.layers import make_layers
from cockpit.synthetic.lines import time_of
from cockpit.synthetic.quantities import STEP_S, TRACKING_S
from cockpit.synthetic.stretch import BATCH_SIZE
from cockpit.synthetic.training import START, Training

# Markup for a browser, for plotly and for rich; escape sequences that clear a terminal, rename its
# window, ring its bell; letters that turn the text around, take no room, or take two columns.
TEXTS = (
    "<script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title = 'owned'\">",
    "[bold red]not red[/bold red] [link=http://example.com]no link[/link]",
    "$\\\\frac{1}{2}$ %{x} {{7*7}} ${7*7}",
    "\x1b[2J\x1b[31mescape\x1b[0m \x1b]0;owned\x07 \x9b31m",
    "\u202eturned around\u202c \u200bno\u200bwidth\ufeff",
    "one\nline\r\nafter\tanother\x00\x08\x7f",
    "../../etc/passwd",
    "名前 \N{FIRE}",
    "long " * 100,
)


def write_hostile_run(path: str | os.PathLike[str], steps: int = 200, seed: int = 0) -> Path:
    """Write a run whose names, notes and messages hold markup, escapes and control characters.

    Args:
        path: Folder of the run.
        steps: Tracked steps.
        seed: Of all its random numbers.

    Returns:
        The folder.
    """
    plain = make_layers(len(TEXTS))
    layers = tuple(replace(x, name=text, module=text) for x, text in zip(plain, TEXTS, strict=True))
    training = Training(Course(steps, seed), layers)
    head = {**training.header(START), "run": TEXTS[0], "optimizer": {"name": TEXTS[2]}}
    head["quantities"] |= {
        text: {"kind": "scalar", "tier": "on_request", "schedule": text, "parameters": {}}
        for text in TEXTS
    }
    writer = LogWriter(path, head)
    for row, step in enumerate(range(steps)):
        values = training.values(step)
        for i, text in enumerate(TEXTS):
            values[text] = Scalar(1.0 + i + row / steps, {"note": text, text: text})
        overhead = {"step_s": STEP_S, "tracking_s": TRACKING_S}
        time = time_of(row)
        writer.step(step, values, time=time, batch_size=BATCH_SIZE, lr=[0.05], overhead=overhead)
        if row % 20 == 0:
            said = {f"{text} loss": 2.0 - row / steps for text in TEXTS}
            writer.user(step, {"epoch": row // 50, **said, "comment": TEXTS[4]}, time=time)
    for i, text in enumerate(TEXTS):
        level: Level = "warning" if i % 2 else "caution"
        writer.event(level, text, text, step=i, quantity=text, time=time_of(steps))
        suggestion = {"change": text, "factor": 0.5, "value": None, "layers": [text]}
        lamp = {"lamp": text, "state": "on", "level": level, "since": i, "evidence": text,
                "numbers": {text: 1.0}, "layers": [text], "cause": None,
                "suggestion": suggestion}  # fmt: skip
        writer.lamp(i, lamp, time=time_of(steps))
    writer.end("failed", time=time_of(steps), steps=steps, message=" ".join(TEXTS))
    writer.close()
    return Path(path)
