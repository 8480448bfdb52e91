"""What Cockpit cannot find out by itself is passed to it.

A functional loss is no module, so Cockpit does not see it: pass `loss=`, and `losses=` (one number
for each sample) for the quantities that need them, such as Alpha. What you measure yourself, for
example the accuracy on held-out images, is recorded by `cockpit.log`.
"""

import torch
import torch.nn.functional as F
from torch import nn

from cockpit import Cockpit
from cockpit.problems.data import Batches, fit_images, load

images = load("fashion-mnist", fallback=True)
loader = Batches(images.train, batch_size=128, shape=(1, 28, 28), seed=1)
held_out = fit_images(images.test.images[:1000] / 255, (1, 28, 28))
held_out_labels = images.test.labels[:1000]


class Net(nn.Module):
    """A small convolutional network."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 8, 5, stride=2)
        self.classes = nn.Linear(8 * 12 * 12, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classes(F.relu(self.features(images)).flatten(1))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

with Cockpit(model, F.cross_entropy, optimizer, logdir="runs/functional") as cockpit:
    for step, (epoch, x, y) in enumerate(loader.take(200)):
        optimizer.zero_grad()
        losses = F.cross_entropy(model(x), y, reduction="none")
        loss = losses.mean()
        with cockpit(step, loss=loss, losses=losses):
            loss.backward()
        optimizer.step()

        if step % 50 == 0:
            with torch.no_grad():
                outputs = model(held_out)
            cockpit.log(
                step,
                epoch=epoch,
                valid_loss=F.cross_entropy(outputs, held_out_labels).item(),
                valid_accuracy=(outputs.argmax(1) == held_out_labels).float().mean().item(),
            )
            print(f"step {step}: loss {loss.item():.3f}, α {cockpit.latest.get('Alpha')}")

print("Look at it: cockpit ui runs, or cockpit plot runs/functional -o functional.pdf")
