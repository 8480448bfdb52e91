"""Maps of several runs side by side, in the same colors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cockpit.instruments.notes import joined
from cockpit.instruments.panel import Axis, Heatmap, Mark, Panel, Points
from cockpit.instruments.run_style import RunStyle
from cockpit.instruments.scales import choose_axis


def side_by_side(parts: Sequence[tuple[RunStyle, Panel]], most: int) -> Panel:
    """A panel of panels, one for each run that has the map.

    Args:
        parts: Style and panel of each run; the first one's title and axes name the whole.
        most: At most so many; the note counts the rest.
    """
    front = parts[0][1]
    able = [(s, p) for s, p in parts if _map(p) and p.x.label == front.x.label]
    shown = able[:most]
    maps = [one for _, panel in shown if (one := _map(panel))]
    spread = np.concatenate([one.z[np.isfinite(one.z)] for one in maps])
    x_axis = _covering([panel.x for _, panel in shown])
    scales = {one.scale for one in maps}
    scale = scales.pop() if len(scales) == 1 else choose_axis("", spread).scale

    def colored(mark: Mark) -> Mark:
        if isinstance(mark, Heatmap):
            return replace(mark, spread=spread, scale=scale)
        if isinstance(mark, Points) and mark.role != "warning":
            return replace(mark, role="muted")  # colors are those of the runs
        return mark

    made = tuple(
        replace(
            panel,
            title=style.label,
            role=style.role,
            x=replace(panel.x, range=x_axis) if x_axis else panel.x,
            marks=tuple(colored(mark) for mark in panel.marks),
            current="",
            note="",
            side={},
        )
        for style, panel in shown
    )
    more = len(able) - len(shown)
    without = len(parts) - len(able)
    note = joined(
        f"no room for {_runs(more)} more" if more else "",
        f"{_runs(without)} without it" if without else "",
    )
    return Panel(
        title=front.title,
        group=front.group,
        x=front.x,
        y=front.y,
        current=front.current,
        note=note,
        multiples=made,
    )


def _covering(axes: Sequence[Axis]) -> tuple[float, float] | None:
    """The range of all; none for axes that have ticks of their own, or an open range."""
    ranges = [axis.range for axis in axes if axis.range is not None and not axis.ticks]
    if len(ranges) < len(axes):
        return None
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"


def _map(panel: Panel) -> Heatmap | None:
    return next((mark for mark in panel.marks if isinstance(mark, Heatmap)), None)
