"""What the ranks agree on before they compute a step together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from cockpit.backward.stats import Absent
from cockpit.distributed.ranks import Ranks, Share

__all__ = ["Agreement", "Local", "agree"]


@dataclass(frozen=True)
class Local:
    """What one rank knows of a step after its backward passes.

    Attributes:
        problem: Why the step can't be tracked on this rank; empty if it can.
        size: Nᵣ.
        loss: Mean over the samples of this rank.
        has_losses: Whether their individual losses are known.
        moved: Whether the optimizer has had its turn.
        requests: What is asked of the backward passes, in words and in order.
    """

    problem: str
    size: int
    loss: float
    has_losses: bool
    moved: bool
    requests: tuple[str, ...]
    plan: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Agreement:
    """What all ranks know of it afterwards.

    Attributes:
        share: Of this rank.
        loss: Mean over the global batch, Σ (Nᵣ/N) Lᵣ.
        has_losses: Whether individual losses are known on all ranks.
        plan: When to track next, which the first rank says.
    """

    share: Share
    loss: float
    has_losses: bool
    plan: dict[str, int]


def agree(ranks: Ranks, place: str, local: Local) -> Agreement:
    """Meet at the end of a step.

    Args:
        ranks: All of them call this at once.
        place: Begins the names of the step's meetings; never used before.
        local: What this rank knows.

    Raises:
        Absent: If a rank has a problem, is not there, or tracks other things; or if the gradient
            is not that of the mean over the global batch.
    """
    words = ranks.agree(f"{place}/end", **{**asdict(local), "requests": list(local.requests)})
    asked = [(word["requests"], word["moved"]) for word in words]
    if any(other != asked[0] for other in asked):
        raise Absent("the ranks track different quantities, or step at different times")
    sizes = {word["size"] for word in words}
    if ranks.synchronized and len(sizes) > 1:
        raise Absent(
            "SyncBatchNorm couples the samples of the ranks, whose batches differ in size: their "
            "losses, not their samples, have the same weight in the gradient"
        )
    share = Share(tuple(word["size"] for word in words), ranks.rank, place)
    parts = zip(share.sizes, words, strict=True)
    loss = sum(size / share.total * word["loss"] for size, word in parts)
    return Agreement(share, loss, all(word["has_losses"] for word in words), words[0]["plan"])
