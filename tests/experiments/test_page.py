"""The page says what was found, whatever that is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from examples.experiments.gallery import Claim
from examples.experiments.gallery.experiment import Experiment, all_experiments, experiment, names
from examples.experiments.gallery.page import PAGE, Finding, keep, kept, page

DOCS = Path(__file__).parents[2] / "docs"
HEAVIEST = 150_000  # bytes of a figure
MADE_UP = Experiment(
    "made_up", 3, "Nothing, really!", "9.9", "What is asked.", *([lambda *_: None] * 3)
)
CLAIMS = (
    Claim("a | b", "1 (0 to 2, 3 seeds)", np.bool_(True)),
    Claim("c", "2", False),
    Claim("d", "3", None),
)


def test_a_finding_is_kept_as_it_is(tmp_path: Path) -> None:
    finding = Finding("quick", 5, ("Digits",), CLAIMS)
    keep(finding, "made_up", tmp_path)
    assert kept("made_up", tmp_path) == finding
    assert kept("another", tmp_path) is None


def test_the_page_has_every_claim_and_its_verdict(tmp_path: Path) -> None:
    keep(Finding("quick", 5, ("Digits", "Letters"), CLAIMS), "made_up", tmp_path)
    text = page([MADE_UP, replace(MADE_UP, name="not_run")], tmp_path)
    assert "| [3](#3-nothing-really) | a \\| b | 1 (0 to 2, 3 seeds) | holds |" in text
    assert "| c | 2 | **does not hold** |" in text
    assert "| d | 3 | undecided |" in text
    assert "## 3. Nothing, really!" in text
    assert "![Nothing, really!](gallery/made_up.png)" in text
    assert "What is asked." in text
    assert "Data: Digits, Letters. Form: quick, 5 s of training." in text
    assert "not_run" not in text


def test_there_is_no_page_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run an experiment first"):
        page([MADE_UP], tmp_path)


def test_every_experiment_has_its_place() -> None:
    found = all_experiments()
    assert {each.name for each in found} == set(names())
    numbers = [each.number for each in found]
    assert numbers == sorted(set(numbers))


def test_a_module_that_lacks_a_part_is_named() -> None:
    with pytest.raises(AttributeError, match="NUMBER, TITLE, SOURCE"):
        experiment("gallery")


def test_the_page_in_the_docs_is_that_of_what_is_kept() -> None:
    assert (DOCS / PAGE).read_text(encoding="utf-8") == page(all_experiments(), DOCS)


@pytest.mark.parametrize("name", names())
def test_every_experiment_is_shown_in_the_docs(name: str) -> None:
    finding = kept(name, DOCS)
    assert finding is not None
    assert finding.form in ("quick", "full")
    assert finding.claims
    assert 0 < (DOCS / "gallery" / f"{name}.png").stat().st_size < HEAVIEST
