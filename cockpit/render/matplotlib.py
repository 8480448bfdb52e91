"""Panels and whole runs as figures for print, by matplotlib."""

from __future__ import annotations

from cockpit.render.matplotlib_page import cockpit_figure, comparison_figure
from cockpit.render.matplotlib_panel import CockpitFigure, draw, panel_figure

__all__ = ["CockpitFigure", "cockpit_figure", "comparison_figure", "draw", "panel_figure"]
