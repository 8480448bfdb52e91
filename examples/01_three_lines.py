"""The three lines that put a cockpit around a training loop.

Run it, and look at it live from another terminal with `cockpit ui runs`.
"""

import torch
from torch import nn

from cockpit import Cockpit
from cockpit.problems.data import Batches, load

loader = Batches(load("fashion-mnist", fallback=True).train, batch_size=128, shape=(1, 28, 28))
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

cockpit = Cockpit(model, loss_fn, optimizer, config="economy", logdir="runs/first")  # 1
for step, (x, y) in enumerate(loader):
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    with cockpit(step):  # 2
        loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step}: loss {loss.item():.3f}")
cockpit.close()  # 3

print("Look at it: cockpit ui runs, or cockpit plot runs/first -o first.pdf")
