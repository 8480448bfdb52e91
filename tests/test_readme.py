"""The README tells the truth: its code runs, its tables and picture of the house are up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from cockpit.log import RunLog
from cockpit.quantities import QUANTITIES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    return [text for found, text in fenced if found == language]


def test_the_loop_works_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loop, lamps = blocks("python")
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    names = {
        "model": model,
        "loss_fn": nn.CrossEntropyLoss(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "loader": [(torch.rand(6, 4), torch.arange(6) % 3) for _ in range(4)],
    }
    exec(loop, names)
    log = RunLog(tmp_path / "runs" / "first")
    assert (log.status, log.last_step) == ("finished", 3)
    assert list(log.series("Alpha").step) == [0, 1, 2]
    exec(lamps, {**names, "epochs": 2})
    assert RunLog(tmp_path / "runs" / "cockpit").header["planned_steps"] == 8


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if not target.startswith("http")]
    assert "docs/log.md" in local
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_the_table_of_quantities_is_complete_and_right() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\w ]+) \|$", README, flags=re.MULTILINE)
    table = {name: tier for name, tier in rows if name in QUANTITIES}
    assert table == {name: kind.tier or "on request" for name, kind in QUANTITIES.items()}


def test_the_picture_of_the_house_is_true() -> None:
    (tree,) = (block for block in blocks("") if "cockpit.py" in block)
    folder = ROOT
    for line in tree.splitlines():
        names = re.split(r"\s{2,}", line.strip())[0].split(", ")
        if not line.startswith(" "):
            folder = ROOT
        for name in names:
            assert (folder / name).exists(), name
        if not line.startswith(" "):
            folder = ROOT / names[0]


def test_commands_and_flags_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake (\w+)", README)) <= targets


def test_the_table_of_costs_is_the_measured_one() -> None:
    table, _, _ = (ROOT / "benchmarks/results/summary.md").read_text().partition("\n\n")
    assert table in README
