"""Facts of where the labels stand among the model's outputs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from cockpit.backward.facts import scan
from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, plain
from cockpit.backward.facts.targets import MOST_CLASSES

__all__ = ["Labels", "labels_facts"]

MOST_LABELS = 1024  # of a step; of more (pixels, words), so many are taken, evenly spaced
IGNORED = -100  # torch's default, where the loss function is not known to have another one


def labels_facts(outputs: Tensor, labels: Tensor, ignored: int = IGNORED) -> Found:
    """How far down the labels stand when the classes are sorted by their outputs.

    Counting classes would not do, as rare ones may well stand at the end. So the classes are laid
    on [0, 1] in that order, each as wide as it is frequent in the batch, and a sample's own class
    has a place there; its share of each quarter is what is counted. Where labels say nothing of
    their samples all quarters get the same, however many classes there are and however frequent;
    where the model knows the labels the first gets it all.

    Args:
        outputs: Scores or logarithms of probabilities, shape [N, C, *].
        labels: Classes, shape [N, *], integers.
        ignored: A label that stands for none.
    """
    if outputs.dim() == 2 and scan.serves(outputs) and scan.serves(labels):
        given = scan.label_places(outputs, labels.long(), ignored, MOST_LABELS)
        return {"labels": Then(given, _shares)}
    places = _evenly(labels)
    y, classes = labels.reshape(-1)[places], outputs.shape[1]
    rows = outputs.movedim(1, -1)[torch.unravel_index(places, labels.shape)]
    known = (y >= 0) & (y < classes) & (y != ignored)
    y = y.long().clamp(0, classes - 1)
    own = rows.gather(1, y[:, None])
    known &= own[:, 0] == own[:, 0]  # of NaN, nothing is known
    weights = known.float()
    counts = weights.new_zeros(classes).scatter_add_(0, y, weights)
    frequencies = counts / counts.sum()
    better, not_worse = rows > own, rows >= own
    begin, end = (which.float() @ frequencies for which in (better, not_worse))
    edges = torch.linspace(0, 1, 5, device=begin.device)
    passed = ((edges - begin[:, None]) / (end - begin)[:, None]).clamp(0, 1)  # share before edges
    passed = torch.where(known[:, None], passed, 0.0)
    right = weights @ (not_worse.sum(1) == 1).float()
    return {"labels": Then([passed.sum(0).diff(), right, weights.sum()], _shares)}


def _evenly(labels: Tensor) -> Tensor:
    """Indices into the labels, evenly spaced if they are many."""
    count = labels.numel()
    taken = min(count, MOST_LABELS)
    return torch.arange(taken, device=labels.device) * count // taken


def _shares(quarters: np.ndarray, right: float, count: float) -> Found:
    if not count:
        return {}
    return {"labels.right": right / count, "labels.quarters": quarters / count}


class Labels(Group):
    """Facts of class labels beside the outputs for them."""

    name: ClassVar[str] = "labels"

    def before_backward(self, seen: Seen) -> Found:
        """Of a batch of classification: integers beside scores for each class."""
        outputs, labels = plain(seen.output), plain(seen.target)
        if outputs is None or labels is None or not labels.numel() or outputs.dim() < 2:
            return {}
        if labels.is_floating_point() or labels.dtype == torch.bool:
            return {}
        shape, classes = outputs.shape, outputs.shape[1]
        if not outputs.is_floating_point() or labels.shape != shape[:1] + shape[2:]:
            return {}
        if not 1 < classes <= MOST_CLASSES or outputs.device != labels.device:
            return {}
        ignored = getattr(seen.loss_fn, "ignore_index", IGNORED)
        return labels_facts(outputs, labels, ignored)
