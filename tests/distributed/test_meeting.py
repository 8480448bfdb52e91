"""Where ranks meet, and what they send, without processes: threads stand for ranks."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch.distributed import HashStore, PrefixStore

from cockpit.backward.stats import Absent
from cockpit.distributed import RankLeft, Ranks, RanksApart, Share, meeting
from cockpit.distributed.agreement import Local, agree
from cockpit.distributed.flat import join_rows, pack, pad_rows, places_by_kind, unpack
from cockpit.distributed.meeting import Meeting

CPU = torch.device("cpu")


def on_ranks(size: int, do: Callable[[Meeting, int], Any]) -> list[Any]:
    """What each rank returns, or the exception that it raises."""
    store = PrefixStore("test", HashStore())
    meetings = [Meeting(store, rank, size) for rank in range(size)]

    def attempt(rank: int) -> Any:
        try:
            return do(meetings[rank], rank)
        except (Absent, RankLeft) as reason:
            return reason

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(attempt, range(size)))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "PATIENCE", 1.5)


def test_all_get_the_words_of_all_in_order() -> None:
    def talk(place: Meeting, rank: int) -> Any:
        time.sleep(0.02 * rank)
        return [place.exchange(f"step {k}", {"rank": rank, "k": k}) for k in range(20)]

    expected = [[{"rank": r, "k": k} for r in range(3)] for k in range(20)]
    assert on_ranks(3, talk) == [expected] * 3


def test_one_who_does_not_come_is_named_and_the_next_meeting_takes_place(impatient: None) -> None:
    def talk(place: Meeting, rank: int) -> Any:
        if rank != 1:
            with pytest.raises(RanksApart, match="rank 1 was waited for in vain"):
                place.exchange("first", {})
        else:
            time.sleep(0.8)  # as a backward pass would, that waits for the others
        return len(place.exchange("second", {}))

    assert on_ranks(3, talk) == [3, 3, 3]


def test_one_who_comes_too_late_goes_by_the_verdict(impatient: None) -> None:
    def talk(place: Meeting, rank: int) -> Any:
        if rank == 1:
            time.sleep(2.5)
        try:
            place.exchange("first", {})
        except RanksApart:
            return "apart"

    assert on_ranks(2, talk) == ["apart", "apart"]


def test_who_is_missing_twice_in_a_row_is_waited_for_no_more(impatient: None) -> None:
    def talk(place: Meeting, rank: int) -> Any:
        if rank == 1:
            return "elsewhere"
        with pytest.raises(RanksApart):
            place.exchange("first", {})
        return place.exchange("second", {})

    left, elsewhere = on_ranks(2, talk)
    assert isinstance(left, RankLeft)
    assert elsewhere == "elsewhere"


def test_who_has_left_is_not_waited_for() -> None:
    def talk(place: Meeting, rank: int) -> Any:
        place.exchange("first", {})
        if rank == 1:
            place.leave("tired")
        return place.exchange("second", {})

    began = time.monotonic()
    one, other = on_ranks(2, talk)
    assert time.monotonic() - began < 10
    assert isinstance(one, RankLeft)
    assert "rank 1 tracks no more: tired" in str(one)
    assert isinstance(other, RankLeft)


def test_nothing_is_left_in_the_store_but_the_last_meeting() -> None:
    store = HashStore()

    def count(meetings: int) -> int:
        alone = Meeting(PrefixStore(str(meetings), store), 0, 1)
        before = store.num_keys()
        for k in range(meetings):
            alone.exchange(str(k), {})
        return store.num_keys() - before

    assert count(50) == count(2)


def test_agreement_of_one() -> None:
    local = Local("", 8, 0.1, True, True, ("a",))
    agreed = agree(Ranks(), "here", local)
    assert (agreed.share, agreed.loss) == (Share((8,), 0, "here"), 0.1)
    with pytest.raises(Absent, match=r"^no loss$"):
        agree(Ranks(), "here", Local("no loss", 0, 0.0, False, True, ()))


def test_what_is_packed_comes_back() -> None:
    parts = [torch.rand(2, 3), torch.rand(()), torch.rand(0), torch.rand(4)]
    flat = pack(parts, CPU)
    assert flat.shape == (11,)
    assert all(torch.equal(a, b) for a, b in zip(unpack(flat, parts), parts, strict=True))


def test_rows_of_unequal_length_are_joined_in_order_of_the_ranks() -> None:
    sizes = (2, 0, 3)
    rows = [[torch.rand(n), torch.rand(n)] for n in sizes]
    padded = [pad_rows(parts, 3, CPU) for parts in rows]
    joined = join_rows(padded, sizes, rows[0])
    for k in (0, 1):
        assert torch.equal(joined[k], torch.cat([parts[k] for parts in rows]))


def test_kinds_of_numbers_are_kept_apart() -> None:
    tensors = [torch.zeros(1, dtype=d) for d in (torch.float32, torch.int64, torch.float32)]
    assert places_by_kind(tensors) == [[0, 2], [1]]
