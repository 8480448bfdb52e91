"""Further BackPACK extensions in the backward pass that is tracked anyway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backpack import backpack
from backpack.extensions.backprop_extension import BackpropExtension

from cockpit.backward.capture import Capture

__all__ = ["further_extensions"]


@contextmanager
def further_extensions(capture: Capture, extensions: Sequence[BackpropExtension]) -> Iterator[None]:
    """Run BackPACK's extensions on a model that the user has extended.

    Raises:
        ValueError: If the model is not extended: its forward pass is over, so it is too late here.
    """
    model = capture.model
    if not any(getattr(module, "_backpack_extend", False) for module in model.modules()):
        names = ", ".join(type(e).__name__ for e in extensions)
        raise ValueError(
            f"BackPACK's {names} need a model and a loss function that were extended before the "
            "forward pass. Call backpack.extend(model) and backpack.extend(loss_fn) once."
        )
    with backpack(*extensions):
        yield
