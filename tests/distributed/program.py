"""What each process of a test runs: ``python -m …program RANK SIZE FOLDER JOB``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist

from tests.cases.several import judge_all
from tests.distributed.cases import CASES, train
from tests.distributed.faults import all_faults
from tests.distributed.processes import DONE


def equality(rank: int, size: int, folder: Path) -> None:
    """All cases, with and without a cockpit."""
    warnings.simplefilter("error")
    for name, case in CASES.items():
        tracked = train(case, folder / name, rank, size)
        plain = train(case, None, rank, size)
        torch.save({"tracked": tracked, "plain": plain}, folder / f"{name} {rank}.pt")


def main() -> None:
    rank, size, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=size
    )
    jobs = {"equality": equality, "faults": all_faults, "models": judge_all}
    jobs[sys.argv[4]](rank, size, folder)
    print(DONE, flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
