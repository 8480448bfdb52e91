"""Pictures of a run from Python: ``cockpit.plot(run)`` and ``cockpit.show(run)``.

Works on the log alone, during training and long after it; needs no torch.
"""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.instruments import NothingToShowError, View, get
from cockpit.instruments.compare import compared_panels
from cockpit.instruments.layers import layer_quantities
from cockpit.instruments.run_style import RunStyle
from cockpit.log import RunLog

if TYPE_CHECKING:
    from cockpit.render.matplotlib import CockpitFigure


def plot(
    run: Any,
    instrument: str | Sequence[str] | None = None,
    step: int | None = None,
    *,
    theme: str = "print",
    view: View | None = None,
) -> CockpitFigure:
    """Draw a run: the whole cockpit, or the instruments named; or several runs in one picture.

    Args:
        run: Folder of the run, its log file, a :class:`~cockpit.log.RunLog`, or a ``Cockpit``; or
            a list of these, to compare them.
        instrument: Name of an instrument (``"alpha"``), or several; ``None`` draws all.
        step: Show the run as of this step; ``None``: as of the last one.
        theme: ``print``, ``light`` or ``dark``.
        view: More choices: horizontal axis, smoothing, layers. ``step`` overrides its step.

    Returns:
        A matplotlib figure: ``.savefig("view.pdf")``. A notebook shows it.

    Raises:
        FileNotFoundError: If there is no such run.
        UnknownInstrumentError: If there is no such instrument; the message lists them.
        NothingToShowError: If the run has no records of it.
        ValueError: If the theme, a layer or the quantity of the view does not exist.
    """
    from cockpit.render.matplotlib import cockpit_figure, panel_figure

    view = view or View()
    if step is not None:
        view = replace(view, step=step)
    if isinstance(run, list | tuple):
        return _plot_several([_open(one) for one in run], instrument, view, theme)
    log = _open(run)
    check(log, view)
    if instrument is None or not isinstance(instrument, str):
        return cockpit_figure(log, view, theme, tuple(instrument or ()))
    panel = get(instrument, log)(log, view)
    if panel is None:
        raise NothingToShowError(f"Run {log.name!r} ({log.path}) has no records for {instrument}.")
    return panel_figure(panel, theme)


def _plot_several(
    logs: Sequence[RunLog], instrument: str | Sequence[str] | None, view: View, theme: str
) -> CockpitFigure:
    """Several runs laid over each other; the first is the one in front."""
    from cockpit.render.matplotlib import comparison_figure, panel_figure

    if not logs:
        raise ValueError("plot needs at least one run; got an empty list.")
    check(logs[0], view)
    labels = run_labels([log.path.resolve().parent for log in logs])
    runs = [
        (RunStyle(label, i), log) for i, (label, log) in enumerate(zip(labels, logs, strict=True))
    ]
    if instrument is None or not isinstance(instrument, str):
        return comparison_figure(runs, view, theme, tuple(instrument or ()))
    ((_, panel),) = compared_panels(runs, view, [instrument])
    return panel_figure(panel, theme)


def run_labels(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell runs apart, one for each.

    >>> run_labels([Path("a/x/run"), Path("b/x/run"), Path("c")])
    ['a/x/run', 'b/x/run', 'c']
    """
    for length in range(1, max(len(folder.parts) for folder in folders) + 1):
        labels = ["/".join(folder.parts[-length:]) for folder in folders]
        if len(set(labels)) == len(set(folders)):
            break
    return labels


def show(
    run: Any,
    instrument: str | Sequence[str] | None = None,
    step: int | None = None,
    *,
    theme: str = "system",
    view: View | None = None,
    live: bool = False,
    height: int = 900,
) -> None:
    """Look at a run: in the notebook, or, elsewhere, in the browser.

    What is shown is a page of its own that needs no server and stays in the saved notebook. A run
    that goes on is shown as it is now; ``live=True`` shows the live page, which ends with this
    process.

    Args:
        run: As for :func:`plot`.
        instrument: As for :func:`plot`.
        step: As for :func:`plot`.
        theme: ``light``, ``dark``, or ``system``: as the browser has it.
        view: As for :func:`plot`.
        live: Serve the live page on this machine instead; it has controls of its own for the rest.
        height: Of the page in a notebook, in pixels.

    Raises:
        FileNotFoundError: If there is no such run.
        NothingToShowError: If the run has no records of it.
    """
    log = _open(run)
    if live:
        from cockpit.dashboard import start_background

        address = start_background(log.path.parent)
        frame = f'src="{address}"'
    else:
        path, text = _page(log, instrument, step, theme, view)
        address = path.as_uri()
        frame = f'srcdoc="{escape(text)}" sandbox="allow-scripts allow-downloads"'
    style = f"width: 100%; height: {int(height)}px; border: 0"
    if _display_html(f'<iframe {frame} style="{style}" title="Cockpit"></iframe>'):
        return
    webbrowser.open(address)
    print(f"Cockpit: {address}")


def _page(
    log: RunLog,
    instrument: str | Sequence[str] | None,
    step: int | None,
    theme: str,
    view: View | None,
) -> tuple[Path, str]:
    """The run as a page of its own: where it was written, and its text."""
    from cockpit.dashboard.standalone import cockpit_html

    view = view or View()
    if step is not None:
        view = replace(view, step=step)
    check(log, view)
    names = (instrument,) if isinstance(instrument, str) else tuple(instrument or ())
    text = cockpit_html(log, view, names, theme=theme)
    path = Path(tempfile.mkdtemp(prefix="cockpit-")) / "view.html"
    path.write_text(text, encoding="utf-8")
    return path, text


def _display_html(text: str) -> bool:
    """Show HTML in the notebook; False where there is none (a terminal cannot show it)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if ipython is None or not hasattr(shell, "kernel"):
        return False
    ipython.display.display({"text/html": text}, raw=True)
    return True


def check(log: RunLog, view: View) -> None:
    """Check that the run has what a view asks for.

    Raises:
        NothingToShowError: If there is no record up to its step.
        ValueError: If there is no such layer, or no per-layer quantity of that name.
    """
    if view.step is not None and log.record(view.step) is None:
        raise NothingToShowError(f"Run {log.name!r} has no records up to step {view.step}.")
    known = [layer.name for layer in log.layers]
    unknown = [name for name in view.layers or () if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=3, cutoff=0.4) or known[:3]
        raise ValueError(
            f"Run {log.name!r} has no parameter {unknown[0]!r}. There are {len(known)}, "
            f"for example: {', '.join(near)}."
        )
    measured = layer_quantities(log)
    if view.quantity is not None and view.quantity not in measured:
        raise ValueError(
            f"Run {log.name!r} has no per-layer values of {view.quantity!r}. "
            f"It has those of: {', '.join(measured) or 'none'}."
        )


def _open(run: Any) -> RunLog:
    """The log of what was given."""
    if isinstance(run, RunLog):
        return run
    folder = getattr(run, "logdir", run)
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(
            f"plot needs the folder of a run, a RunLog or a Cockpit; got {type(run).__name__}."
        )
    return RunLog(folder)
