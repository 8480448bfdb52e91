"""The synthetic runs of ``cockpit demo --synthetic``: all kinds, and one that goes on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cockpit.synthetic.kinds import KINDS, write_kind
from cockpit.synthetic.live import keep_writing


def write_all(folder: Path, console: Console) -> None:
    """Write every kind of run that is not there yet, and say what each shows."""
    with console.status("Writing synthetic runs …") as status:
        for name in KINDS:
            status.update(f"Writing {name} …")
            if not (folder / name).exists():
                _write_whole(name, folder / name)
    table = Table("run", "what there is to see", box=None, title_justify="left")
    for name, kind in KINDS.items():
        table.add_row(name, kind.shows)
    console.print(f"Synthetic runs in {folder}:\n", markup=False, soft_wrap=True)
    console.print(table)


def _write_whole(name: str, path: Path) -> None:
    """A run that is there is there whole: what is broken off goes away again."""
    try:
        write_kind(name, path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


@contextmanager
def live_run(path: Path) -> Iterator[None]:
    """Keep writing a run meanwhile."""
    stop = threading.Event()
    writer = threading.Thread(target=keep_writing, args=(path,), kwargs={"stop": stop})
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()
