"""The synthetic runs that there are: one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.synthetic.hostile import write_hostile_run
from cockpit.synthetic.lamps import DEAD, SHOWN, TOO_LARGE
from cockpit.synthetic.layers import make_residual_layers
from cockpit.synthetic.run import write_run

RATES = (0.002, 0.01, 0.05, 0.2, 1.0)  # from too small to one that diverges
CHEAP = ("Loss", "Alpha", "Distance", "UpdateSize", "GradNorm", "Time", "NormTest", "InnerTest",
         "OrthoTest", "GradHist1d")  # fmt: skip
ALL_BUT_ARRAYS = (*CHEAP, "CABS", "EarlyStopping", "MeanGSNR", "HessTrace", "TICDiag", "TICTrace",
                  "HessMaxEV", "GradHist2d")  # fmt: skip
WATCHED = (*CHEAP, "CABS", "MeanGSNR", "HessTrace", "Facts")


@dataclass(frozen=True)
class Kind:
    """A synthetic run.

    Attributes:
        name: Of the run, and of its folder.
        shows: What there is to see, in a few words.
        settings: What it is written with.
        write: Writes it.
    """

    name: str
    shows: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    write: Callable[..., Path] = write_run


_LONG = {
    "steps": 1_000_000, "spike_at": 700_000, "layers": 4, "quantities": CHEAP,
    "every": {**dict.fromkeys(CHEAP, 10), "Loss": 1, "Alpha": 1, "GradHist1d": 20_000},
}  # fmt: skip
_DEEP = {
    "steps": 400, "layers": make_residual_layers(100), "fade": 9.0, "quantities": ALL_BUT_ARRAYS,
    "every": {"GradHist1d": 20, "GradHist2d": 100},
}  # fmt: skip

_TABLE = (
    Kind("healthy", "all is well: nothing is red or amber",
         {"steps": 1_000, "quantities": ALL_BUT_ARRAYS}),
    Kind("diverging", "from step 240 on the loss explodes: a warning, crosses where it is NaN",
         {"steps": 300, "diverge_at": 240, "quantities": ALL_BUT_ARRAYS}),
    Kind("nan", "one step is NaN, then all goes on",
         {"steps": 400, "nan_at": 250, "quantities": ALL_BUT_ARRAYS}),
    Kind("resumed", "killed at step 320, resumed at 300, an hour later",
         {"steps": 500, "resume_at": 300, "quantities": CHEAP}),
    Kind("lamps", "made-up lamps: one grows worse and goes out, one has a consequence",
         {"steps": 200, "quantities": CHEAP, "lamps": SHOWN}),
    Kind("lamp-warning", "a lamp names the cause: too large a learning rate, and what it explains",
         {"steps": 400, "lr": 0.35, "quantities": WATCHED, "lamps": TOO_LARGE}),
    Kind("lamp-caution", "a caution on dead units, and an advisory",
         {"steps": 400, "quantities": WATCHED, "lamps": DEAD}),
    Kind("lamps-dark", "lamps watch, and none is lit", {"steps": 400, "quantities": WATCHED}),
    Kind("torn", "killed while a record was written: its last line is torn",
         {"steps": 200, "torn": True, "silent_for": 900.0, "quantities": CHEAP}),
    Kind("stalled", "the log stopped growing an hour ago, without an end",
         {"steps": 250, "ends": False, "silent_for": 3600.0, "quantities": CHEAP}),
    Kind("deep", "a hundred layers; the gradient vanishes toward the first ones", _DEEP),
    Kind("million", "a million steps; one of them, 700,000, is a spike", _LONG),
    Kind("markup", "names, notes and messages full of markup and escape sequences",
         write=write_hostile_run),
    *(
        Kind(f"lr-{rate:g}", "one of five to compare: " + text,
             {"steps": 600, "lr": rate, "quantities": CHEAP, "diverge_at": diverge})
        for rate, text, diverge in zip(RATES, (
            "far too short steps", "short steps", "the usual learning rate",
            "bounces across the valley", "diverges at step 90",
        ), (None, None, None, None, 90), strict=True)
    ),
)  # fmt: skip

KINDS: dict[str, Kind] = {kind.name: kind for kind in _TABLE}


def write_kind(name: str, path: str | os.PathLike[str], **changes: Any) -> Path:
    """Write one of the synthetic runs.

    Args:
        name: One of ``KINDS``.
        path: Folder of the run.
        **changes: Settings in place of its own, e.g. ``steps=1000``.

    Returns:
        The folder.

    Raises:
        KeyError: If there is no such kind.
    """
    kind = KINDS[name]
    return kind.write(path, **{**kind.settings, **changes})
