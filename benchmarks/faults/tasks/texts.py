"""Texts: the King James Bible, by characters and by words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

import torch
from torch import nn

from benchmarks.faults.tasks.task import Task, answered, classified, held_back, task
from cockpit.problems.data import Pairs, load
from cockpit.problems.data.texts import Passages, encode, vocabulary

CODES = 48
LENGTH = 16
CHARACTERS = 400_000
PSALMS_CODES, PSALMS_LENGTH = 30, 24
LETTERS, LINE = 27, 24  # the alphabet and what is none of it
WORDS, VERSE = 800, 24
BOOKS = ("Ge", "Lev", "Psa", "Prv", "Mat", "Acts")
FIRST_OF_NEW = "Mat"
GENESIS_CODES, GENESIS_LENGTH = 40, 20
BEFORE, KINGS_CODES = 6, 28
KINDS = (
    ("Psa", "Prv", "Job"),
    ("Lev", "Num", "Deu"),
    ("Isa", "Jer", "Eze"),
    ("Rom", "1Cor", "2Cor", "Gal", "Eph", "Heb"),
)


@task("bible")
def bible(name: str) -> Task:
    """Pieces of 16 characters of the King James Bible, and the character that follows each."""
    found = load("bible", report=lambda _: None)
    known = vocabulary(found.train[:CHARACTERS], CODES)
    train, valid = (
        Passages(encode(text, known), LENGTH)
        for text in (found.train[:CHARACTERS], found.test[: 300 * LENGTH])
    )
    (pieces, following), (others, answers) = (
        part.take(torch.arange(len(part))) for part in (train, valid)
    )
    return Task(name, Pairs(pieces, following), Pairs(others, answers), nn.CrossEntropyLoss, CODES)


@cache
def verses() -> list[tuple[str, str]]:
    """All verses, each with its book's short name."""
    found = load("bible", report=lambda _: None)
    return re.findall(r"^(\d?[A-Za-z]+)\d+:\d+ (.*)$", found.train + found.test, re.MULTILINE)


@task("psalms")
def psalms(name: str) -> Task:
    """Pieces of 24 characters of the Psalms, in small letters, and what follows each character."""
    text = " ".join(verse for book, verse in verses() if book == "Psa").lower()
    known, cut = vocabulary(text, PSALMS_CODES), round(0.9 * len(text))
    passages = (Passages(encode(part, known), PSALMS_LENGTH) for part in (text[:cut], text[cut:]))
    train, valid = (Pairs(*part.take(torch.arange(len(part)))) for part in passages)
    return Task(name, train, valid, nn.CrossEntropyLoss, PSALMS_CODES)


@task("genesis")
def genesis(name: str) -> Task:
    """Pieces of 20 characters of Genesis and Exodus, and what follows each character."""
    text = " ".join(verse for book, verse in verses() if book in ("Ge", "Exo"))
    known, cut = vocabulary(text, GENESIS_CODES), round(0.9 * len(text))
    passages = (Passages(encode(part, known), GENESIS_LENGTH) for part in (text[:cut], text[cut:]))
    train, valid = (Pairs(*part.take(torch.arange(len(part)))) for part in passages)
    return Task(name, train, valid, nn.CrossEntropyLoss, GENESIS_CODES)


@task("kings")
def kings(name: str) -> Task:
    """Six characters of the books of Kings, and the one that follows them."""
    text = " ".join(verse for book, verse in verses() if book in ("1Ki", "2Ki")).lower()
    codes = encode(text, vocabulary(text, KINGS_CODES)).long()
    pieces = codes.unfold(0, BEFORE + 1, BEFORE + 1)  # one begins where the last one ends
    return classified(name, *held_back(pieces[:, :-1], pieces[:, -1], round(0.9 * len(pieces))))


@task("spaces")
def spaces(name: str) -> Task:
    """Lines of 24 letters of Luke's gospel without spaces: where does a word end?"""
    text = " ".join(verse for book, verse in verses() if book == "Luke").lower()
    words = re.findall("[a-z]+", text)
    letters = torch.tensor([ord(letter) - ord("a") for letter in "".join(words)])
    ends = torch.zeros(len(letters), dtype=torch.long)
    ends[torch.tensor([len(word) for word in words]).cumsum(0) - 1] = 1
    count = len(letters) // LINE
    inputs, targets = (part[: count * LINE].view(count, LINE) for part in (letters, ends))
    return classified(name, *held_back(inputs, targets, round(0.9 * count)))


@task("books")
def books(name: str) -> Task:
    """Which of six books a verse is from, by its first 24 words."""
    chosen = [(verse, BOOKS.index(book)) for book, verse in verses() if book in BOOKS]
    return classified(name, *_by_words(chosen))


@task("kinds")
def kinds(name: str) -> Task:
    """Whether a verse is poetry, law, prophecy or from a letter, by its first 24 words."""
    chosen = [
        (verse, kind)
        for book, verse in verses()
        for kind, books in enumerate(KINDS)
        if book in books
    ]
    return classified(name, *_by_words(chosen))


@task("testaments")
def testaments(name: str) -> Task:
    """Whether a verse is from the New Testament, by its first 24 words."""
    where = [book for book, _ in verses()].index(FIRST_OF_NEW)
    old, new = verses()[:where][::6], verses()[where:][::2]
    return answered(name, *_by_words([(verse, 0) for _, verse in old] + [(v, 1) for _, v in new]))


def _by_words(chosen: Sequence[tuple[str, int]]) -> tuple[Pairs, Pairs]:
    """The codes of their words, int64 [verses, 24]; a fifth, drawn by chance, is held back.

    0 fills up what is shorter, 1 is for rare words, the others go by how frequent they are.
    """
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(0)).tolist()
    split = [re.findall("[a-z']+", chosen[place][0].lower())[:VERSE] for place in order]
    count = round(0.8 * len(order))
    counts = Counter(word for words in split[:count] for word in words)
    codes = {word: code for code, (word, _) in enumerate(counts.most_common(WORDS - 2), start=2)}
    inputs = torch.zeros(len(order), VERSE, dtype=torch.long)
    for row, words in zip(inputs, split, strict=True):
        row[: len(words)] = torch.tensor([codes.get(word, 1) for word in words])
    targets = torch.tensor([chosen[place][1] for place in order])
    return held_back(inputs, targets, count)
