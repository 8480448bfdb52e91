"""A quantity of your own: one small class.

`requires` says what the backward pass must yield: here ‖gₙ‖², the squared length of each sample's
gradient, for each parameter. `compute` makes one number of it. Cockpit does the rest: it is due
when its schedule says, recorded in the log, shown on the page, and switched off if it fails.
"""

import torch
from torch import nn

from cockpit import Cockpit
from cockpit.backward.statistics import SqNorms
from cockpit.configuration import Configuration
from cockpit.problems.data import Batches, load
from cockpit.quantities import Quantity, scalar


class LoudestSample(Quantity):
    """How much longer the longest individual gradient is than the average one.

    maxₙ‖gₙ‖ / meanₙ‖gₙ‖. Near 1: all samples have a say. Large: a single one steers the step;
    look at it, its label may be wrong.
    """

    def requires(self):
        return frozenset({SqNorms()})

    def compute(self, info, stats):
        norms = stats.total(SqNorms()).sqrt()  # [N], over all parameters
        return scalar(norms.max() / norms.mean(), sample=int(norms.argmax()))


loader = Batches(load("fashion-mnist", fallback=True).train, batch_size=128, shape=(1, 28, 28))
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

# Everything of the economy rate at every step, and ours at every fifth.
config = Configuration("economy", also=[LoudestSample(schedule=5)])

with Cockpit(model, loss_fn, optimizer, config=config, logdir="runs/own") as cockpit:
    for step, (_epoch, x, y) in enumerate(loader.take(100)):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        optimizer.step()
        if step % 20 == 19:
            ratio = cockpit.latest["LoudestSample"]
            print(f"step {step}: the loudest sample is {ratio:.1f} times as loud as the average")

print("Look at it: cockpit ui runs, or cockpit plot runs/own -o own.pdf")
