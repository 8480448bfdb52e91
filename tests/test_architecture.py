"""The direction of imports: each part of the house uses only what lies below it."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLOTTING = ("matplotlib", "plotly", "dash")
AFTER_THE_LOG = ("log", "lamps", "instruments", "render", "synthetic")
COMMANDS_WITHOUT_TORCH = (
    "cli.py", "views.py", "check_command.py", "export_command.py", "plot_command.py", "report.py",
    "report_command.py", "tail_command.py",
)  # fmt: skip


def sources(*parts: str) -> list[Path]:
    """Python files of the given folders or files of the package."""
    found: list[Path] = []
    for part in parts:
        path = ROOT / part
        found += [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
    assert found, f"no sources under {parts}: the test would pass without testing"
    return found


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, relative imports made absolute."""
    if path.is_relative_to(ROOT / "dashboard"):
        package = ["cockpit", *path.relative_to(ROOT).parts[:-1]]
    else:
        package = list(path.relative_to(ROOT).parts[:-1])
    yield from imports_in(path.read_text(encoding="utf-8"), package)


def imports_in(code: str, package: list[str]) -> Iterator[str]:
    """Every module that code imports, of a module in the given package."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def offenders(files: list[Path], *forbidden: str) -> list[str]:
    """``file imports module`` for each import of a forbidden module."""
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imported(path)
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    ]


def test_instruments_know_no_plotting_library_and_no_renderer():
    above = ("cockpit.render", "cockpit.dashboard", "cockpit.views")
    assert offenders(sources("cockpit/instruments"), *PLOTTING, *above) == []


def test_nothing_after_the_log_imports_torch():
    files = sources(*(f"cockpit/{part}" for part in AFTER_THE_LOG), "dashboard")
    files += sources(*(f"cockpit/{name}" for name in COMMANDS_WITHOUT_TORCH))
    assert offenders(files, "torch", "torchvision", "backpack") == []


def test_only_backward_imports_backpack():
    files = [
        path
        for path in sources("cockpit", "dashboard")
        if not path.is_relative_to(ROOT / "cockpit" / "backward")
    ]
    assert offenders(files, "backpack") == []


def test_log_imports_nothing_else_of_cockpit():
    found = offenders(sources("cockpit/log"), "cockpit")
    assert [line for line in found if " imports cockpit.log" not in line] == []


def test_render_and_instruments_know_nothing_of_the_training_side():
    side = [f"cockpit.{name}" for name in ("cockpit", "backward", "quantities", "problems", "demo")]
    assert offenders(sources("cockpit/instruments", "cockpit/render"), *side) == []


def test_training_side_knows_no_instruments_and_no_renderer():
    files = sources("cockpit/backward", "cockpit/quantities", "cockpit/log")
    assert offenders(files, *PLOTTING, "cockpit.instruments", "cockpit.render") == []


def test_the_finder_of_imports_sees_every_form():
    code = (
        "import torch.nn\nfrom torch import optim\nfrom ..log import record\nfrom . import panel\n"
        "def f():\n    import numpy as np\n"
    )
    assert sorted(imports_in(code, ["cockpit", "instruments"])) == [
        "cockpit.instruments", "cockpit.instruments.panel", "cockpit.log", "cockpit.log.record",
        "numpy", "torch", "torch.nn", "torch.optim",
    ]  # fmt: skip


BLOCK_TORCH = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "backpack"):
            raise ImportError(f"{name} is blocked in this test")
sys.meta_path.insert(0, Block())
"""


@pytest.mark.parametrize(
    "module",
    ["cockpit", "cockpit.log", "cockpit.lamps", "cockpit.instruments", "cockpit.render.matplotlib",
     "cockpit.render.plotly", "cockpit.report", "cockpit.synthetic", "cockpit.views",
     "cockpit.cli"],
)  # fmt: skip
def test_imports_without_torch(module):
    assert importlib.util.find_spec(module), module
    run = subprocess.run(
        [sys.executable, "-c", f"{BLOCK_TORCH}\nimport {module}"],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
