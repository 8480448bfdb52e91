"""Data sets: found on this machine, or fetched once, checked and kept; or drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cockpit.problems.data import bible, cifar, digits, draws, fashion_mnist, mnist, svhn
from cockpit.problems.data import war_and_peace as wp
from cockpit.problems.data.batches import Batches
from cockpit.problems.data.fetching import Progress, Report
from cockpit.problems.data.framing import fit_images
from cockpit.problems.data.images import ImageSet, Labeled
from cockpit.problems.data.sets import DataSet, Pairs, PairSet, Samples
from cockpit.problems.data.sources import OwnText, Source
from cockpit.problems.data.texts import TextSet

__all__ = [
    "SOURCES", "Batches", "DataSet", "ImageSet", "Labeled", "PairSet", "Pairs", "Samples",
    "TextSet", "fit_images", "load", "source",
]  # fmt: skip

SOURCES: dict[str, Source] = {
    each.name: each
    for each in (
        mnist.SOURCE,
        fashion_mnist.SOURCE,
        *cifar.SOURCES,
        svhn.SOURCE,
        digits.SOURCE,
        wp.SOURCE,
        bible.SOURCE,
        *draws.SOURCES,
    )
}


def source(name: str) -> Source:
    """Where a data set comes from: one of :data:`SOURCES`, or a text file by its path.

    Raises:
        ValueError: If there is no such data set and no such file.
    """
    if name in SOURCES:
        return SOURCES[name]
    path = Path(name).expanduser()
    if path.is_file():
        return OwnText(path)
    raise ValueError(
        f"got data set {name!r}, expected one of {', '.join(SOURCES)}, or the path of a text file"
    )


def load(
    name: str = "fashion-mnist",
    *,
    fallback: bool = False,
    report: Report = print,
    progress: Progress | None = None,
) -> Any:
    """A data set by name.

    Looked for in ``$COCKPIT_DATA``, the cache folder and where Debian's package installs it;
    else fetched into the cache, from Debian's archive or from the web.

    Args:
        name: One of :data:`SOURCES`, or the path of a text file.
        fallback: Whether scikit-learn's digits may stand in for other images; ``report`` is told.
        report: Told in a line what is being done, and what went wrong.
        progress: Told how far a download has come.

    Returns:
        A :class:`DataSet`; which one, the name decides.

    Raises:
        ValueError: If there is no such data set.
        FileNotFoundError: If the data can't be had, and nothing may stand in.
    """
    wanted = source(name)
    try:
        return wanted.load(report, progress)
    except FileNotFoundError:
        if not (fallback and issubclass(wanted.makes, ImageSet)):
            raise
    report(
        f"{wanted.title} could not be had: scikit-learn's digits (1,500 pictures of 8 × 8 pixels) "
        f"stand in for it. What you see is not {wanted.title}."
    )
    return digits.read()
