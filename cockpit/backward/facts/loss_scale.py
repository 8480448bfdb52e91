"""By what a gradient scaler has multiplied the loss, as seen from the optimizer's step."""

from __future__ import annotations

import sys
from typing import Any

import torch

__all__ = ["scale_in_charge"]

DEEP = 30  # calls between the scaler's step and a hook of the optimizer's


def scale_in_charge(optimizer: Any) -> tuple[float, bool] | None:
    """The scale of the ``GradScaler`` that makes an optimizer step; to be asked in its hook.

    The scaler leaves no trace at the optimizer, but its own ``step`` is among the calls that run.

    Args:
        optimizer: It is about to step.

    Returns:
        The scale, and whether the gradients in ``.grad`` are free of it already; ``None`` if no
        scaler is in charge.
    """
    code = torch.amp.GradScaler.step.__code__
    frame = sys._getframe(1)
    for _ in range(DEEP):
        if frame.f_code is code:
            scaler = frame.f_locals["self"]
            if not scaler.is_enabled():
                return None
            # Optimizers that unscale by themselves are told the scale that is left.
            return float(scaler.get_scale()), getattr(optimizer, "grad_scale", None) is None
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None
