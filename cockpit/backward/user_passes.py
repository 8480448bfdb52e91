"""Sees the backward passes that the user's code begins, and what they begin from.

A hook on a tensor tells what arrives there: not what else is differentiated with it, nor by whom.
All ways to torch's engine (``loss.backward()``, ``torch.autograd.grad``) lead through one function
of ``torch.autograd``. It is replaced as long as somebody watches, in any thread; passes are
reported to those who watch in the thread that begins them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["UserPass", "Watcher", "inside_backward", "own_pass", "watched"]

ENTRY = "_engine_run_backward"


@dataclass(frozen=True)
class UserPass:
    """One backward pass.

    Attributes:
        roots: What is differentiated, each with the gradient that it begins with (``None``: 1).
        accumulates: Whether it adds to the leaves' ``.grad``.
    """

    roots: tuple[tuple[Tensor, Tensor | None], ...]
    accumulates: bool


class Watcher(Protocol):
    """Is told of the user's passes."""

    def before(self, begun: UserPass) -> None:
        """It is about to run."""

    def during(self) -> None:
        """It runs from now on: all who watch have been told."""

    def after(self) -> None:
        """It is over, or has failed."""


class _Watch(threading.local):
    """Of one thread: who watches, how deep it is in Cockpit's own passes, whether one is told."""

    def __init__(self) -> None:
        self.watchers: list[Watcher] = []
        self.own = 0
        self.reporting = False


class _Entry:
    """Stands for the function of torch while anybody watches."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._original: Any = None
        self._stand_in: Any = None

    def enter(self) -> None:
        """Watch from now on. Without the function nothing is seen, so nothing is recorded."""
        with self._lock:
            self._users += 1
            if self._users == 1 and hasattr(torch.autograd, ENTRY):
                self._original = getattr(torch.autograd, ENTRY)
                self._stand_in = _reporting(self._original)
                setattr(torch.autograd, ENTRY, self._stand_in)

    def leave(self) -> None:
        """Put torch's function back, unless somebody else has put another there."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and getattr(torch.autograd, ENTRY, None) is self._stand_in:
                setattr(torch.autograd, ENTRY, self._original)


_watch, _entry = _Watch(), _Entry()


def inside_backward() -> bool:
    """Whether a backward pass runs at present, and this is called from one of its hooks."""
    return torch._C._current_graph_task_id() != -1


@contextmanager
def own_pass() -> Iterator[None]:
    """Report no pass that begins inside, to nobody."""
    _watch.own += 1
    try:
        yield
    finally:
        _watch.own -= 1


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Report the passes of this thread that begin inside, but for Cockpit's own."""
    watchers = _watch.watchers  # of this thread; the context may be left in another one
    _entry.enter()
    watchers.append(watcher)
    try:
        yield
    finally:
        watchers.remove(watcher)
        _entry.leave()


def _reporting(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_and_report(roots: Sequence[Any], grads: Sequence[Any], *args: Any, **kw: Any) -> Any:
        # A pass inside a pass (reentrant checkpoints) is a part of that. Where somebody else has
        # wrapped the function meanwhile, an older stand-in is called by a newer one.
        if _watch.own or _watch.reporting or not _watch.watchers or inside_backward():
            return run(roots, grads, *args, **kw)
        pairs = tuple(zip(roots, grads, strict=False))
        begun = UserPass(pairs, bool(kw.get("accumulate_grad")))
        with ExitStack() as stack:
            _watch.reporting = True
            stack.callback(setattr, _watch, "reporting", False)
            for watcher in tuple(_watch.watchers):
                stack.callback(watcher.after)
                watcher.before(begun)
            for watcher in tuple(_watch.watchers):
                watcher.during()
            return run(roots, grads, *args, **kw)

    return run_and_report
