"""Several processes train one model: `torchrun --nproc_per_node 2 06_several_processes.py`.

Each process makes a cockpit around the wrapped model and enters it at the same steps. There is one
log, written by rank 0. What it says is of the samples of all processes, as if one had trained.
"""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from cockpit import Cockpit
from cockpit.problems.data import Batches, load

dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
rank, ranks = dist.get_rank(), dist.get_world_size()
device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")

# Each process draws other batches.
images = load("fashion-mnist", fallback=True).train
loader = Batches(images, batch_size=128 // ranks, shape=(1, 28, 28), seed=rank)
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10)).to(device)
model = DistributedDataParallel(net)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

with Cockpit(model, loss_fn, optimizer, "full", logdir="runs/processes") as cockpit:
    for step, (_, x, y) in enumerate(loader.take(60)):
        optimizer.zero_grad()
        loss = loss_fn(model(x.to(device)), y.to(device))
        with cockpit(step):
            loss.backward()
        optimizer.step()
        if rank == 0 and step % 20 == 0:
            print(f"step {step}: loss of all processes {cockpit.latest.get('Loss')}")

if rank == 0:
    print("Look at it: cockpit ui runs, or cockpit plot runs/processes -o processes.pdf")
dist.destroy_process_group()
