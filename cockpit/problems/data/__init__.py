"""Data sets: found on this machine, or fetched once, checked and kept."""

from __future__ import annotations

from cockpit.problems.data import digits, fashion_mnist
from cockpit.problems.data.fetching import Progress, Report, fetch
from cockpit.problems.data.folders import candidates
from cockpit.problems.data.idx import IdxError
from cockpit.problems.data.images import Batches, ImageSet, Labeled, fit_images

__all__ = ["DATASETS", "Batches", "ImageSet", "Labeled", "fit_images", "load"]

DATASETS = ("fashion-mnist", "digits")


def load(
    name: str = "fashion-mnist",
    *,
    fallback: bool = False,
    report: Report = print,
    progress: Progress | None = None,
) -> ImageSet:
    """A data set by name.

    Looked for in ``$COCKPIT_DATA``, the cache folder and where Debian's package installs it;
    else fetched into the cache, from Debian's archive or from the web.

    Args:
        name: One of :data:`DATASETS`.
        fallback: Whether scikit-learn's digits may stand in; ``report`` is told so.
        report: Told in a line what is being done, and what went wrong.
        progress: Told how far a download has come.

    Raises:
        ValueError: If there is no such data set.
        FileNotFoundError: If the data can't be had, and nothing may stand in.
    """
    if name == "digits":
        return digits.read()
    if name != fashion_mnist.ORIGIN.name:
        raise ValueError(f"got data set {name!r}, expected one of {', '.join(DATASETS)}")
    for folder in candidates(fashion_mnist.ORIGIN):
        try:
            return fashion_mnist.read(folder)
        except IdxError as error:
            report(f"{error}; looking elsewhere")
    fetched = fetch(fashion_mnist.ORIGIN, report, progress)
    if fetched is not None:
        return fashion_mnist.read(fetched)
    if not fallback:
        raise FileNotFoundError(
            f"got no {fashion_mnist.ORIGIN.title} on this machine nor from the network; "
            "set $COCKPIT_DATA to a folder that holds it, or use the data set 'digits'"
        )
    report(
        "Fashion-MNIST could not be had: scikit-learn's digits (1,500 pictures of 8 × 8 pixels) "
        "stand in for it. What you see is not Fashion-MNIST."
    )
    return digits.read()
