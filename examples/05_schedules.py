"""Track less often where that is enough.

Training changes fastest in its first steps, so a logarithmic schedule sees most for its cost.
A schedule is any function from the step number to True or False; `linear` and `logarithmic` make
the usual ones, and `|`, `&`, `~` combine them. A step on which nothing is due costs almost nothing.
"""

import torch
from torch import nn

from cockpit import Cockpit
from cockpit.configuration import Configuration
from cockpit.problems.data import Batches, load
from cockpit.quantities import HessMaxEV
from cockpit.schedules import linear, logarithmic

loader = Batches(load("fashion-mnist", fallback=True).train, batch_size=128, shape=(1, 28, 28))
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

config = Configuration(
    "business",
    # Some 40 steps between 1 and 300, dense early; and every 50th, so that the end is seen too.
    schedule=logarithmic(start=0, end=2.5, points=60) | linear(50),
    # A quantity may have a schedule of its own, e.g. an expensive one.
    also=[HessMaxEV(schedule=lambda step: step in (0, 10, 100, 299))],
)

with Cockpit(model, loss_fn, optimizer, config=config, logdir="runs/schedules") as cockpit:
    for step, (_epoch, x, y) in enumerate(loader.take(300)):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        optimizer.step()
        if step % 50 == 49:
            print(f"step {step}: λ_max was {cockpit.latest['HessMaxEV']:.2f} when last looked at")
    print(f"Tracking has cost {cockpit.overhead:.0%} of the training time.")

print("Look at it: cockpit ui runs, or cockpit plot runs/schedules -o schedules.pdf")
