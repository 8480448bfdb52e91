"""What the page gets to hear: only what changed since it last asked."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from cockpit.dashboard.comparing import Group, gather
from cockpit.dashboard.lamps import lamps
from cockpit.dashboard.numbers import numbers
from cockpit.dashboard.question import Question, make_view
from cockpit.dashboard.runs import OpenRun, RunIndex, UnknownRunError
from cockpit.instruments import Instrument
from cockpit.instruments.alerts import alerts
from cockpit.instruments.grouping import GROUPINGS, group_names
from cockpit.instruments.layers import layer_quantities
from cockpit.lamps.outcome import Outcome
from cockpit.log import RunLog, spill


def answer(index: RunIndex, question: Question) -> str:
    """The reply to one poll, as JSON.

    Its parts, each left out where the page has it already: ``runs`` (the list) and their
    ``table``, ``facts`` about the run, how its ``lamps`` stand, what it ``offers`` to choose from,
    and ``panels``.
    ``absent`` names runs to compare that are not there. What ends in ``_stamp`` names the state
    of a part, for the next question.
    """
    parts: dict[str, str] = {"now": json.dumps(round(time.time(), 2))}
    summaries = index.summaries()
    parts |= _unless_known("runs", summaries, question.runs)
    name = question.run or (str(summaries[0]["name"]) if summaries else "")
    parts["name"] = json.dumps(name)
    if question.table is not None:
        parts |= _unless_known("table", index.table(), question.table)
    try:
        group = gather(index, name, question.compare)
    except UnknownRunError:
        return _object(parts | {"missing": "true"})
    if group.absent:
        parts["absent"] = json.dumps(group.absent)
    with group.locked():
        parts |= _run_parts(group, question)
    spill.release()  # what was looked at is not needed until the next question
    return _object(parts)


def _run_parts(group: Group, question: Question) -> dict[str, str]:
    instruments = group.instruments()
    stamp = group.stamp
    parts = {"stamp": json.dumps(stamp)}
    if stamp != question.stamp:
        outcome = Outcome.of_log(group.run.log)
        parts["facts"] = json.dumps(facts(group.run, outcome))
        parts |= _unless_known("lamps", lamps(outcome), question.lamps)
        parts |= _unless_known("offers", offers(group.run.log, instruments), question.offers)
    drawn = _panels(group, instruments, question)
    if drawn:
        parts["panels"] = _object(drawn)
    return parts | _numbers(group, instruments, question)


def _numbers(
    group: Group, instruments: tuple[Instrument, ...], question: Question
) -> dict[str, str]:
    """The table of numbers, if one is on the page and may have changed."""
    wish = question.numbers
    if wish is None or wish.stamp == group.stamp:
        return {}
    chosen = next((one for one in instruments if one.name == wish.instrument), None)
    log = group.run.log
    view = make_view(question.view, log)
    return _unless_known("numbers", numbers(log, view, chosen, wish.search), wish.digest)


def _unless_known(name: str, content: Any, known: str) -> dict[str, str]:
    """A part of the reply and its stamp; nothing where the page has it."""
    text = json.dumps(content)
    stamp = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return {} if stamp == known else {name: text, f"{name}_stamp": json.dumps(stamp)}


def _panels(
    group: Group, instruments: tuple[Instrument, ...], question: Question
) -> dict[str, str]:
    """For each wanted instrument that may have changed: its digest, and the panel if it did."""
    drawn = {}
    now = group.stamp
    for one in instruments:
        if question.panels is not None and one.name not in question.panels:
            continue
        stamp, digest = (question.panels or {}).get(one.name, ("", ""))
        if stamp == now:
            continue
        drawing = group.drawing(one, question)
        panel = {} if drawing.digest == digest else {"panel": drawing.text}
        drawn[one.name] = _object({"digest": json.dumps(drawing.digest)} | panel)
    return drawn


def facts(run: OpenRun, outcome: Outcome) -> dict[str, Any]:
    """What the head of the page says about a run."""
    log = run.log
    return {
        "status": log.status,
        "step": log.last_step,
        "epoch": _last(log, "epoch"),
        "changed": run.changed(),
        "duration": log.duration,
        "overhead": _overhead(log),
        "attempts": log.attempts,
        "skipped": log.skipped_lines,
        "read": run.reading.share,
        "alerts": alerts(log, outcome),
    }


def offers(log: RunLog, instruments: tuple[Instrument, ...]) -> dict[str, Any]:
    """What the controls let a user choose from."""
    return {
        "instruments": [_describe(one) for one in instruments],
        "layers": [layer.name for layer in log.layers],
        "groups": {key: group_names(log.layers, key) for key in GROUPINGS},
        "types": [layer.module_type for layer in log.layers],
        "quantities": list(layer_quantities(log)),
        "epochs": "epoch" in log.user_names,
    }


def _last(log: RunLog, name: str) -> float | None:
    values = log.user_series(name).value if name in log.user_names else np.zeros(0)
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else None


def _overhead(log: RunLog) -> float | None:
    values = log.overhead_so_far.value
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else None


def _describe(instrument: Instrument) -> dict[str, Any]:
    return {
        "name": instrument.name,
        "title": instrument.title,
        "group": instrument.group,
        "help": asdict(instrument.help),
        "companions": instrument.companions,
    }


def _object(parts: dict[str, str]) -> str:
    """A JSON object of values that are JSON already."""
    return "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in parts.items()) + "}"
