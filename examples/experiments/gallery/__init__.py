"""What the experiments share: their form, their runs, their page."""

from examples.experiments.gallery.claim import Claim, Interval, above, below, both, interval
from examples.experiments.gallery.command import main
from examples.experiments.gallery.effort import FULL, QUICK, Effort
from examples.experiments.gallery.picture import COLORS, label, picture
from examples.experiments.gallery.runs import Runs

__all__ = [
    "COLORS", "FULL", "QUICK", "Claim", "Effort", "Interval", "Runs", "above", "below",
    "both", "interval", "label", "main", "picture",
]  # fmt: skip
