"""Whether the rows of a layer's output are the samples, where that can't be seen from shapes.

Models fold positions into the first axis, or put them before the samples (attention with
``batch_first=False``). The sum over rows is the batch gradient in any case, so only a backward pass
that weighs the samples differently can tell which row belongs to which sample.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cockpit.backward.capture import Capture, LayerCall
from cockpit.backward.extensions.normalization import uses_batch_statistics

__all__ = ["UNKNOWN", "SampleAxis", "is_ambiguous"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
UNKNOWN = "it can't be told which rows of its output belong to which sample"


def is_ambiguous(call: LayerCall, batch_size: int) -> bool:
    """Whether the shape leaves open which axis runs over the samples."""
    if isinstance(call.module, (*CONVOLUTIONS, *TRANSPOSED)):
        return any(shape[0] != batch_size for shape in call.shapes.values())
    shape = call.shapes.get(0)
    if shape is None or not getattr(call.module, "batch_first", True):
        return False  # the layer says it itself
    return shape[0] != batch_size or (len(shape) > 2 and shape[1] == batch_size)


class SampleAxis:
    """Tests ambiguous layer calls once for each layer and shape, and remembers the verdicts."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple, bool] = {}

    def approved(
        self,
        capture: Capture,
        losses: Tensor | None,
        batch_size: int,
        generator: torch.Generator,
    ) -> set[LayerCall]:
        """The ambiguous calls of this step whose rows were found to be the samples, in order.

        Args:
            capture: Holds the calls of the forward pass and its graph.
            losses: Individual losses with their graph, shape [N]; ``None`` if there are none.
            batch_size: N.
            generator: Draws the samples' weights.
        """
        doubtful = {
            call: (id(call.module), tuple(call.shapes.items()), batch_size)
            for call in capture.calls()
            if is_ambiguous(call, batch_size)
        }
        if any(key not in self._verdicts for key in doubtful.values()):
            passed = self._test(capture, losses, batch_size, generator)
            for call, key in doubtful.items():
                self._verdicts[key] = call.identity in passed
        return {call for call, key in doubtful.items() if self._verdicts[key]}

    def _test(
        self,
        capture: Capture,
        losses: Tensor | None,
        batch_size: int,
        generator: torch.Generator,
    ) -> set[object]:
        """Identities of the calls in which row r belongs to sample r // T."""
        if losses is None or not losses.requires_grad:
            return set()
        if any(uses_batch_statistics(call.module) for call in capture.calls()):
            return set()  # weights of one sample reach the others
        draws = torch.rand(batch_size, generator=generator, device=losses.device)
        weights = 0.5 + draws.to(losses.dtype)
        plain = capture.backpropagate(losses, torch.ones_like(losses))
        weighed = capture.backpropagate(losses, weights)
        return {
            one.identity
            for one, other in zip(plain, weighed, strict=True)
            if 0 in one.grads
            and 0 in other.grads
            and _follows(one.grads[0], other.grads[0], weights)
        }


def _follows(grad: Tensor, weighed: Tensor, weights: Tensor) -> bool:
    rows, samples = grad.shape[0], len(weights)
    if rows == 0 or rows % samples:
        return False
    per_row = weights.to(grad.dtype).repeat_interleave(rows // samples)
    expected = grad * per_row.view(-1, *[1] * (grad.dim() - 1))
    tolerance = 1e-3 if grad.dtype in (torch.float32, torch.float64) else 5e-2
    return bool((weighed - expected).abs().amax() <= tolerance * grad.abs().amax())
