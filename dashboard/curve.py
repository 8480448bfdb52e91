"""The course of a quantity in a few pixels, as SVG for pages without a script."""

from __future__ import annotations

from html import escape

from cockpit.instruments.sparkline import HEIGHT, WIDTH, Sparkline


def curve_svg(curve: Sparkline | None) -> str:
    """The curve, with the stretch that an alert is about; empty if there is none."""
    if curve is None:
        return ""
    said, rest = escape(curve.said), max(WIDTH - curve.since, 1)
    return (
        f'<figure class="curve" title="{said}"><svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'preserveAspectRatio="none" aria-label="{said}"><rect class="zone" x="{curve.since:g}" '
        f'width="{rest:g}" y="0" height="{HEIGHT:g}"></rect><path class="line" d="{curve.path}">'
        f"</path></svg><figcaption>{escape(curve.quantity)}</figcaption></figure>"
    )
