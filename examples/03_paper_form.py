"""The explicit form of the paper's own implementation works as well.

A list of quantities, each with its own schedule; what is known of the step is handed over in
`info`; `create_graph` is asked for (Cockpit needs none: the answer is always False); and further
BackPACK extensions run in the same backward pass.
"""

import warnings

import torch
from backpack import extend
from backpack.extensions import Variance
from torch import nn

from cockpit import Cockpit, quantities
from cockpit.problems.data import Batches, load
from cockpit.schedules import linear

# BackPACK's hooks make recent versions of torch say this; it is harmless.
warnings.filterwarnings("ignore", message="Full backward hook is firing")

loader = Batches(load("fashion-mnist", fallback=True).train, batch_size=128, shape=(1, 28, 28))
# Cockpit itself needs no extend(); BackPACK's own extensions do.
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
model, loss_fn = extend(model), extend(nn.CrossEntropyLoss())
losses_fn = nn.CrossEntropyLoss(reduction="none")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

tracked = [
    quantities.Loss(),
    quantities.Alpha(schedule=linear(2)),
    quantities.NormTest(schedule=linear(2)),
    quantities.GradHist1d(schedule=linear(5)),
    quantities.HessMaxEV(schedule=linear(10)),
]
cockpit = Cockpit(model, loss_fn, optimizer, config=tracked, logdir="runs/paper")

for step, (_epoch, x, y) in enumerate(loader.take(40)):
    optimizer.zero_grad()
    outputs = model(x)
    loss = loss_fn(outputs, y)
    losses = losses_fn(outputs, y)
    info = {
        "batch_size": len(x),
        "individual_losses": losses,
        "loss": loss,
        "optimizer": optimizer,
    }
    with cockpit(step, Variance(), info=info):
        loss.backward(create_graph=cockpit.create_graph(step))
    optimizer.step()

    if step % 10 == 0:
        variance = model[1].weight.variance.mean().item()
        print(f"step {step}: loss {loss.item():.3f}, variance of the first weights {variance:.1e}")

cockpit.close()
print("Look at it: cockpit ui runs, or cockpit plot runs/paper -o paper.pdf")
