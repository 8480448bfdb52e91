"""Where ranks meet before they compute together.

A collective operation that one rank does not join blocks the others for good. So the ranks meet
first, in the key-value store that the process group was made with: each leaves a word and goes on
once all words are there. Who waits in vain goes on as well, and so does who comes too late, because
the first verdict on a meeting stands.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cockpit.backward.stats import Absent

if TYPE_CHECKING:  # a torch without support of several processes has no stores
    from torch.distributed import Store

__all__ = ["Meeting", "RankLeft", "RanksApart"]

PATIENCE = 60.0  # seconds that a rank is waited for; ranks may evaluate or save meanwhile
POLL = 0.02  # seconds at most between two looks; a blocking wait would hold the store's lock


class RanksApart(Absent):
    """The ranks did not come together at a step."""


class RankLeft(Exception):  # noqa: N818 - not an error: a fact about a run
    """A rank will come to no meeting any more, and so no meeting takes place."""


class Meeting:
    """The meetings of one cockpit, as one rank sees them.

    Args:
        store: Shared by the ranks; keys must not collide with those of other cockpits.
        rank: Of this process, from 0.
        size: Number of ranks.
    """

    def __init__(self, store: Store, rank: int, size: int) -> None:
        self._store, self._rank, self._size = store, rank, size
        self._over: list[str] = []  # keys of the last meeting: nobody needs them at the next one
        self._missed = 0
        self._left = False

    def exchange(self, place: str, word: dict[str, Any]) -> list[dict[str, Any]]:
        """Leave a word and get those of all ranks, in their order.

        Args:
            place: Names the meeting; the same on all ranks, and never used before.
            word: What JSON can hold.

        Raises:
            RankLeft: If a rank has left, or has been waited for in vain twice in a row.
            RanksApart: If a rank did not come in time.
        """
        if self._left:
            raise RankLeft("this rank tracks no more")
        store, size = self._store, self._size
        keys = [f"{place}/{r}" for r in range(size)]
        verdict = f"{place}/verdict"
        store.set(keys[self._rank], json.dumps(word))
        if store.add(f"{place}/here", 1) == size:
            words = [json.loads(store.get(key)) for key in keys]
            said = store.compare_set(verdict, "", json.dumps(words))
        else:
            said = self._await(verdict, place)
        found: list[dict[str, Any]] | str = json.loads(said)
        if isinstance(found, str):
            self._missed += 1
            raise (RanksApart if self._missed == 1 else RankLeft)(found)
        self._missed = 0
        self._clear([*keys, f"{place}/here", verdict])
        return found

    def leave(self, reason: str) -> None:
        """Come to no meeting any more."""
        if self._left:
            return
        self._left = True
        with suppress(RuntimeError):  # the store may have ended with another rank
            self._store.compare_set("left", "", f"rank {self._rank} tracks no more: {reason}")

    def _await(self, verdict: str, place: str) -> bytes:
        store, pause = self._store, 1e-4
        deadline = time.monotonic() + PATIENCE
        while not store.check([verdict]):
            if store.check(["left"]) and not store.check([verdict]):
                raise RankLeft(store.get("left").decode())
            if time.monotonic() > deadline:
                return store.compare_set(verdict, "", json.dumps(self._who_is_missing(place)))
            time.sleep(pause)
            pause = min(POLL, 1.2 * pause)
        return store.get(verdict)

    def _who_is_missing(self, place: str) -> str:
        missing = [r for r in range(self._size) if not self._store.check([f"{place}/{r}"])]
        names = ", ".join(str(r) for r in missing)
        return f"rank {names} was waited for in vain, {PATIENCE:.0f} s"

    def _clear(self, keys: list[str]) -> None:
        """All ranks are at this meeting, so all have read the verdict of the one before."""
        if self._rank == 0:
            for key in self._over:
                self._store.delete_key(key)
            self._over = keys
