"""Every case says what the page docs/models.md says of it, and no number of it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cases.page import CHAPTERS, PAGE, rows, without_numbers
from tests.cases.running import verdicts_of
from tests.cases.several import verdicts_of_all
from tests.cases.verdicts import Verdict

CASES = [case for cases in CHAPTERS.values() for case in cases]
ALONE = [case for case in CASES if not case.shares]
STORED = rows(PAGE.read_text())


def essence(verdicts: Mapping[str, Verdict]) -> dict[str, tuple[str, str]]:
    return {column: without_numbers(verdict) for column, verdict in verdicts.items()}


@pytest.mark.parametrize("case", ALONE, ids=[case.name for case in ALONE])
def test_case(case, tmp_path: Path) -> None:
    assert essence(verdicts_of(case, tmp_path)) == essence(STORED[case.name])


@pytest.mark.parametrize("size", [2, 3])
def test_cases_of_several_processes(size: int, tmp_path: Path) -> None:
    cases = [case for case in CASES if len(case.shares) == size]
    assert cases
    for name, verdicts in verdicts_of_all(cases, tmp_path).items():
        assert essence(verdicts) == essence(STORED[name]), name


def test_the_page_has_these_cases() -> None:
    assert list(STORED) == [case.name for case in CASES]
