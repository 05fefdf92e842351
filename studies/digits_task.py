"""The task of ``digits.py``: scikit-learn's digits and a small convolutional network."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH_SIZE = 32
N_TEST, N_VALIDATION = 360, 240

OPTIMIZERS: dict[str, Callable[[nn.Module, float], torch.optim.Optimizer]] = {
    "sgd": lambda model, lr: torch.optim.SGD(model.parameters(), lr),
    "momentum": lambda model, lr: torch.optim.SGD(model.parameters(), lr, momentum=0.9),
    "adam": lambda model, lr: torch.optim.Adam(model.parameters(), lr),
    "adamw": lambda model, lr: torch.optim.AdamW(model.parameters(), lr),
    "rmsprop": lambda model, lr: torch.optim.RMSprop(model.parameters(), lr),
}


class Part(NamedTuple):
    """Images, shape (n, 1, 8, 8), and their labels, shape (n,)."""

    images: torch.Tensor
    labels: torch.Tensor

    def share(self, fraction: float) -> Part:
        """Return the first part of the examples, at least one batch."""
        n = max(BATCH_SIZE, round(fraction * len(self.labels)))
        return Part(self.images[:n], self.labels[:n])


class Digits(NamedTuple):
    """1197 digits to train on, 240 to validate on, 360 that nothing but the end ever sees."""

    train: Part
    validation: Part
    test: Part


def load() -> Digits:
    """Load the digits; the split is the same in every run, whatever its seed."""
    images, labels = load_digits(return_X_y=True)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))
    x = (torch.from_numpy(images).float().reshape(-1, 1, 8, 8)[order] - 5) / 6
    y = torch.from_numpy(labels).long()[order]
    cuts = (N_TEST, N_TEST + N_VALIDATION)
    return Digits(
        train=Part(x[cuts[1] :], y[cuts[1] :]),
        validation=Part(x[cuts[0] : cuts[1]], y[cuts[0] : cuts[1]]),
        test=Part(x[: cuts[0]], y[: cuts[0]]),
    )


def build_model(seed: int) -> nn.Module:
    """Build the network; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def batches(part: Part, seed: int) -> Iterator[Part]:
    """Yield batches for ever, in an order that the seed alone decides."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(part.labels), generator=generator)
        for chosen in order.split(BATCH_SIZE):  # type: ignore[no-untyped-call]  # torch
            yield Part(part.images[chosen], part.labels[chosen])


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Part) -> float:
    """Do one update and return the loss before it."""
    loss = cross_entropy(model(batch.images), batch.labels)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model: nn.Module, part: Part) -> tuple[float, float]:
    """Return loss and accuracy."""
    logits = model(part.images)
    accuracy = (logits.argmax(1) == part.labels).double().mean()
    return cross_entropy(logits, part.labels).item(), accuracy.item()
