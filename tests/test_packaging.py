"""What people install is complete: the wheel holds every module and the page's assets."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("cockpit", "dashboard")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("sources")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    command = ["wheel", ".", "--no-deps", "--no-build-isolation", "--quiet", "-w", "out"]
    subprocess.run([sys.executable, "-m", "pip", *command], cwd=folder, check=True, timeout=240)
    (path,) = (folder / "out").glob("*.whl")
    with zipfile.ZipFile(path) as content:
        return set(content.namelist())


def shipped(path: Path) -> str:
    """Where a file of the sources is in the wheel."""
    return str(path.relative_to(ROOT)).replace("dashboard/", "cockpit/dashboard/", 1)


def test_every_module_is_in_the_wheel(wheel: set[str]) -> None:
    modules = {shipped(p) for name in FOLDERS for p in (ROOT / name).rglob("*.py")}
    assert modules - wheel == set()


def test_the_assets_of_the_page_are_in_the_wheel(wheel: set[str]) -> None:
    assets = {shipped(p) for p in (ROOT / "dashboard" / "assets").rglob("*") if p.is_file()}
    assert assets
    assert assets - wheel == set()


def test_nothing_else_is_in_the_wheel(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == {"cockpit"}


def test_types_are_declared(wheel: set[str]) -> None:
    assert "cockpit/py.typed" in wheel
