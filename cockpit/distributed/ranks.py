"""The processes of one run. A single process is the case of one rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from cockpit.backward.extensions import Unsupported
from cockpit.backward.extensions.normalization import uses_batch_statistics
from cockpit.backward.stats import Absent
from cockpit.distributed.flat import join_rows, pack, pad_rows, places_by_kind, unpack
from cockpit.distributed.meeting import Meeting, RankLeft

__all__ = ["Ranks", "Share"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Share:
    """What a rank has of the global batch of a step, as the ranks have agreed.

    Attributes:
        sizes: Nᵣ of each rank.
        rank: Of this process.
        place: Begins the names of this step's meetings.
    """

    sizes: tuple[int, ...]
    rank: int = 0
    place: str = ""

    @property
    def size(self) -> int:
        """Nᵣ of this rank."""
        return self.sizes[self.rank]

    @property
    def total(self) -> int:
        """N of the global batch."""
        return sum(self.sizes)

    @property
    def weight(self) -> float:
        """Nᵣ / N: weight of this rank's mean in that of the global batch."""
        return self.size / self.total


class Ranks:
    """One process, which agrees with itself.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of processes.
    """

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the log, and says what is to be said."""
        return self.rank == 0

    @property
    def synchronized(self) -> bool:
        """Whether a forward pass couples the samples of all ranks (SyncBatchNorm)."""
        return False

    def meet(self, place: str, **word: Any) -> list[dict[str, Any]]:
        """Exchange small things with the other ranks, and make sure that they are there.

        Args:
            place: Names the meeting; the same on all ranks, and never used before.
            **word: What JSON can hold.

        Returns:
            The words of all ranks, in their order.

        Raises:
            RanksApart: If a rank did not come.
            RankLeft: If one will not come any more.
        """
        return [word]

    def agree(self, place: str, problem: str, **word: Any) -> list[dict[str, Any]]:
        """Meet, and go on only if no rank has a problem.

        Args:
            place: As in :meth:`meet`.
            problem: Why this rank can't go on; empty if it can.
            **word: What JSON can hold.

        Raises:
            Absent: If a rank has a problem, or did not come.
        """
        words = self.meet(place, problem=problem, **word)
        for rank, said in enumerate(words):
            if said["problem"]:
                raise Absent(f"rank {rank}: {said['problem']}" if self.size > 1 else problem)
        return words

    def leave(self, reason: str) -> None:
        """Come to no meeting any more."""

    def together(self, function: Callable[[], Result]) -> Result:
        """Call a function that all ranks call now; what fails on one fails on all.

        Only inside may ranks :meth:`tell`, :meth:`gather` and :meth:`total`, each the same in the
        same order.

        Raises:
            Absent: If the function ends earlier on one rank than on another.
        """
        return function()

    def tell(self, place: str, **word: Any) -> list[dict[str, Any]]:
        """As :meth:`meet`, where the others are known to be there."""
        return [word]

    def gather(self, tensors: Sequence[Tensor], sizes: Sequence[int]) -> list[Tensor]:
        """Each tensor of shape [Nᵣ] as the concatenation over the ranks, shape [N]."""
        return list(tensors)

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sum of each tensor over the ranks."""
        return list(tensors)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep Cockpit's own backward passes from setting off exchanges of the model's wrapper."""
        yield


class GroupOfRanks(Ranks):
    """Several processes that train one model.

    Args:
        wrapper: What the model is wrapped in.
        group: The wrapper's own process group. Its exchanges are over when the backward pass is,
            so ours never interleave with them; a second group would cost another communicator.
        device: Where tensors are exchanged: that of the parameters.
        meeting: Where the ranks meet.
    """

    def __init__(
        self, wrapper: Any, group: dist.ProcessGroup, device: torch.device, meeting: Meeting
    ) -> None:
        self._wrapper, self._group, self._device = wrapper, group, device
        self._meeting = meeting
        self._votes = 0
        self._agreed: Exception | None = None  # the last one that is raised on all ranks
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)

    @property
    def synchronized(self) -> bool:
        return any(
            isinstance(module, torch.nn.SyncBatchNorm) and uses_batch_statistics(module)
            for module in self._wrapper.modules()
        )

    def meet(self, place: str, **word: Any) -> list[dict[str, Any]]:
        return self._meeting.exchange(place, word)

    def leave(self, reason: str) -> None:
        self._meeting.leave(reason)

    def together(self, function: Callable[[], Result]) -> Result:
        try:
            result = function()
        except Exception as error:
            if error is not self._agreed:
                self._vote(error)  # the others vote before their next exchange, or at their end
            raise
        self._vote(ended=True)
        return result

    def tell(self, place: str, **word: Any) -> list[dict[str, Any]]:
        self._vote()
        return self.meet(place, **word)

    def gather(self, tensors: Sequence[Tensor], sizes: Sequence[int]) -> list[Tensor]:
        def exchange(parts: list[Tensor]) -> list[Tensor]:
            own = pad_rows(parts, max(sizes), self._device)
            pieces = [torch.empty_like(own) for _ in sizes]
            self._vote()
            dist.all_gather(pieces, own, group=self._group)
            return join_rows(pieces, sizes, parts)

        return _by_kind(tensors, exchange)

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        def exchange(parts: list[Tensor]) -> list[Tensor]:
            flat = pack(parts, self._device)
            self._vote()
            dist.all_reduce(flat, group=self._group)
            return unpack(flat, parts)

        return _by_kind(tensors, exchange)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        # With static_graph=True, any backward pass through DDP's output is taken for the first.
        name = "_static_graph_delay_allreduce_enqueued"
        before = getattr(self._wrapper, name, None)
        if before is None:
            yield
            return
        setattr(self._wrapper, name, True)
        try:
            yield
        finally:
            setattr(self._wrapper, name, before)

    def _vote(self, error: Exception | None = None, ended: bool = False) -> None:
        """Go on only if all ranks do the same: a collective operation that one misses blocks.

        Raises:
            Exception: This rank's error, or else one of the same kind as another rank's.
            Absent: If some have ended and others not.
        """
        votes = torch.tensor([int(error is not None), int(ended)], device=self._device)
        dist.all_reduce(votes, group=self._group)
        failures, ends = votes.tolist()
        self._votes += 1
        if failures:
            self._agreed = self._error_of_all(error)
            raise self._agreed
        if ends not in (0, self.size):
            self._agreed = Absent("the ranks came to different ends of one computation")
            raise self._agreed

    def _error_of_all(self, error: Exception | None) -> Exception:
        """This rank's error, or else one of the same kind as the first of the others'."""
        absent = isinstance(error, (Absent, Unsupported))
        text = str(error) if absent else f"{type(error).__name__}: {error}"
        word = {"failed": error is not None, "absent": absent, "text": text}
        try:
            words = self.meet(f"failure/{self._votes}", **word)
        except (Absent, RankLeft) as missing:
            return error or RuntimeError(f"another rank has failed, and {missing}")
        rank, word = next((r, w) for r, w in enumerate(words) if w["failed"])
        return error or (Absent if word["absent"] else RuntimeError)(f"rank {rank}: {word['text']}")


def _by_kind(
    tensors: Sequence[Tensor], together: Callable[[list[Tensor]], list[Tensor]]
) -> list[Tensor]:
    """Apply a function to the tensors of each dtype; the results in the order of the tensors."""
    results: dict[int, Tensor] = {}
    for places in places_by_kind(tensors):
        results.update(zip(places, together([tensors[i] for i in places]), strict=True))
    return [results[i] for i in range(len(tensors))]
