"""Every case says what the page docs/models.md says of it, and no number of it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.page import CHAPTERS, PAGE, rows, without_numbers
from tests.cases.running import verdicts_of

CASES = [case for cases in CHAPTERS.values() for case in cases]
STORED = rows(PAGE.read_text())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case, tmp_path: Path) -> None:
    found = {k: without_numbers(v) for k, v in verdicts_of(case, tmp_path).items()}
    assert found == {k: without_numbers(v) for k, v in STORED[case.name].items()}


def test_the_page_has_these_cases() -> None:
    assert list(STORED) == [case.name for case in CASES]
