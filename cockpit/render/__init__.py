"""Renderers: panels become figures."""
